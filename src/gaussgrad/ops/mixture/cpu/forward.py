"""The forward kernel: one pass over the components of a block of points."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.mixture.cpu.pairs import (
    LOG_FOUR_PI,
    exp_or_zero,
    joint_exponent,
    prefetch,
    standardized,
    two,
)
from gaussgrad.ops.mixture.cpu.points import PER_POINT, add_runs, at_pairs, largest_of_runs, store_four
from gaussgrad.ops.mixture.cpu.records import Mixture, Pairs, Points, addresses
from gaussgrad.ops.mixture.cpu.validity import holds_everywhere


@simd.inlined
def joint_exponents(at, count, k, points, mixture, pairs, lowest, limit, like):
    """The joint exponents of `count` pairs, e^-2|a| of their correlations, and their weights; whether all were valid.

    Exponents and weights are relative to the largest weight of the point; equations M2, M4 and M6. Valid is what
    `valid_range` says; a logit of NaN or +infinity, or a point without any weight, makes a relative logit of NaN.
    """
    number = simd.scalar_type(mixture.logits)
    lanes = simd.width_of(like)
    infinity, limits = simd.splat(number(np.inf), like), simd.splat(limit, like)
    held = simd.equal(like, like)
    point, ends = 0, k
    for i in range(0, count, lanes):
        left = count - i
        prefetch(at + count + i, mixture, like)  # of the next block
        x, y, top, point, ends = at_pairs(points.x, points.y, points.top, point, ends, k, like)
        mean_x, mean_y = two(mixture.means, at + i, left, like)
        log_x, log_y = two(mixture.log_stddevs, at + i, left, like)
        a = simd.load(mixture.atanh_correlations, at + i, left, like)
        _, _, o_x, _, d, size, _, small, _ = standardized(x, y, mean_x, mean_y, log_x, log_y, a)
        logit = simd.load(mixture.logits, at + i, left, like) - top
        simd.store(pairs.joint, i, lanes, joint_exponent(logit, log_x, log_y, o_x, d, size, number))
        simd.store(pairs.square, i, lanes, small * small)
        simd.store(pairs.weight, i, lanes, exp_or_zero(logit, lowest))
        held = simd.both(held, simd.equal(logit, logit))
        held = simd.both(held, simd.greater(infinity, simd.absolute(mean_x)))
        held = simd.both(held, simd.greater(infinity, simd.absolute(mean_y)))
        held = simd.both(held, simd.greater(limits, simd.absolute(log_x)))
        held = simd.both(held, simd.greater(limits, simd.absolute(log_y)))
        held = simd.both(held, simd.greater(limits, size))
    return holds_everywhere(held, like)


@simd.kernel
def mix(start, stop, block, mixture, lowest, limit, out, kept):
    """The log densities at the points [start, stop), in blocks of so many; each has its one owner (equation M6).

    `mixture` holds the fields of `Mixture`.

    `kept` (b, 4) gets what the backward pass needs of each point: its largest logit, the sum of the weights relative to
    that, the largest joint exponent, relative to it too, and the sum of the joint terms, relative to both. Returned is
    whether all values were valid; after the first block that holds others, nothing is computed.
    """
    mixture = Mixture(*mixture)
    k, kind = mixture.logits.shape[1], mixture.logits.dtype
    block = min(block, stop - start)
    flat = addresses(mixture)
    lanes = simd.lanes_of(flat.logits)
    of_pairs = np.empty((3, block * k + lanes), kind)
    pairs = Pairs(simd.address(of_pairs[0]), simd.address(of_pairs[1]), simd.address(of_pairs[2]))
    of_points = np.empty((4, block + lanes), kind)
    x, y = simd.address(of_points[0]), simd.address(of_points[1])
    top, peak = simd.address(of_points[2]), simd.address(of_points[3])
    points = Points(x, y, top, peak)
    like = simd.iota(flat.logits)
    vectors = simd.scratch(like, PER_POINT)
    nothing, none = simd.zero(like), simd.splat(kind.type(-np.inf), like)
    infinity, log_four_pi = nothing - none, kind.type(LOG_FOUR_PI)
    fine = True
    for first in range(start, stop, block):
        count = min(block, stop - first)
        at = first * k
        held = simd.equal(like, like)
        for p in range(0, count, lanes):
            x_, y_ = two(flat.points, first + p, count - p, like)
            held = simd.both(held, simd.greater(infinity, simd.absolute(x_)))
            held = simd.both(held, simd.greater(infinity, simd.absolute(y_)))
            simd.store(x, p, lanes, x_)
            simd.store(y, p, lanes, y_)
            simd.store(top, p, lanes, largest_of_runs(flat.logits, at + p * k, count - p, k, vectors, like))
        fine = holds_everywhere(held, like) and joint_exponents(
            at, count * k, k, points, flat, pairs, lowest, limit, like
        )
        if not fine:
            break
        for p in range(0, count, lanes):
            peak_ = largest_of_runs(pairs.joint, p * k, count - p, k, vectors, like)
            peak_ = simd.select(simd.greater(peak_, none), peak_, nothing)  # all terms are then 0, none NaN
            simd.store(peak, p, lanes, peak_)
        point, ends = 0, k
        for i in range(0, count * k, lanes):
            peaks, _, _, point, ends = at_pairs(peak, peak, peak, point, ends, k, like)  # one number only
            term = exp_or_zero(simd.load(pairs.joint, i, lanes, like) - peaks, lowest)
            simd.store(pairs.joint, i, lanes, simd.fused(term, simd.load(pairs.square, i, lanes, like), term))
        for p in range(0, count, lanes):
            add_runs(pairs.joint, p * k, count - p, k, vectors, like)
            joints = simd.totals(vectors, like)
            add_runs(pairs.weight, p * k, count - p, k, vectors, like)
            weights = simd.totals(vectors, like)
            top_, peak_ = simd.load(top, p, lanes, like), simd.load(peak, p, lanes, like)
            value = peak_ + (simd.log(joints) - simd.log(weights) - log_four_pi)
            value = simd.select(simd.greater(joints, nothing), value, none)
            simd.store(simd.address(out), first + p, count - p, value)
            store_four(simd.address(kept), first + p, count - p, top_, weights, peak_, joints)
    simd.keep(of_pairs)
    simd.keep(of_points)
    return fine
