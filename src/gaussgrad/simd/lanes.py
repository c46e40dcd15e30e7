"""Lanes that change places, between pairs (x, y, x, y, ...) and a vector of x and one of y; and the largest lane."""

from llvmlite import ir
from numba.extending import intrinsic

from gaussgrad.simd.vector import call_intrinsic, llvm_type, suffix


def _picked(order):
    """An intrinsic of two vectors a and b: the lanes `order(lanes)` of a followed by b."""

    @intrinsic
    def pick(typing_context, a, b):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), a.lanes), order(a.lanes))

        def generate(context, builder, signature, arguments):
            return builder.shuffle_vector(*arguments, mask)

        return a(a, b), generate

    return pick


def _zipped(first: int, lanes: int) -> list[int]:
    """The places of a and b in turn, from lane `first` on."""
    return [first + lane // 2 + lanes * (lane % 2) for lane in range(lanes)]


evens = _picked(lambda lanes: list(range(0, 2 * lanes, 2)))
odds = _picked(lambda lanes: list(range(1, 2 * lanes, 2)))
zip_low = _picked(lambda lanes: _zipped(0, lanes))
zip_high = _picked(lambda lanes: _zipped(lanes // 2, lanes))


@intrinsic
def larger(typing_context, a, b):
    """Lane by lane, the larger."""

    def generate(context, builder, signature, arguments):
        return call_intrinsic(builder, f"llvm.maxnum.{suffix(a)}", llvm_type(a), list(arguments))

    return a(a, b), generate


@intrinsic
def largest(typing_context, vector):
    """The largest lane."""

    def generate(context, builder, signature, arguments):
        value, lanes = arguments[0], vector.lanes
        while lanes > 1:
            lanes //= 2
            low, high = (
                builder.shuffle_vector(
                    value, value, ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(first, first + lanes)))
                )
                for first in (0, lanes)
            )
            value = builder.select(builder.fcmp_ordered(">", low, high), low, high)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.scalar(vector), generate
