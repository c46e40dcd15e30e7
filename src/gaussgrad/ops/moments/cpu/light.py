"""The light that logits stand for."""

import numpy as np

from gaussgrad import simd

ONE = simd.static(1)


@simd.inlined
def relative_exponential(logits, top, inverse, lowest):
    """e^((logit - top) / T), 0 where that is no normal number."""
    exponent = (logits - top) * inverse
    return simd.select(simd.greater(exponent, simd.splat(lowest, exponent)), simd.exp(exponent), simd.zero(exponent))


@simd.inlined
def largest(values, at, count, like):
    """The largest of `count` values from place `at` on; NaN is passed over."""
    lanes, number = simd.width_of(like), simd.scalar_type(values)
    none = simd.splat(number(-np.inf), like)
    tops = none
    for i in range(0, count, lanes):
        inside = simd.greater(simd.splat(number(min(count - i, lanes)), like), simd.iota(values))
        tops = simd.larger(tops, simd.select(inside, simd.load(values, at + i, count - i, like), none))
    place = simd.scratch(like, ONE)
    simd.put(place, 0, tops)
    top = simd.peek(place, 0)
    for lane in range(1, lanes):
        top = max(top, simd.peek(place, lane))
    return top


@simd.inlined
def holds_everywhere(mask, like):
    """Whether every lane of a mask holds."""
    return simd.total(simd.select(mask, simd.zero(like), simd.one(like))) == 0
