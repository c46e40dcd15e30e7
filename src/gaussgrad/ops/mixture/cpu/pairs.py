"""What the forward and the backward kernel share of pairs: blocks of them, and one component at one point.

Pairs of a point and a component lie end to end, as in memory, so that every vector is full whatever the number of
components; a block of points fits the first cache, or with many components the second.
"""

import math

from gaussgrad import simd

PAIRS_PER_BLOCK = 1024  # about; their numbers fit the first cache
MOST_PAIRS = 16384  # in a block of whole groups; their numbers fit the second cache
GROUP = 16  # points; blocks of whole groups begin at whole cache lines, whatever the number of components
LOG_FOUR_PI = math.log(4 * math.pi)


def points_per_block(components):
    """Whole groups, but where the pairs of one would be too many."""
    if GROUP * components > MOST_PAIRS:
        return max(1, MOST_PAIRS // components)
    return GROUP * max(1, PAIRS_PER_BLOCK // (GROUP * components))


@simd.inlined
def two(array, index, count, like):
    """Pairs (x, y) from place `index` on, as a vector of x and one of y; `count` pairs, 0 in the other lanes."""
    lanes = simd.width_of(like)
    low = simd.load(array, 2 * index, 2 * count, like)
    high = simd.load(array, 2 * index + lanes, 2 * count - lanes, like)
    return simd.evens(low, high), simd.odds(low, high)


@simd.inlined
def store_two(array, index, count, x, y):
    """Write `count` pairs (x, y) from place `index` on."""
    simd.store(array, 2 * index, 2 * count, simd.zip_low(x, y))
    simd.store(array, 2 * index + simd.width_of(x), 2 * count - simd.width_of(x), simd.zip_high(x, y))


@simd.inlined
def stream_two(array, index, x, y):
    """The same of whole vectors at aligned places, past the cache."""
    simd.stream(array, 2 * index, simd.zip_low(x, y))
    simd.stream(array, 2 * index + simd.width_of(x), simd.zip_high(x, y))


@simd.inlined
def prefetch(at, mixture, like):
    """Ask for a vector of pairs before its turn: the processor itself follows too few of the six lines."""
    lanes = simd.width_of(like)
    simd.prefetch(mixture.logits, at)
    simd.prefetch(mixture.means, 2 * at)
    simd.prefetch(mixture.means, 2 * at + lanes)
    simd.prefetch(mixture.log_stddevs, 2 * at)
    simd.prefetch(mixture.log_stddevs, 2 * at + lanes)
    simd.prefetch(mixture.atanh_correlations, at)


@simd.inlined
def exp_or_zero(x, lowest):
    """e**x for x <= 0, -infinity included."""
    return simd.select(simd.greater(x, simd.splat(lowest, x)), simd.exp(x), simd.zero(x))


@simd.inlined
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


@simd.inlined
def joint_exponent(logit, log_x, log_y, o_x, d, size, number):
    """The logit and the log density of a component together, but for log((1 + e^-2|a|) / 4 pi); M2 and M4.

    The first factor, between 1 and 2, is cheaper beside the exponential than inside; the second is that of all.
    """
    return logit + (size - log_x - log_y - simd.fused(o_x, o_x, d * d) * number(0.5))
