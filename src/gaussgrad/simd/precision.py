"""Between vectors of float64 and of float32, of which one holds twice as many."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gaussgrad.simd.vector import Vector, llvm_type


def _lanes(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, places: range) -> ir.Value:
    """Some of the lanes of a followed by b."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places)))


@intrinsic
def narrowed(typing_context, low, high):
    """The lanes of two vectors of float64, one after the other, in float32."""
    vector = Vector(types.float32, 2 * low.lanes)

    def generate(context, builder, signature, arguments):
        return builder.fptrunc(_lanes(builder, *arguments, range(vector.lanes)), llvm_type(vector))

    return vector(low, high), generate


def _widened(half: int):
    """An intrinsic of a vector of float32: the first or the second half of its lanes in float64."""

    @intrinsic
    def widen(typing_context, value):
        lanes = value.lanes // 2
        vector = Vector(types.float64, lanes)

        def generate(context, builder, signature, arguments):
            part = _lanes(builder, arguments[0], arguments[0], range(half * lanes, (half + 1) * lanes))
            return builder.fpext(part, llvm_type(vector))

        return vector(value), generate

    return widen


widened_low, widened_high = _widened(0), _widened(1)
