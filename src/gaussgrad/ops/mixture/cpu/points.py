"""Between points and their pairs: numbers of points spread over pairs, and those of pairs combined at points.

A vector of points holds as many as it has lanes; lane by lane their pairs lie end to end, k to a point.
"""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.mixture.cpu.pairs import store_two, two

PER_POINT = simd.static(max(simd.LANES.values()))  # vectors of scratch, one for each point of a vector


@simd.inlined
def at_pairs(first, second, third, point, ends, k, like):
    """Three numbers of points, at the pairs of one vector.

    Its first pair is of `point`, whose pairs end `ends` lanes on (at least one); the same two for the next vector
    follow. The point that begins the next vector is read, whether there is one or not, and not used.
    """
    lanes = simd.width_of(like)
    a = simd.splat(simd.peek(first, point), like)
    b = simd.splat(simd.peek(second, point), like)
    c = simd.splat(simd.peek(third, point), like)
    while ends <= lanes:
        point += 1
        later = simd.greater(simd.iota(first), simd.splat(simd.scalar_type(first)(ends - 1), like))
        a = simd.select(later, simd.splat(simd.peek(first, point), like), a)
        b = simd.select(later, simd.splat(simd.peek(second, point), like), b)
        c = simd.select(later, simd.splat(simd.peek(third, point), like), c)
        ends += k
    return a, b, c, point, ends - lanes


@simd.inlined
def largest_of_runs(values, at, count, k, vectors, like):
    """Lane p: the largest of the k values of run p, end to end from place `at` on; -infinity beyond `count` runs.

    `vectors` is `PER_POINT` of scratch.
    """
    lanes, number = simd.width_of(like), simd.scalar_type(values)
    whole = k - k % lanes
    none = simd.splat(number(-np.inf), like)
    rest = simd.greater(simd.splat(number(k - whole), like), simd.iota(values))
    for p in range(lanes):
        top = none
        if p < count:
            run = at + p * k
            for j in range(0, whole, lanes):
                top = simd.larger(top, simd.load(values, run + j, lanes, like))
            top = simd.larger(top, simd.select(rest, simd.load(values, run + whole, k - whole, like), none))
        simd.put(vectors, p, top)
    return simd.maxima(vectors, like)


@simd.inlined
def add_runs(values, at, count, k, vectors, like):
    """Into vector p of `vectors`, which is `PER_POINT` of scratch: the k values of run p, added up but for the lanes.

    `simd.totals` and its kin then make the sum of each run of it; 0 beyond `count` runs.
    """
    lanes = simd.width_of(like)
    whole = k - k % lanes
    for p in range(lanes):
        total = simd.zero(like)
        if p < count:
            run = at + p * k
            for j in range(0, whole, lanes):
                total = total + simd.load(values, run + j, lanes, like)
            total = total + simd.load(values, run + whole, k - whole, like)
        simd.put(vectors, p, total)


@simd.inlined
def load_four(array, point, count, like):
    """The four numbers of each point of (b, 4), a vector of points each; 0 beyond `count` points."""
    a_and_c, b_and_d = two(array, 2 * point, 2 * count, like)
    lanes = simd.width_of(like)
    more_a_and_c, more_b_and_d = two(array, 2 * point + lanes, 2 * count - lanes, like)
    return (
        simd.evens(a_and_c, more_a_and_c),
        simd.evens(b_and_d, more_b_and_d),
        simd.odds(a_and_c, more_a_and_c),
        simd.odds(b_and_d, more_b_and_d),
    )


@simd.inlined
def store_four(array, point, count, a, b, c, d):
    """Write the four numbers of `count` points."""
    lanes = simd.width_of(a)
    store_two(array, 2 * point, 2 * count, simd.zip_low(a, c), simd.zip_low(b, d))
    store_two(array, 2 * point + lanes, 2 * count - lanes, simd.zip_high(a, c), simd.zip_high(b, d))
