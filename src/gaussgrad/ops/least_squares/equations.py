"""The normal equations of one image of Gaussians: what a change of each number does to the pixels, and to the rest.

Each Gaussian has coordinates of its own: with mean m and Cholesky factor L, a change (u, T) makes them m + L u and
L E(T), where E is lower triangular with the diagonal exp(T_xx), exp(T_yy). At a pixel with z = L^-1 (p - m) the
logarithm of the shape then changes by z u + z T z.
"""

import math

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.modes import MAX, SUM, UNION

SLOTS = 8  # numbers per Gaussian: 2 for the mean, 3 for the width, up to 3 weights
FIRST_WEIGHT = 5
OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**OPTIONS)
def _fill_row(y, width, mean, factor, cut, span, row):
    """One row of a Gaussian: the span of pixels it touches, its shape there, and z along both axes."""
    a, b, c = np.float64(factor[0]), np.float64(factor[1]), np.float64(factor[2])
    dy = y - np.float64(mean[1])
    yy = b * b + c * c
    left = cut - dy * dy / yy
    span[0] = span[1] = 0
    if left <= 0:
        return
    variance = a * a * c * c / yy  # of x where y is known
    middle = mean[0] + a * b / yy * dy
    half = math.sqrt(left * variance)
    first = max(0, math.ceil(middle - half))
    last = min(width - 1, math.floor(middle + half))
    if last < first:
        return
    span[0], span[1] = first, last + 1
    z = (first - np.float64(mean[0])) / a
    o = (dy - b * z) / c
    step, slope = 1 / a, -b / (a * c)
    value = math.exp(-0.5 * (z * z + o * o))
    ratio = math.exp(-(z * step + o * slope) - 0.5 / variance)
    bend = math.exp(-1 / variance)
    for x in range(first, last + 1):
        row[0, x] = value
        row[1, x] = z
        row[2, x] = o
        value *= ratio
        ratio *= bend
        z += step
        o += slope


@njit(**OPTIONS)
def _fill_vectors(span, row, weight, channel, tolerance, vectors):
    """The derivatives of each pixel of the span to the numbers of one Gaussian."""
    for x in range(span[0], span[1]):
        z, o = row[1, x], row[2, x]
        pull = row[3, x] * weight * row[0, x]
        vector = vectors[x]
        vector[0] = pull * z
        vector[1] = pull * o
        vector[2] = pull * z * z
        vector[3] = pull * z * o
        vector[4] = pull * o * o
        vector[5] = vector[6] = vector[7] = 0
        vector[FIRST_WEIGHT + channel] = row[3, x] * (row[0, x] - tolerance)


@njit(**OPTIONS)
def _add_right(span, vectors, residuals, right):
    base, total = simd.address(vectors), simd.address(right)
    order = simd.iota(base)
    for slot in range(0, SLOTS, simd.lanes_of(base)):
        left = SLOTS - slot
        value = simd.load(total, slot, left, order)
        for x in range(span[0], span[1]):
            value = simd.fused(simd.splat(residuals[x], order), simd.load(base, x * SLOTS + slot, left, order), value)
        simd.store(total, slot, left, value)


@njit(**OPTIONS)
def _add_block(first, last, vectors, others, block, coloured):
    """Add the outer products of the vectors of pixels [first, last); the last two rows only where there are colours."""
    ours, theirs, out = simd.address(vectors), simd.address(others), simd.address(block)
    order = simd.iota(ours)
    for slot in range(0, SLOTS, simd.lanes_of(ours)):
        left = SLOTS - slot
        s0 = simd.zero(order)
        s1, s2, s3, s4, s5 = s0, s0, s0, s0, s0
        for x in range(first, last):
            other = simd.load(theirs, x * SLOTS + slot, left, order)
            at = x * SLOTS
            s0 = simd.fused(simd.splat(simd.peek(ours, at), order), other, s0)
            s1 = simd.fused(simd.splat(simd.peek(ours, at + 1), order), other, s1)
            s2 = simd.fused(simd.splat(simd.peek(ours, at + 2), order), other, s2)
            s3 = simd.fused(simd.splat(simd.peek(ours, at + 3), order), other, s3)
            s4 = simd.fused(simd.splat(simd.peek(ours, at + 4), order), other, s4)
            s5 = simd.fused(simd.splat(simd.peek(ours, at + 5), order), other, s5)
        at = slot
        for value in (s0, s1, s2, s3, s4, s5):
            simd.store(out, at, left, value + simd.load(out, at, left, order))
            at += SLOTS
        if coloured:
            s0 = simd.zero(order)
            s1 = s0
            for x in range(first, last):
                other = simd.load(theirs, x * SLOTS + slot, left, order)
                s0 = simd.fused(simd.splat(simd.peek(ours, x * SLOTS + 6), order), other, s0)
                s1 = simd.fused(simd.splat(simd.peek(ours, x * SLOTS + 7), order), other, s1)
            for value in (s0, s1):
                simd.store(out, at, left, value + simd.load(out, at, left, order))
                at += SLOTS


@njit(**OPTIONS)
def _compose_row(spans, rows, weights, mode, tolerance, drawn):
    """The values of a row of pixels; rows[i, 3] become their derivatives to the value of Gaussian i there."""
    drawn[:] = 0
    if mode == SUM:
        for i in range(len(spans)):
            for x in range(spans[i, 0], spans[i, 1]):
                drawn[x] += weights[i] * (rows[i, 0, x] - tolerance)
                rows[i, 3, x] = 1
        return
    for i in range(len(spans)):
        for x in range(spans[i, 0], spans[i, 1]):
            value = weights[i] * (rows[i, 0, x] - tolerance)
            rows[i, 3, x] = 1
            for j in range(len(spans)):
                if j != i and spans[j, 0] <= x < spans[j, 1]:
                    other = weights[j] * (rows[j, 0, x] - tolerance)
                    if mode == UNION:
                        rows[i, 3, x] *= 1 - other
                    elif other > value or (other == value and j < i):
                        rows[i, 3, x] = 0
            if mode == MAX:
                if value <= 0:
                    rows[i, 3, x] = 0
                drawn[x] += rows[i, 3, x] * value
            else:
                drawn[x] += value * (1 - drawn[x])


@njit(**OPTIONS)
def normal_equations(
    target, background, means, factors, weights, mode, tolerance, cut, matrix, right, spans, rows, vectors, drawn,
):  # fmt: skip
    """The sum of squared residuals; fills J J^T (lower blocks) and J^T residual of one image (c, h, w)."""
    channels, height, width = target.shape
    n = means.shape[0]
    matrix[:] = 0
    right[:] = 0
    loss = 0.0
    for y in range(height):
        for i in range(n):
            _fill_row(y, width, means[i], factors[i], cut, spans[i], rows[i])
        for channel in range(channels):
            _compose_row(spans, rows, weights[:, channel], mode, tolerance, drawn)
            for x in range(width):
                residual = target[channel, y, x] - background[channel] - drawn[x]
                drawn[x] = residual
                loss += np.float64(residual) * np.float64(residual)
            for i in range(n):
                _fill_vectors(spans[i], rows[i], weights[i, channel], channel, tolerance, vectors[i])
                _add_right(spans[i], vectors[i], drawn, right[i])
                for j in range(i + 1):
                    first, last = max(spans[i, 0], spans[j, 0]), min(spans[i, 1], spans[j, 1])
                    if first < last:
                        _add_block(first, last, vectors[i], vectors[j], matrix[i, j], channels > 1)
    return loss
