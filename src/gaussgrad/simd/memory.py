"""Between memory and vectors: pointers, masked access, and places for vectors on the stack."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gaussgrad.simd.vector import ELEMENTS, LANES, Vector, call_intrinsic, llvm_type, splat_value, suffix


@intrinsic
def scalar_type(typing_context, pointer):
    """The dtype of the elements, as a function that converts to it."""

    def generate(context, builder, signature, arguments):
        return context.get_dummy_value()

    return types.NumberClass(pointer.dtype)(pointer), generate


@intrinsic
def address(typing_context, array):
    """A pointer to the first element of a contiguous array: unlike the array it costs nothing to pass on.

    The array must outlive it: what an entry kernel makes itself, it must `keep`.
    """

    def generate(context, builder, signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def keep(typing_context, array):
    """Hold the array until here: Numba frees one after its own last use, whatever still points into it."""

    def generate(context, builder, signature, arguments):
        return context.get_dummy_value()

    return types.void(array), generate


@intrinsic
def peek(typing_context, pointer, index):
    """The scalar at `index`."""

    def generate(context, builder, signature, arguments):
        return builder.load(builder.gep(arguments[0], [arguments[1]]))

    return pointer.dtype(pointer, types.intp), generate


@intrinsic
def poke(typing_context, pointer, index, value):
    """Write a scalar to `index`."""

    def generate(context, builder, signature, arguments):
        builder.store(arguments[2], builder.gep(arguments[0], [arguments[1]]))
        return context.get_dummy_value()

    return types.void(pointer, types.intp, pointer.dtype), generate


@intrinsic
def lanes_of(typing_context, pointer):
    """The number of lanes of vectors of the pointer's dtype, known at compile time."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(ir.IntType(types.intp.bitwidth), LANES[pointer.dtype])

    return types.intp(pointer), generate


@intrinsic
def iota(typing_context, like):
    """0, 1, 2, ... in the dtype of the pointer `like`."""
    vector = Vector(like.dtype, LANES[like.dtype])

    def generate(context, builder, signature, arguments):
        return ir.Constant(llvm_type(vector), [float(i) for i in range(vector.lanes)])

    return vector(like), generate


@intrinsic
def iota64(typing_context):
    """0, 1, 2, ... in float64."""
    vector = Vector(types.float64, LANES[types.float64])

    def generate(context, builder, signature, arguments):
        return ir.Constant(llvm_type(vector), [float(i) for i in range(vector.lanes)])

    return vector(), generate


def _first_lanes(builder: ir.IRBuilder, count: ir.Value, lanes: int) -> ir.Value:
    """The mask of the first `count` lanes."""
    most = ir.Constant(count.type, lanes)  # a count beyond 32 bits must not turn negative
    narrow = builder.trunc(builder.select(builder.icmp_signed("<", count, most), count, most), ir.IntType(32))
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
    return builder.icmp_signed("<", order, splat_value(builder, narrow, lanes))


def _masked_access(name: str, pointer: types.CPointer, vector: Vector):
    """The pieces of a masked load or store: the function's name, and the address, alignment and mask of a call."""
    kind = llvm_type(vector)

    def pieces(builder, base, index, count):
        place = builder.bitcast(builder.gep(base, [index]), kind.as_pointer())
        align = ir.Constant(ir.IntType(32), pointer.dtype.bitwidth // 8)
        return place, align, _first_lanes(builder, count, vector.lanes)

    return f"llvm.masked.{name}.{suffix(vector)}.p0", pieces


@intrinsic
def scratch(typing_context, like, count):
    """A pointer to places for `static` many vectors on the stack; constant places in it become registers."""
    slots = max(1, len(count))

    def generate(context, builder, signature, arguments):
        block = cgutils.alloca_once(builder, llvm_type(like), size=slots)
        return builder.bitcast(block, ELEMENTS[like.scalar].as_pointer())

    return types.CPointer(like.scalar)(like, count), generate


@intrinsic
def get(typing_context, pointer, slot, like):
    """The vector at place `slot` of scratch."""

    def generate(context, builder, signature, arguments):
        block = builder.bitcast(arguments[0], llvm_type(like).as_pointer())
        place = builder.gep(block, [arguments[1]], source_etype=llvm_type(like))
        return builder.load(place, typ=llvm_type(like), align=4)

    return like(pointer, types.intp, like), generate


@intrinsic
def put(typing_context, pointer, slot, value):
    """Write a vector to place `slot` of scratch."""

    def generate(context, builder, signature, arguments):
        block = builder.bitcast(arguments[0], llvm_type(value).as_pointer())
        place = builder.gep(block, [arguments[1]], source_etype=llvm_type(value))
        builder.store(arguments[2], place, align=4)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), generate


@intrinsic
def load(typing_context, pointer, index, count, like):
    """`count` elements from `index` on in the first lanes, 0 in the others; as many lanes as the vector `like`."""
    vector = Vector(pointer.dtype, like.lanes)
    name, pieces = _masked_access("load", pointer, vector)

    def generate(context, builder, signature, arguments):
        zeros = ir.Constant(llvm_type(vector), None)
        return call_intrinsic(builder, name, llvm_type(vector), [*pieces(builder, *arguments[:3]), zeros])

    return vector(pointer, types.intp, types.intp, like), generate


@intrinsic
def store(typing_context, pointer, index, count, value):
    """Write the first `count` lanes of `value` from `index` on."""
    name, pieces = _masked_access("store", pointer, value)

    def generate(context, builder, signature, arguments):
        call_intrinsic(builder, name, ir.VoidType(), [arguments[3], *pieces(builder, *arguments[:3])])
        return context.get_dummy_value()

    return types.void(pointer, types.intp, types.intp, value), generate


@intrinsic
def write(typing_context, pointer, index, value):
    """Write all lanes of `value` from `index` on, in the dtype of the elements: float64 is rounded or cut off."""

    def generate(context, builder, signature, arguments):
        converted, kind = arguments[2], ir.VectorType(ELEMENTS[pointer.dtype], value.lanes)
        if pointer.dtype != value.scalar:
            converted = (builder.fptosi if pointer.dtype == types.int32 else builder.fptrunc)(converted, kind)
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), kind.as_pointer())
        builder.store(converted, place, align=pointer.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), generate


@intrinsic
def stream(typing_context, pointer, index, value):
    """Write the whole `value` from `index` on, an aligned place, past the cache: for what is not read again soon.

    Other threads see it after `settle`.
    """

    def generate(context, builder, signature, arguments):
        kind = llvm_type(value)
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), kind.as_pointer())
        written = builder.store(arguments[2], place, align=value.lanes * value.scalar.bitwidth // 8)
        written.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), generate


@intrinsic
def settle(typing_context):
    """Wait until what was streamed has arrived."""

    def generate(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def prefetch(typing_context, pointer, index):
    """Ask for the cache line of the element at `index`, which may lie beyond the array."""

    def generate(context, builder, signature, arguments):
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), ir.IntType(8).as_pointer())
        read, keep_it, data = (ir.Constant(ir.IntType(32), number) for number in (0, 3, 1))
        call_intrinsic(builder, "llvm.prefetch.p0", ir.VoidType(), [place, read, keep_it, data])
        return context.get_dummy_value()

    return types.void(pointer, types.intp), generate


@intrinsic
def forget(typing_context):
    """From here on `peek` reads from memory again: in a loop, what it reads takes no register beyond its use."""

    def generate(context, builder, signature, arguments):
        builder.fence("acq_rel", "singlethread")  # to the compiler alone; no instruction
        return context.get_dummy_value()

    return types.void(), generate
