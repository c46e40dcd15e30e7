"""What the forward and the backward kernel share: one component at one point, and numbers of points spread to pairs.

Pairs of a point and a component lie end to end, as in memory, so that every vector is full whatever the number of
components; a block of points fits the first cache, or with many components the second.
"""

import math

import numpy as np
from numba import njit

from gaussgrad import simd

PAIRS_PER_BLOCK, MOST_PAIRS = 1024, 16384
GROUP = 16  # points; blocks are whole groups, so that they begin at whole cache lines whatever the number of components
LOG_FOUR_PI = math.log(4 * math.pi)
TOP, WEIGHTS, PEAK, JOINT = range(4)  # what is kept of a point: its largest logit, the sum of weights relative to that,
# its largest joint exponent, relative to the largest logit too, and the sum of the joint terms relative to both


@njit(**simd.INLINE)
def points_per_block(components):
    if GROUP * components > MOST_PAIRS:
        return max(1, MOST_PAIRS // components)
    return GROUP * max(1, PAIRS_PER_BLOCK // (GROUP * components))


@njit(**simd.INLINE)
def two(array, index, count, like):
    """Pairs (x, y) from place `index` on, as a vector of x and one of y; `count` pairs, 0 in the other lanes."""
    lanes = simd.width_of(like)
    low = simd.load(array, 2 * index, 2 * count, like)
    high = simd.load(array, 2 * index + lanes, 2 * count - lanes, like)
    return simd.evens(low, high), simd.odds(low, high)


@njit(**simd.INLINE)
def store_two(array, index, count, x, y):
    """Write `count` pairs (x, y) from place `index` on."""
    simd.store(array, 2 * index, 2 * count, simd.zip_low(x, y))
    simd.store(array, 2 * index + simd.width_of(x), 2 * count - simd.width_of(x), simd.zip_high(x, y))


@njit(**simd.INLINE)
def prefetch(at, logits, means, log_stddevs, atanh_correlations, like):
    """Ask for a vector of pairs before its turn: the processor itself follows too few of the six lines."""
    lanes = simd.width_of(like)
    simd.prefetch(logits, at)
    simd.prefetch(means, 2 * at)
    simd.prefetch(means, 2 * at + lanes)
    simd.prefetch(log_stddevs, 2 * at)
    simd.prefetch(log_stddevs, 2 * at + lanes)
    simd.prefetch(atanh_correlations, at)


@njit(**simd.INLINE)
def spread(number, room, point, components, like):
    """A number of a point, at all its pairs; the vector beyond the last is overwritten by the next point."""
    value = simd.splat(number, like)
    lanes = simd.width_of(like)
    for j in range(0, components, lanes):
        simd.store(room, point * components + j, lanes, value)


@njit(**simd.INLINE)
def exp_or_zero(x, lowest):
    """e**x for x <= 0, -infinity included."""
    return simd.select(simd.greater(x, simd.splat(lowest, x)), simd.exp(x), simd.zero(x))


@njit(**simd.INLINE)
def standardized(x, y, mean_x, mean_y, log_x, log_y, a):
    """Offsets in standard deviations, and the numbers of equations M3 and M4.

    (1/sigma_x, 1/sigma_y, o_x, o_y, d, |a|, the sign s, e^-|a|, 1/q)
    """
    nothing, unit = simd.zero(a), simd.one(a)
    inverse_x, inverse_y = simd.exp(nothing - log_x), simd.exp(nothing - log_y)
    o_x, o_y = (x - mean_x) * inverse_x, (y - mean_y) * inverse_y
    size = simd.absolute(a)
    sign = simd.select(simd.greater(nothing, a), nothing - unit, unit)
    large, small = simd.exp_both(size)
    steepness = (small + large) / (unit + unit)
    d = simd.fused(o_y - sign * o_x, steepness, sign * small * o_x)
    return inverse_x, inverse_y, o_x, o_y, d, size, sign, small, steepness


@njit(**simd.INLINE)
def joint_exponent(logit, log_x, log_y, o_x, d, size, number):
    """The logit and the log density of a component together, but for log((1 + e^-2|a|) / 4 pi); M2 and M4.

    The first factor, between 1 and 2, is cheaper beside the exponential than inside; the second is that of all.
    """
    return logit + (size - log_x - log_y - simd.fused(o_x, o_x, d * d) * number(0.5))


@simd.kernel
def valid_range(start, stop, points, logits, means, log_stddevs, atanh_correlations, limit):
    """Whether the points [start, stop) and their components hold nothing to refuse."""
    return all_valid(start, stop, points, logits, means, log_stddevs, atanh_correlations, limit)


@njit(**simd.INLINE)
def all_valid(start, stop, points, logits, means, log_stddevs, atanh_correlations, limit):
    """The same inside a kernel."""
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


@njit(**simd.INLINE)
def all_hold(mask, like):
    """Whether every lane of a mask holds."""
    return simd.total(simd.select(mask, simd.zero(like), simd.one(like))) == 0


@njit(**simd.INLINE)
def within(values, start, stop, limit):
    """Whether every magnitude is below the limit."""
    pointer = simd.address(values)
    like = simd.iota(pointer)
    good, nothing = simd.splat(limit, like), simd.zero(like)
    held = simd.equal(nothing, nothing)
    for i in range(start, stop, simd.lanes_of(pointer)):
        size = simd.absolute(simd.load(pointer, i, stop - i, like))
        held = simd.both(held, simd.greater(good, size))
    return all_hold(held, like)


@njit(**simd.INLINE)
def below_infinity(values, start, stop):
    """Whether no value is NaN or +infinity."""
    pointer = simd.address(values)
    like = simd.iota(pointer)
    infinity, nothing = simd.splat(values.dtype.type(np.inf), like), simd.zero(like)
    held = simd.equal(nothing, nothing)
    for i in range(start, stop, simd.lanes_of(pointer)):
        held = simd.both(held, simd.greater(infinity, simd.load(pointer, i, stop - i, like)))
    return all_hold(held, like)
