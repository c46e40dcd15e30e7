"""Lanes of several vectors: pairs (x, y, x, y, ...) parted and zipped again, many vectors each combined to one lane."""

from llvmlite import ir
from numba.extending import intrinsic

from gaussgrad.simd.vector import Vector, call_intrinsic, llvm_type, suffix


def _every_other(first: int, lanes: int) -> list[int]:
    """Every other lane of a followed by b."""
    return list(range(first, 2 * lanes, 2))


def _order(places: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)


def _picked(order):
    """An intrinsic of two vectors a and b: the lanes `order(lanes)` of a followed by b."""

    @intrinsic
    def pick(typing_context, a, b):
        def generate(context, builder, signature, arguments):
            return builder.shuffle_vector(*arguments, _order(order(a.lanes)))

        return a(a, b), generate

    return pick


def _zipped(first: int, lanes: int) -> list[int]:
    """The places of a and b in turn, from lane `first` on."""
    return [first + lane // 2 + lanes * (lane % 2) for lane in range(lanes)]


evens = _picked(lambda lanes: _every_other(0, lanes))
odds = _picked(lambda lanes: _every_other(1, lanes))
zip_low = _picked(lambda lanes: _zipped(0, lanes))
zip_high = _picked(lambda lanes: _zipped(lanes // 2, lanes))
shifted = _picked(lambda lanes: list(range(lanes - 1, 2 * lanes - 1)))  # the last lane of a, then b but for its last


def _larger(builder: ir.IRBuilder, vector: Vector, a: ir.Value, b: ir.Value) -> ir.Value:
    return call_intrinsic(builder, f"llvm.maxnum.{suffix(vector)}", llvm_type(vector), [a, b])


@intrinsic
def larger(typing_context, a, b):
    """Lane by lane, the larger."""

    def generate(context, builder, signature, arguments):
        return _larger(builder, a, *arguments)

    return a(a, b), generate


def _of_each(combine, halve=None):
    """An intrinsic of scratch that holds as many vectors as they have lanes: lane i is vector i, its lanes combined.

    All at once it takes three operations per vector, one by one three for every halving. `halve` 0 or 1 takes every
    other lane only, from there on.
    """

    @intrinsic
    def fold(typing_context, scratch, like):
        kind = llvm_type(like)

        def generate(context, builder, signature, arguments):
            base = builder.bitcast(arguments[0], kind.as_pointer())
            slots = [builder.gep(base, [ir.Constant(ir.IntType(64), i)], source_etype=kind) for i in range(like.lanes)]
            vectors = [builder.load(slot, typ=kind, align=4) for slot in slots]
            orders = [_order(_every_other(first, like.lanes)) for first in (0, 1)]
            halving = halve is not None
            while len(vectors) > 1:
                neighbours = list(zip(vectors[::2], vectors[1::2], strict=True))
                if halving:
                    vectors = [builder.shuffle_vector(a, b, orders[halve]) for a, b in neighbours]
                else:
                    parts = [[builder.shuffle_vector(a, b, order) for order in orders] for a, b in neighbours]
                    vectors = [combine(builder, like, *pair) for pair in parts]
                halving = False
            return vectors[0]

        return like(scratch, like), generate

    return fold


def _sum(builder: ir.IRBuilder, vector: Vector, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.fadd(a, b)


totals, totals_of_evens, totals_of_odds = _of_each(_sum), _of_each(_sum, 0), _of_each(_sum, 1)
maxima = _of_each(_larger)
