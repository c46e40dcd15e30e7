"""The backward kernel: the gradients of a block of points and their components.

The terms of the sums are computed again: to keep them would cost more in memory traffic than in arithmetic.
"""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.mixture.pairs import (
    JOINT,
    PEAK,
    TOP,
    WEIGHTS,
    exp_or_zero,
    joint_exponent,
    points_per_block,
    prefetch,
    spread,
    standardized,
    store_two,
    two,
)


@njit(**simd.INLINE)
def pull(
    at, count, room_x, room_y, room_top, room_peak, room_share, room_weight, logits, means, log_stddevs,
    atanh_correlations, lowest, grad_logits, grad_means, grad_stddevs, grad_correlations, like,
):  # fmt: skip
    """The gradients of `count` pairs; equations M5 and M7."""
    number = simd.scalar_type(logits)
    lanes = simd.width_of(like)
    nothing, unit = simd.zero(like), simd.one(like)
    for i in range(0, count, lanes):
        left = count - i
        prefetch(at + count + i, logits, means, log_stddevs, atanh_correlations, like)  # of the next block
        x, y = simd.load(room_x, i, lanes, like), simd.load(room_y, i, lanes, like)
        mean_x, mean_y = two(means, at + i, left, like)
        log_x, log_y = two(log_stddevs, at + i, left, like)
        a = simd.load(atanh_correlations, at + i, left, like)
        inverse_x, inverse_y, o_x, o_y, d, size, sign, small, steepness = standardized(
            x, y, mean_x, mean_y, log_x, log_y, a
        )
        square = small * small
        inverse = unit / (unit + square)
        correlation, q = sign * (unit - square) * inverse, (small + small) * inverse
        along_y = d * steepness
        along_x = o_x - correlation * along_y
        logit = simd.load(logits, at + i, left, like) - simd.load(room_top, i, lanes, like)
        joint = joint_exponent(logit, log_x, log_y, o_x, d, size, number)
        term = exp_or_zero(joint - simd.load(room_peak, i, lanes, like), lowest)
        term = simd.fused(term, square, term)
        counts = simd.greater(term, nothing)  # what has no share has no gradient, even where it overflows
        share = simd.select(counts, term * simd.load(room_share, i, lanes, like), nothing)
        weight = exp_or_zero(logit, lowest) * simd.load(room_weight, i, lanes, like)
        simd.store(grad_logits, at + i, left, share - weight)
        mean_x = simd.select(counts, share * along_x * inverse_x, nothing)
        mean_y = simd.select(counts, share * along_y * inverse_y, nothing)
        store_two(grad_means, at + i, left, mean_x, mean_y)
        log_x = simd.select(counts, share * (o_x * along_x - unit), nothing)
        log_y = simd.select(counts, share * (o_y * along_y - unit), nothing)
        store_two(grad_stddevs, at + i, left, log_x, log_y)
        turn = o_x * d * q + correlation * (unit - d * d)
        simd.store(grad_correlations, at + i, left, simd.select(counts, share * turn, nothing))


@simd.kernel
def unmix(
    start, stop, grad, kept, lowest, points, logits, means, log_stddevs, atanh_correlations,
    grad_points, grad_logits, grad_means, grad_stddevs, grad_correlations,
):  # fmt: skip
    """The gradients of the points [start, stop) and of their components, each with its one owner.

    `kept` is what the forward pass left of each point.
    """
    k = logits.shape[1]
    block = min(points_per_block(k), stop - start)
    flat_grad_means = simd.address(grad_means)
    lanes = simd.lanes_of(flat_grad_means)
    room = np.empty((6, block * k + lanes), logits.dtype)
    room_x, room_y = simd.address(room[0]), simd.address(room[1])
    room_top, room_peak = simd.address(room[2]), simd.address(room[3])
    room_share, room_weight = simd.address(room[4]), simd.address(room[5])
    like = simd.iota(flat_grad_means)
    nothing = simd.zero(like)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        at = first * k
        for p in range(count):
            spread(points[first + p, 0], room_x, p, k, like)
            spread(points[first + p, 1], room_y, p, k, like)
            spread(kept[first + p, TOP], room_top, p, k, like)
            spread(kept[first + p, PEAK], room_peak, p, k, like)
            spread(grad[first + p] / kept[first + p, JOINT], room_share, p, k, like)
            spread(grad[first + p] / kept[first + p, WEIGHTS], room_weight, p, k, like)
        pull(
            at, count * k, room_x, room_y, room_top, room_peak, room_share, room_weight, simd.address(logits),
            simd.address(means), simd.address(log_stddevs), simd.address(atanh_correlations), lowest,
            simd.address(grad_logits), flat_grad_means, simd.address(grad_stddevs), simd.address(grad_correlations),
            like,
        )  # fmt: skip
        for p in range(count):
            both = nothing
            for j in range(0, 2 * k, lanes):
                both = both + simd.load(flat_grad_means, 2 * (at + p * k) + j, 2 * k - j, like)
            grad_points[first + p, 0] = -simd.total(simd.evens(both, nothing))
            grad_points[first + p, 1] = -simd.total(simd.odds(both, nothing))
    simd.keep(room)
