"""The backward kernel: the gradients of a block of points and their components.

The terms of the sums are computed again: to keep them would cost more in memory traffic than in arithmetic.
"""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.mixture.cpu.pairs import (
    exp_or_zero,
    joint_exponent,
    prefetch,
    standardized,
    store_two,
    stream_two,
    two,
)
from gaussgrad.ops.mixture.cpu.points import ROOM, add_runs, at_pairs, load_four


@njit(**simd.INLINE)
def pull(
    at, count, k, x_of_points, y_of_points, tops, peaks, shares, weights, pulls, logits, means, log_stddevs,
    atanh_correlations, lowest, past_cache, grad_logits, grad_means, grad_stddevs, grad_correlations, like,
):  # fmt: skip
    """The gradients of `count` pairs; equations M5 and M7."""
    number = simd.scalar_type(logits)
    lanes = simd.width_of(like)
    nothing, unit = simd.zero(like), simd.one(like)
    point, ends = 0, k
    for i in range(0, count, lanes):
        left = count - i
        prefetch(at + count + i, logits, means, log_stddevs, atanh_correlations, like)  # of the next block
        peak, over_joint, over_weights, _, _ = at_pairs(peaks, shares, weights, point, ends, k, like)
        x, y, top, point, ends = at_pairs(x_of_points, y_of_points, tops, point, ends, k, like)
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
        logit = simd.load(logits, at + i, left, like) - top
        joint = joint_exponent(logit, log_x, log_y, o_x, d, size, number)
        term = exp_or_zero(joint - peak, lowest)
        term = simd.fused(term, square, term)
        counts = simd.greater(term, nothing)  # what has no share has no gradient, even where it overflows
        share = simd.select(counts, term * over_joint, nothing)
        weight = exp_or_zero(logit, lowest) * over_weights
        mean_x = simd.select(counts, share * along_x * inverse_x, nothing)
        mean_y = simd.select(counts, share * along_y * inverse_y, nothing)
        log_x = simd.select(counts, share * (o_x * along_x - unit), nothing)
        log_y = simd.select(counts, share * (o_y * along_y - unit), nothing)
        turn = simd.select(counts, share * (o_x * d * q + correlation * (unit - d * d)), nothing)
        if past_cache and left >= lanes:
            simd.stream(grad_logits, at + i, share - weight)
            stream_two(grad_means, at + i, mean_x, mean_y)
            stream_two(grad_stddevs, at + i, log_x, log_y)
            simd.stream(grad_correlations, at + i, turn)
        else:
            simd.store(grad_logits, at + i, left, share - weight)
            store_two(grad_means, at + i, left, mean_x, mean_y)
            store_two(grad_stddevs, at + i, left, log_x, log_y)
            simd.store(grad_correlations, at + i, left, turn)
        if past_cache:
            store_two(pulls, i, lanes, mean_x, mean_y)


@simd.kernel
def unmix(
    start, stop, block, grad, kept, lowest, past_cache, points, logits, means, log_stddevs, atanh_correlations,
    grad_points, grad_logits, grad_means, grad_stddevs, grad_correlations,
):  # fmt: skip
    """The gradients of the points [start, stop) and of their components, each with its one owner.

    `kept` is what the forward pass left of each point. `past_cache` is for blocks and gradients that begin at whole
    vectors.
    """
    k = logits.shape[1]
    block = min(block, stop - start)
    flat_points, flat_grad, flat_kept = simd.address(points), simd.address(grad), simd.address(kept)
    flat_grad_means, flat_grad_points = simd.address(grad_means), simd.address(grad_points)
    lanes = simd.lanes_of(flat_grad_means)
    of_points = np.empty((6, block + lanes), logits.dtype)
    x, y, top = simd.address(of_points[0]), simd.address(of_points[1]), simd.address(of_points[2])
    peak, share, weight = simd.address(of_points[3]), simd.address(of_points[4]), simd.address(of_points[5])
    pulled = np.empty(2 * (block * k + lanes) if past_cache else 1, logits.dtype)
    pulls = simd.address(pulled)
    like = simd.iota(flat_grad_means)
    room = simd.scratch(like, ROOM)
    nothing = simd.zero(like)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        at = first * k
        for p in range(0, count, lanes):
            x_, y_ = two(flat_points, first + p, count - p, like)
            simd.store(x, p, lanes, x_)
            simd.store(y, p, lanes, y_)
            top_, weights, peak_, joints = load_four(flat_kept, first + p, count - p, like)
            simd.store(top, p, lanes, top_)
            simd.store(peak, p, lanes, peak_)
            grad_ = simd.load(flat_grad, first + p, count - p, like)
            simd.store(share, p, lanes, grad_ / joints)
            simd.store(weight, p, lanes, grad_ / weights)
        pull(
            at, count * k, k, x, y, top, peak, share, weight, pulls, simd.address(logits), simd.address(means),
            simd.address(log_stddevs), simd.address(atanh_correlations), lowest, past_cache, simd.address(grad_logits),
            flat_grad_means, simd.address(grad_stddevs), simd.address(grad_correlations), like,
        )  # fmt: skip
        of_means, place = (pulls, 0) if past_cache else (flat_grad_means, 2 * at)
        for p in range(0, count, lanes):
            add_runs(of_means, place + 2 * p * k, count - p, 2 * k, room, like)
            x_, y_ = simd.totals_of_evens(room, like), simd.totals_of_odds(room, like)
            store_two(flat_grad_points, first + p, count - p, nothing - x_, nothing - y_)
    if past_cache:
        simd.settle()
    simd.keep(of_points)
    simd.keep(pulled)
