"""The vector type and the arithmetic on it, lane by lane."""

import operator

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model


def _register_bytes() -> int:
    """The width of the host's vector registers."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") or features.get("avx") else 16


LANES = {types.float32: _register_bytes() // 4, types.float64: _register_bytes() // 8}


class Vector(types.Type):
    """`lanes` values of a Numba scalar type (float32, float64, int32, or boolean for masks)."""

    def __init__(self, scalar: types.Type, lanes: int) -> None:
        self.scalar, self.lanes = scalar, lanes
        super().__init__(name=f"Vector({scalar}, {lanes})")


ELEMENTS = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int32: ir.IntType(32),
    types.boolean: ir.IntType(1),
}


def llvm_type(vector: Vector) -> ir.VectorType:
    return ir.VectorType(ELEMENTS[vector.scalar], vector.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, llvm_type(vector))


def splat_value(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    kind = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), order)


def call_intrinsic(builder: ir.IRBuilder, name: str, kind: ir.Type, arguments: list[ir.Value]) -> ir.Value:
    signature = ir.FunctionType(kind, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def suffix(vector: Vector) -> str:
    return f"v{vector.lanes}{'f' if vector.scalar in LANES else 'i'}{64 if vector.scalar == types.float64 else 32}"


@intrinsic
def width_of(typing_context, vector):
    """The number of lanes of a vector, known at compile time."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(ir.IntType(types.intp.bitwidth), vector.lanes)

    return types.intp(vector), generate


@intrinsic
def splat(typing_context, value, like):
    """Every lane `value`; `like`, a vector or a floating-point pointer, gives the number of lanes."""
    lanes = like.lanes if isinstance(like, Vector) else LANES[like.dtype]
    vector = Vector(value, lanes)

    def generate(context, builder, signature, arguments):
        return splat_value(builder, arguments[0], lanes)

    return vector(value, like), generate


@intrinsic
def zero(typing_context, like):
    """Every lane 0."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(llvm_type(like), [0.0] * like.lanes)

    return like(like), generate


@intrinsic
def one(typing_context, like):
    """Every lane 1."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(llvm_type(like), [1.0] * like.lanes)

    return like(like), generate


def _binary(emit):
    """An intrinsic of two vectors of one type, by the IRBuilder method `emit`."""

    @intrinsic
    def operation(typing_context, a, b):
        def generate(context, builder, signature, arguments):
            return getattr(builder, emit)(*arguments)

        return a(a, b), generate

    return operation


def _define(python_operator, floating, integer=None):
    """Lower a Python operator for two vectors, or a vector and a scalar of its type.

    An overload would do, but Numba takes a hundredth of a second to compile each pair of types.
    """

    @infer_global(python_operator)
    class Arithmetic(AbstractTemplate):
        def generic(self, arguments, named):
            vectors = [argument for argument in arguments if isinstance(argument, Vector)]
            if not vectors or any(argument not in (vectors[0], vectors[0].scalar) for argument in arguments):
                return None
            return vectors[0](*arguments)

    def generate(context, builder, signature, arguments):
        vector = signature.return_type
        values = [
            value if isinstance(kind, Vector) else splat_value(builder, value, vector.lanes)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        return getattr(builder, floating if vector.scalar in LANES else integer)(*values)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(python_operator, *kinds)(generate)


_define(operator.add, "fadd", "add")
_define(operator.sub, "fsub", "sub")
_define(operator.mul, "fmul", "mul")
_define(operator.truediv, "fdiv")


@intrinsic
def fused(typing_context, a, b, c):
    """a * b + c, in one rounding where the host can."""

    def generate(context, builder, signature, arguments):
        return call_intrinsic(builder, f"llvm.fmuladd.{suffix(a)}", llvm_type(a), list(arguments))

    return a(a, a, a), generate


def _function(name: str):
    """An intrinsic of one vector, by LLVM's function of that name."""

    @intrinsic
    def function(typing_context, a):
        def generate(context, builder, signature, arguments):
            return call_intrinsic(builder, f"llvm.{name}.{suffix(a)}", llvm_type(a), list(arguments))

        return a(a), generate

    return function


sqrt, ceil, floor, absolute = (_function(name) for name in ("sqrt", "ceil", "floor", "fabs"))


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
both = _binary("and_")  # of two masks


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
