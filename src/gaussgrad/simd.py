"""A vector type for Numba kernels: a register full of float32, float64 or int32 values, and the arithmetic on it.

Numba's loop vectoriser needs 64 elements before it starts; the rows of a Gaussian are 20 long. With explicit vectors a
kernel says itself what is done at once. All arithmetic is IEEE (no reassociation), so equal expressions give equal bits
wherever they stand. Vectors are values: they live in registers and are never stored in Python objects.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model


def _register_bytes() -> int:
    """The width of the host's vector registers."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") or features.get("avx") else 16


LANES = {types.float32: _register_bytes() // 4, types.float64: _register_bytes() // 8}


INLINE: dict[str, Any] = {"forceinline": True, "nogil": True, "error_model": "numpy"}
"""Options of every function inside a kernel: one that stays a call costs more than a row of pixels."""


class Vector(types.Type):
    """`lanes` values of a Numba scalar type (float32, float64, int32, or boolean for masks)."""

    def __init__(self, scalar: types.Type, lanes: int) -> None:
        self.scalar, self.lanes = scalar, lanes
        super().__init__(name=f"Vector({scalar}, {lanes})")


_ELEMENTS = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int32: ir.IntType(32),
    types.boolean: ir.IntType(1),
}


def _llvm(vector: Vector) -> ir.VectorType:
    return ir.VectorType(_ELEMENTS[vector.scalar], vector.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, _llvm(vector))


def _splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    kind = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), order)


def _call(builder: ir.IRBuilder, name: str, kind: ir.Type, arguments: list[ir.Value]) -> ir.Value:
    signature = ir.FunctionType(kind, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def _suffix(vector: Vector) -> str:
    return f"v{vector.lanes}{'f' if vector.scalar in LANES else 'i'}{64 if vector.scalar == types.float64 else 32}"


def static(value: int) -> tuple[None, ...]:
    """A small integer that kernels know at compile time, by `value_of`: a tuple of that length."""
    return (None,) * value


def value_of(number):
    """The integer that `static` made (kernels only)."""
    raise NotImplementedError("value_of is for compiled kernels")


@overload(value_of, jit_options=INLINE)
def _value_of(number):
    length = len(number)
    return lambda number: length


def width_of(vector):
    """The number of lanes of a vector, known at compile time (kernels only)."""
    raise NotImplementedError("width_of is for compiled kernels")


@overload(width_of, jit_options=INLINE)
def _width_of(vector):
    lanes = vector.lanes
    return lambda vector: lanes


def scalar_type(pointer):
    """The dtype of the elements, as a function that converts to it (kernels only)."""
    raise NotImplementedError("scalar_type is for compiled kernels")


@overload(scalar_type, jit_options=INLINE)
def _scalar_type(pointer):
    scalar = pointer.dtype
    return lambda pointer: scalar


@intrinsic
def address(typing_context, array):
    """A pointer to the first element of a contiguous array: unlike the array it costs nothing to pass on.

    The array must outlive it; entry kernels take arrays and hand pointers down.
    """

    def generate(context, builder, signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def peek(typing_context, pointer, index):
    """The scalar at `index`."""

    def generate(context, builder, signature, arguments):
        return builder.load(builder.gep(arguments[0], [arguments[1]]))

    return pointer.dtype(pointer, types.intp), generate


def lanes_of(pointer):
    """The number of lanes of vectors of the pointer's dtype, known at compile time (kernels only)."""
    raise NotImplementedError("lanes_of is for compiled kernels")


@overload(lanes_of, jit_options=INLINE)
def _lanes_of(pointer):
    lanes = LANES[pointer.dtype]
    return lambda pointer: lanes


@intrinsic
def splat(typing_context, value, like):
    """Every lane `value`; `like`, a vector or a floating-point pointer, gives the number of lanes."""
    lanes = like.lanes if isinstance(like, Vector) else LANES[like.dtype]
    vector = Vector(value, lanes)

    def generate(context, builder, signature, arguments):
        return _splat(builder, arguments[0], lanes)

    return vector(value, like), generate


@intrinsic
def zero(typing_context, like):
    """Every lane 0."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(_llvm(like), [0.0] * like.lanes)

    return like(like), generate


@intrinsic
def one(typing_context, like):
    """Every lane 1."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(_llvm(like), [1.0] * like.lanes)

    return like(like), generate


@intrinsic
def iota(typing_context, like):
    """0, 1, 2, ... in the dtype of the pointer `like`."""
    vector = Vector(like.dtype, LANES[like.dtype])

    def generate(context, builder, signature, arguments):
        return ir.Constant(_llvm(vector), [float(i) for i in range(vector.lanes)])

    return vector(like), generate


def _first_lanes(builder: ir.IRBuilder, count: ir.Value, lanes: int) -> ir.Value:
    """The mask of the first `count` lanes."""
    narrow = builder.trunc(count, ir.IntType(32))
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
    return builder.icmp_signed("<", order, _splat(builder, narrow, lanes))


def _masked_access(name: str, pointer: types.CPointer, vector: Vector):
    """The pieces of a masked load or store: the function's name, and the address, alignment and mask of a call."""
    kind = _llvm(vector)

    def pieces(builder, base, index, count):
        place = builder.bitcast(builder.gep(base, [index]), kind.as_pointer())
        align = ir.Constant(ir.IntType(32), pointer.dtype.bitwidth // 8)
        return place, align, _first_lanes(builder, count, vector.lanes)

    return f"llvm.masked.{name}.{_suffix(vector)}.p0", pieces


@intrinsic
def scratch(typing_context, like, count):
    """A pointer to room for `static` many vectors on the stack; constant places in it become registers."""
    slots = max(1, len(count))

    def generate(context, builder, signature, arguments):
        room = cgutils.alloca_once(builder, _llvm(like), size=slots)
        return builder.bitcast(room, _ELEMENTS[like.scalar].as_pointer())

    return types.CPointer(like.scalar)(like, count), generate


@intrinsic
def get(typing_context, pointer, slot, like):
    """The vector at place `slot` of scratch."""

    def generate(context, builder, signature, arguments):
        room = builder.bitcast(arguments[0], _llvm(like).as_pointer())
        place = builder.gep(room, [arguments[1]], source_etype=_llvm(like))
        return builder.load(place, typ=_llvm(like), align=4)

    return like(pointer, types.intp, like), generate


@intrinsic
def put(typing_context, pointer, slot, value):
    """Write a vector to place `slot` of scratch."""

    def generate(context, builder, signature, arguments):
        room = builder.bitcast(arguments[0], _llvm(value).as_pointer())
        place = builder.gep(room, [arguments[1]], source_etype=_llvm(value))
        builder.store(arguments[2], place, align=4)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), generate


@intrinsic
def load(typing_context, pointer, index, count, like):
    """`count` elements from `index` on in the first lanes, 0 in the others; as many lanes as the vector `like`."""
    vector = Vector(pointer.dtype, like.lanes)
    name, pieces = _masked_access("load", pointer, vector)

    def generate(context, builder, signature, arguments):
        zeros = ir.Constant(_llvm(vector), None)
        return _call(builder, name, _llvm(vector), [*pieces(builder, *arguments[:3]), zeros])

    return vector(pointer, types.intp, types.intp, like), generate


@intrinsic
def store(typing_context, pointer, index, count, value):
    """Write the first `count` lanes of `value` from `index` on."""
    name, pieces = _masked_access("store", pointer, value)

    def generate(context, builder, signature, arguments):
        _call(builder, name, ir.VoidType(), [arguments[3], *pieces(builder, *arguments[:3])])
        return context.get_dummy_value()

    return types.void(pointer, types.intp, types.intp, value), generate


def _binary(emit):
    """An intrinsic of two vectors of one type, by the IRBuilder method `emit`."""

    @intrinsic
    def operation(typing_context, a, b):
        def generate(context, builder, signature, arguments):
            return getattr(builder, emit)(*arguments)

        return a(a, b), generate

    return operation


def _define(python_operator, floating, integer=None):
    """Overload a Python operator for two vectors, or a vector and a scalar of its type."""
    on_floats = _binary(floating)
    on_integers = _binary(integer) if integer else None

    def implementation(a, b):
        vector = a if isinstance(a, Vector) else b
        if not isinstance(vector, Vector):
            return None
        emit = on_floats if vector.scalar in LANES else on_integers
        if not isinstance(b, Vector):
            return lambda a, b: emit(a, splat(b, a))
        if not isinstance(a, Vector):
            return lambda a, b: emit(splat(a, b), b)
        return lambda a, b: emit(a, b)

    overload(python_operator, jit_options=INLINE)(implementation)


_define(operator.add, "fadd", "add")
_define(operator.sub, "fsub", "sub")
_define(operator.mul, "fmul", "mul")
_define(operator.truediv, "fdiv")


@intrinsic
def fused(typing_context, a, b, c):
    """a * b + c, in one rounding where the host can."""

    def generate(context, builder, signature, arguments):
        return _call(builder, f"llvm.fmuladd.{_suffix(a)}", _llvm(a), list(arguments))

    return a(a, a, a), generate


def _comparison(symbol: str):
    @intrinsic
    def compare(typing_context, a, b):
        floating = a.scalar in LANES

        def generate(context, builder, signature, arguments):
            emit = builder.fcmp_ordered if floating else builder.icmp_signed
            return emit(symbol, *arguments)

        return Vector(types.boolean, a.lanes)(a, b), generate

    return compare


greater = _comparison(">")
equal = _comparison("==")


@intrinsic
def select(typing_context, mask, a, b):
    """Lane by lane, `a` where the mask holds, else `b`."""

    def generate(context, builder, signature, arguments):
        return builder.select(*arguments)

    return a(mask, a, b), generate


@intrinsic
def total(typing_context, vector):
    """The sum over the lanes, pairwise: always in the same order."""

    def generate(context, builder, signature, arguments):
        value, lanes = arguments[0], vector.lanes
        while lanes > 1:
            lanes //= 2
            halves = [
                builder.shuffle_vector(
                    value, value, ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(first, first + lanes)))
                )
                for first in (0, lanes)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.scalar(vector), generate


@intrinsic
def _shift_exponent(typing_context, value, shifted):
    """value * 2**k, where `shifted` is k + magic (see `exp`): its low bits, moved up, are added to the exponent."""
    bits, mantissa = (32, 23) if value.scalar == types.float32 else (64, 52)
    whole = ir.VectorType(ir.IntType(bits), value.lanes)

    def generate(context, builder, signature, arguments):
        integers = [builder.bitcast(argument, whole) for argument in arguments]
        move = ir.Constant(whole, [mantissa] * value.lanes)
        exponent = builder.shl(integers[1], move)
        return builder.bitcast(builder.add(integers[0], exponent), _llvm(value))

    return value(value, shifted), generate


# exp(r) on |r| <= log(2)/2 by its Taylor series (the last term is below half a unit in the last place)
_TERMS = {
    types.float32: tuple(np.float32(1 / c) for c in (1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0, 5040.0)),
    types.float64: tuple(1 / float(c) for c in np.cumprod([1.0, *range(1, 14)])),
}
# log(2) in two parts (the first with trailing zeros, so that k * high is exact), and 1.5 * 2**mantissa, which rounds
_CONSTANTS = {
    types.float32: tuple(np.float32(c) for c in (1.4426950408889634, 0.693359375, -2.12194440e-4, 12582912.0)),
    types.float64: (1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10, 6755399441055744.0),
}
# below it the result is not a normal number: e^x counts as 0
LOWEST = {np.dtype("float32"): np.float32(-87.3), np.dtype("float64"): np.float64(-708.3)}


def exp(x):
    """e**x for x <= 0 and above LOWEST (kernels only); relative error below 2 units in the last place."""
    raise NotImplementedError("simd.exp is for compiled kernels")


@overload(exp, jit_options=INLINE)
def _exp(x):
    log2e, high, low, magic = _CONSTANTS[x.scalar]
    terms = _TERMS[x.scalar]
    last = len(terms) - 1
    reversed_terms = tuple(reversed(terms[:last]))
    top = terms[last]

    def implementation(x):
        shifted = fused(x, splat(log2e, x), splat(magic, x))
        k = shifted - splat(magic, x)
        r = fused(k, splat(-low, x), fused(k, splat(-high, x), x))
        value = splat(top, x)
        for term in reversed_terms:
            value = fused(value, r, splat(term, x))
        return _shift_exponent(value, shifted)

    return implementation
