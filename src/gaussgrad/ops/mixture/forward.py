"""The forward kernel: one pass over the components of a block of points."""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.mixture.pairs import (
    JOINT,
    LOG_FOUR_PI,
    PEAK,
    TOP,
    WEIGHTS,
    all_hold,
    exp_or_zero,
    joint_exponent,
    points_per_block,
    prefetch,
    spread,
    standardized,
    two,
    within,
)


@njit(**simd.INLINE)
def joint_exponents(
    at, count, room_x, room_y, room_top, logits, means, log_stddevs, atanh_correlations, room_joint, room_square,
    room_weight, lowest, limit, like,
):  # fmt: skip
    """The joint exponents of `count` pairs, e^-2|a| of their correlations, and their weights; whether all were valid.

    Exponents and weights are relative to the largest weight of the point; equations M2, M4 and M6. What is valid is
    told as in `all_valid`. A logit of NaN, or +infinity, or a point without any weight, makes a relative logit of NaN.
    """
    number = simd.scalar_type(logits)
    lanes = simd.width_of(like)
    infinity, limits = simd.splat(number(np.inf), like), simd.splat(limit, like)
    held = simd.equal(like, like)
    for i in range(0, count, lanes):
        left = count - i
        prefetch(at + count + i, logits, means, log_stddevs, atanh_correlations, like)  # of the next block
        x, y = simd.load(room_x, i, lanes, like), simd.load(room_y, i, lanes, like)
        mean_x, mean_y = two(means, at + i, left, like)
        log_x, log_y = two(log_stddevs, at + i, left, like)
        a = simd.load(atanh_correlations, at + i, left, like)
        _, _, o_x, _, d, size, _, small, _ = standardized(x, y, mean_x, mean_y, log_x, log_y, a)
        logit = simd.load(logits, at + i, left, like) - simd.load(room_top, i, lanes, like)
        simd.store(room_joint, i, lanes, joint_exponent(logit, log_x, log_y, o_x, d, size, number))
        simd.store(room_square, i, lanes, small * small)
        simd.store(room_weight, i, lanes, exp_or_zero(logit, lowest))
        held = simd.both(held, simd.equal(logit, logit))
        held = simd.both(held, simd.greater(infinity, simd.absolute(mean_x)))
        held = simd.both(held, simd.greater(infinity, simd.absolute(mean_y)))
        held = simd.both(held, simd.greater(limits, simd.absolute(log_x)))
        held = simd.both(held, simd.greater(limits, simd.absolute(log_y)))
        held = simd.both(held, simd.greater(limits, size))
    return all_hold(held, like)


@njit(**simd.INLINE)
def largest_of(values, at, count, like):
    """The largest of `count` values from place `at` on."""
    lanes = simd.width_of(like)
    none = simd.splat(simd.scalar_type(values)(-np.inf), like)
    top = none
    for j in range(0, count, lanes):
        inside = simd.greater(simd.splat(simd.scalar_type(values)(count - j), like), simd.iota(values))
        top = simd.larger(top, simd.select(inside, simd.load(values, at + j, count - j, like), none))
    return simd.largest(top)


@njit(**simd.INLINE)
def sum_of(values, at, count, like):
    """The sum of `count` values from place `at` on."""
    total = simd.zero(like)
    for j in range(0, count, simd.width_of(like)):
        total = total + simd.load(values, at + j, count - j, like)
    return simd.total(total)


@simd.kernel
def mix(start, stop, points, logits, means, log_stddevs, atanh_correlations, lowest, limit, out, kept):
    """The log densities at the points [start, stop), each with its one owner (equation M6).

    `kept` (b, 4) gets what the backward pass needs of each point, see pairs.py. Whether all values were valid; after
    the first block that holds others, nothing is computed.
    """
    k = logits.shape[1]
    block = min(points_per_block(k), stop - start)
    flat_logits, flat_means = simd.address(logits), simd.address(means)
    flat_stddevs, flat_correlations = simd.address(log_stddevs), simd.address(atanh_correlations)
    lanes = simd.lanes_of(flat_logits)
    room = np.empty((6, block * k + lanes), logits.dtype)
    per_point = np.empty((3, block + lanes), logits.dtype)
    room_x, room_y, room_top = simd.address(room[0]), simd.address(room[1]), simd.address(room[2])
    room_joint, room_square, room_weight = simd.address(room[3]), simd.address(room[4]), simd.address(room[5])
    top, first_sum, second_sum = simd.address(per_point[0]), simd.address(per_point[1]), simd.address(per_point[2])
    like = simd.iota(flat_logits)
    nothing, log_four_pi = simd.zero(like), logits.dtype.type(LOG_FOUR_PI)
    fine = True
    for first in range(start, stop, block):
        count = min(block, stop - first)
        at = first * k
        for p in range(count):
            spread(points[first + p, 0], room_x, p, k, like)
            spread(points[first + p, 1], room_y, p, k, like)
            kept[first + p, TOP] = largest_of(flat_logits, at + p * k, k, like)
            spread(kept[first + p, TOP], room_top, p, k, like)
        simd.store(room_top, count * k, lanes, nothing)  # lanes beyond the last pair count as valid
        fine = joint_exponents(
            at, count * k, room_x, room_y, room_top, flat_logits, flat_means, flat_stddevs, flat_correlations,
            room_joint, room_square, room_weight, lowest, limit, like,
        )  # fmt: skip
        if not (fine and within(points.reshape(-1), 2 * first, 2 * (first + count), logits.dtype.type(np.inf))):
            fine = False
            break
        for p in range(count):
            peak = largest_of(room_joint, p * k, k, like)
            peak = peak if peak > -np.inf else logits.dtype.type(0)  # all terms are then 0, none NaN
            per_point[0, p] = kept[first + p, PEAK] = peak
            spread(peak, room_top, p, k, like)
        for i in range(0, count * k, lanes):
            term = simd.load(room_joint, i, lanes, like) - simd.load(room_top, i, lanes, like)
            term = exp_or_zero(term, lowest)
            simd.store(room_joint, i, lanes, simd.fused(term, simd.load(room_square, i, lanes, like), term))
        for p in range(count):
            per_point[1, p] = kept[first + p, JOINT] = sum_of(room_joint, p * k, k, like)
            per_point[2, p] = kept[first + p, WEIGHTS] = sum_of(room_weight, p * k, k, like)
        for p in range(0, count, lanes):
            joint = simd.load(first_sum, p, lanes, like)
            value = simd.log(joint) - simd.log(simd.load(second_sum, p, lanes, like)) - log_four_pi
            value = simd.load(top, p, lanes, like) + value
            found = simd.greater(joint, nothing)
            value = simd.select(found, value, simd.splat(logits.dtype.type(-np.inf), like))
            simd.store(simd.address(out), first + p, count - p, value)
    simd.keep(room)
    simd.keep(per_point)
    return fine
