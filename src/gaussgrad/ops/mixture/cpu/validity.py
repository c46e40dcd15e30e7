"""Whether values are such that nothing is to be refused, told quickly."""

import numpy as np

from gaussgrad import simd


@simd.kernel
def valid_range(start, stop, points, logits, means, log_stddevs, atanh_correlations, limit):
    """Whether the points [start, stop) and their components hold nothing to refuse."""
    k = logits.shape[1]
    top = logits.dtype.type(np.inf)
    fine = within(points.reshape(-1), 2 * start, 2 * stop, top) and within(
        means.reshape(-1), 2 * k * start, 2 * k * stop, top
    )
    fine = fine and within(log_stddevs.reshape(-1), 2 * k * start, 2 * k * stop, limit)
    fine = fine and within(atanh_correlations.reshape(-1), k * start, k * stop, limit)
    if not (fine and below_infinity(logits.reshape(-1), k * start, k * stop)):
        return False
    for p in range(start, stop):
        any_weight = False
        for j in range(k):
            if logits[p, j] > -top:
                any_weight = True
                break
        if not any_weight:
            return False
    return True


@simd.inlined
def holds_everywhere(mask, like):
    """Whether every lane of a mask holds."""
    return simd.total(simd.select(mask, simd.zero(like), simd.one(like))) == 0


@simd.inlined
def within(values, start, stop, limit):
    """Whether every magnitude is below the limit."""
    pointer = simd.address(values)
    like = simd.iota(pointer)
    good, nothing = simd.splat(limit, like), simd.zero(like)
    held = simd.equal(nothing, nothing)
    for i in range(start, stop, simd.lanes_of(pointer)):
        size = simd.absolute(simd.load(pointer, i, stop - i, like))
        held = simd.both(held, simd.greater(good, size))
    return holds_everywhere(held, like)


@simd.inlined
def below_infinity(values, start, stop):
    """Whether no value is NaN or +infinity."""
    pointer = simd.address(values)
    like = simd.iota(pointer)
    infinity, nothing = simd.splat(values.dtype.type(np.inf), like), simd.zero(like)
    held = simd.equal(nothing, nothing)
    for i in range(start, stop, simd.lanes_of(pointer)):
        held = simd.both(held, simd.greater(infinity, simd.load(pointer, i, stop - i, like)))
    return holds_everywhere(held, like)
