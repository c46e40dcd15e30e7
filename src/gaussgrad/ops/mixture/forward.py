"""The forward kernel: one pass over the components of a block of points."""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.mixture.pairs import (
    JOINT,
    PEAK,
    TOP,
    WEIGHTS,
    all_valid,
    exp_or_zero,
    joint_logarithm,
    points_per_block,
    spread,
    standardized,
    two,
)


@njit(**simd.INLINE)
def joint_logarithms(
    at, count, room_x, room_y, room_top, logits, means, log_stddevs, atanh_correlations, room_joint, room_weight,
    lowest, like,
):  # fmt: skip
    """The logarithm of weight times density of `count` pairs into `room_joint`, their weights into `room_weight`.

    Both are relative to the largest weight of the point; equations M2, M4 and M6.
    """
    number = simd.scalar_type(logits)
    lanes = simd.width_of(like)
    for i in range(0, count, lanes):
        left = count - i
        x, y = simd.load(room_x, i, lanes, like), simd.load(room_y, i, lanes, like)
        mean_x, mean_y = two(means, at + i, left, like)
        log_x, log_y = two(log_stddevs, at + i, left, like)
        a = simd.load(atanh_correlations, at + i, left, like)
        _, _, o_x, _, d, size, _, small, _ = standardized(x, y, mean_x, mean_y, log_x, log_y, a)
        logit = simd.load(logits, at + i, left, like) - simd.load(room_top, i, lanes, like)
        simd.store(room_joint, i, lanes, joint_logarithm(logit, log_x, log_y, o_x, d, size, small, number))
        simd.store(room_weight, i, lanes, exp_or_zero(logit, lowest))


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

    `kept` (b, 4) gets what the backward pass needs of each point, see pairs.py. Whether all values were valid; from the
    first block on that holds others, nothing is written.
    """
    k = logits.shape[1]
    block = points_per_block(k)
    flat_logits, flat_means = simd.address(logits), simd.address(means)
    flat_stddevs, flat_correlations = simd.address(log_stddevs), simd.address(atanh_correlations)
    lanes = simd.lanes_of(flat_logits)
    room = np.empty((5, block * k + lanes), logits.dtype)
    per_point = np.empty((3, block + lanes), logits.dtype)
    room_x, room_y, room_top = simd.address(room[0]), simd.address(room[1]), simd.address(room[2])
    room_joint, room_weight = simd.address(room[3]), simd.address(room[4])
    top, first_sum, second_sum = simd.address(per_point[0]), simd.address(per_point[1]), simd.address(per_point[2])
    like = simd.iota(flat_logits)
    nothing = simd.zero(like)
    fine = True
    for first in range(start, stop, block):
        count = min(block, stop - first)
        at = first * k
        if not all_valid(first, first + count, points, logits, means, log_stddevs, atanh_correlations, limit):
            fine = False
            break
        for p in range(count):
            spread(points[first + p, 0], room_x, p, k, like)
            spread(points[first + p, 1], room_y, p, k, like)
            kept[first + p, TOP] = largest_of(flat_logits, at + p * k, k, like)
            spread(kept[first + p, TOP], room_top, p, k, like)
        joint_logarithms(
            at, count * k, room_x, room_y, room_top, flat_logits, flat_means, flat_stddevs, flat_correlations,
            room_joint, room_weight, lowest, like,
        )  # fmt: skip
        for p in range(count):
            peak = largest_of(room_joint, p * k, k, like)
            peak = peak if peak > -np.inf else logits.dtype.type(0)  # all terms are then 0, none NaN
            per_point[0, p] = kept[first + p, PEAK] = peak
            spread(peak, room_top, p, k, like)
        for i in range(0, count * k, lanes):
            term = simd.load(room_joint, i, lanes, like) - simd.load(room_top, i, lanes, like)
            simd.store(room_joint, i, lanes, exp_or_zero(term, lowest))
        for p in range(count):
            per_point[1, p] = kept[first + p, JOINT] = sum_of(room_joint, p * k, k, like)
            per_point[2, p] = kept[first + p, WEIGHTS] = sum_of(room_weight, p * k, k, like)
        for p in range(0, count, lanes):
            joint = simd.load(first_sum, p, lanes, like)
            value = simd.load(top, p, lanes, like) + (simd.log(joint) - simd.log(simd.load(second_sum, p, lanes, like)))
            found = simd.greater(joint, nothing)
            value = simd.select(found, value, simd.splat(logits.dtype.type(-np.inf), like))
            simd.store(simd.address(out), first + p, count - p, value)
    simd.keep(room)
    simd.keep(per_point)
    return fine
