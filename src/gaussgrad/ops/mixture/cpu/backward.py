"""The backward kernel: the gradients of a block of points and their components.

The terms of the sums are computed again: to keep them would cost more in memory traffic than in arithmetic.
"""

import numpy as np

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
from gaussgrad.ops.mixture.cpu.points import PER_POINT, add_runs, at_pairs, load_four
from gaussgrad.ops.mixture.cpu.records import Mixture, Points, Shares, addresses


@simd.inlined
def pair_gradients(at, count, k, points, shares, mixture, lowest, past_cache, gradients, mean_gradients, like):
    """The gradients of `count` pairs; equations M5 and M7.

    Where they go past the cache, `mean_gradients` gets those of the means too.
    """
    number = simd.scalar_type(mixture.logits)
    lanes = simd.width_of(like)
    nothing, unit = simd.zero(like), simd.one(like)
    point, ends = 0, k
    for i in range(0, count, lanes):
        left = count - i
        prefetch(at + count + i, mixture, like)  # of the next block
        peak, over_joint, over_weights, _, _ = at_pairs(
            points.peak, shares.of_joints, shares.of_weights, point, ends, k, like
        )
        x, y, top, point, ends = at_pairs(points.x, points.y, points.top, point, ends, k, like)
        mean_x, mean_y = two(mixture.means, at + i, left, like)
        log_x, log_y = two(mixture.log_stddevs, at + i, left, like)
        a = simd.load(mixture.atanh_correlations, at + i, left, like)
        inverse_x, inverse_y, o_x, o_y, d, size, sign, small, steepness = standardized(
            x, y, mean_x, mean_y, log_x, log_y, a
        )
        square = small * small
        inverse = unit / (unit + square)
        correlation, q = sign * (unit - square) * inverse, (small + small) * inverse
        along_y = d * steepness
        along_x = o_x - correlation * along_y
        logit = simd.load(mixture.logits, at + i, left, like) - top
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
            simd.stream(gradients.logits, at + i, share - weight)
            stream_two(gradients.means, at + i, mean_x, mean_y)
            stream_two(gradients.log_stddevs, at + i, log_x, log_y)
            simd.stream(gradients.atanh_correlations, at + i, turn)
        else:
            simd.store(gradients.logits, at + i, left, share - weight)
            store_two(gradients.means, at + i, left, mean_x, mean_y)
            store_two(gradients.log_stddevs, at + i, left, log_x, log_y)
            simd.store(gradients.atanh_correlations, at + i, left, turn)
        if past_cache:
            store_two(mean_gradients, i, lanes, mean_x, mean_y)


@simd.kernel
def unmix(start, stop, block, grad, kept, lowest, past_cache, mixture, gradients):
    """The gradients of the points [start, stop) and of their components, each with its one owner.

    `mixture` and `gradients` hold the fields of `Mixture`. `kept` is what the forward pass left of each point.
    `past_cache` is for blocks and gradients that begin at whole vectors.
    """
    mixture, gradients = Mixture(*mixture), Mixture(*gradients)
    k, kind = mixture.logits.shape[1], mixture.logits.dtype
    block = min(block, stop - start)
    flat, to_flat, flat_grad, flat_kept = (
        addresses(mixture),
        addresses(gradients),
        simd.address(grad),
        simd.address(kept),
    )
    lanes = simd.lanes_of(to_flat.means)
    of_points = np.empty((6, block + lanes), kind)
    x, y, top = simd.address(of_points[0]), simd.address(of_points[1]), simd.address(of_points[2])
    peak, share, weight = simd.address(of_points[3]), simd.address(of_points[4]), simd.address(of_points[5])
    points, shares = Points(x, y, top, peak), Shares(share, weight)
    again = np.empty(2 * (block * k + lanes) if past_cache else 1, kind)
    mean_gradients = simd.address(again)
    like = simd.iota(to_flat.means)
    vectors = simd.scratch(like, PER_POINT)
    nothing = simd.zero(like)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        at = first * k
        for p in range(0, count, lanes):
            x_, y_ = two(flat.points, first + p, count - p, like)
            simd.store(x, p, lanes, x_)
            simd.store(y, p, lanes, y_)
            top_, weights, peak_, joints = load_four(flat_kept, first + p, count - p, like)
            simd.store(top, p, lanes, top_)
            simd.store(peak, p, lanes, peak_)
            grad_ = simd.load(flat_grad, first + p, count - p, like)
            simd.store(share, p, lanes, grad_ / joints)
            simd.store(weight, p, lanes, grad_ / weights)
        pair_gradients(at, count * k, k, points, shares, flat, lowest, past_cache, to_flat, mean_gradients, like)
        of_means, place = (mean_gradients, 0) if past_cache else (to_flat.means, 2 * at)
        for p in range(0, count, lanes):
            add_runs(of_means, place + 2 * p * k, count - p, 2 * k, vectors, like)
            x_, y_ = simd.totals_of_evens(vectors, like), simd.totals_of_odds(vectors, like)
            store_two(to_flat.points, first + p, count - p, nothing - x_, nothing - y_)
    if past_cache:
        simd.settle()
    simd.keep(of_points)
    simd.keep(again)
