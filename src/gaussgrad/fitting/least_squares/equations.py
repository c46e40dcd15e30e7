"""The normal equations of one image of Gaussians: what a change of each number does to the pixels, and to the rest.

Each Gaussian has coordinates of its own: with mean m and Cholesky factor L, a change (u, T) makes them m + L u and
L E(T), where E is lower triangular with the diagonal exp(T_xx), exp(T_yy). At a pixel with z = L^-1 (p - m) the
logarithm of the shape then changes by z u + z T z.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.cpu.modes import MAX, SUM, UNION

SLOTS = 8  # numbers per Gaussian: 2 for the mean, 3 for the width, up to 3 weights
FIRST_WEIGHT = 5


class Gaussians(NamedTuple):
    """Those of one image, or of all with an axis more."""

    means: Any  # (n, 2)
    factors: Any  # (n, 3)
    weights: Any  # (n, c)


class Equations(NamedTuple):
    """J J^T, of which the lower blocks are filled, and J^T residual."""

    matrix: Any  # (n, n, SLOTS, SLOTS)
    right: Any  # (n, SLOTS)


class Line(NamedTuple):
    """Memory for one row of pixels."""

    spans: Any  # (n, 2): the pixels that each Gaussian touches
    profiles: Any  # (n, 4, width): its shape there, z along both axes, and the derivative of the pixel to its value
    vectors: Any  # (n, width, SLOTS): the derivatives of the pixel to its numbers
    drawn: Any  # (width,)


# Views of arrays cost more here than what is done with them, so functions take whole arrays and the Gaussian's index.
@simd.inner
def _fill_row(y, width, means, factors, cut, i, spans, profiles):
    """One row of a Gaussian: the span of pixels it touches, its shape there, and z along both axes."""
    a, b, c = np.float64(factors[i, 0]), np.float64(factors[i, 1]), np.float64(factors[i, 2])
    dy = y - np.float64(means[i, 1])
    yy = b * b + c * c
    left = cut - dy * dy / yy
    spans[i, 0] = spans[i, 1] = 0
    if left <= 0:
        return
    variance = a * a * c * c / yy  # of x where y is known
    middle = means[i, 0] + a * b / yy * dy
    half = math.sqrt(left * variance)
    first = max(0, math.ceil(middle - half))
    last = min(width - 1, math.floor(middle + half))
    if last < first:
        return
    spans[i, 0], spans[i, 1] = first, last + 1
    z = (first - np.float64(means[i, 0])) / a
    o = (dy - b * z) / c
    step, slope = 1 / a, -b / (a * c)
    value = math.exp(-0.5 * (z * z + o * o))
    ratio = math.exp(-(z * step + o * slope) - 0.5 / variance)
    bend = math.exp(-1 / variance)
    for x in range(first, last + 1):
        profiles[i, 0, x] = value
        profiles[i, 1, x] = z
        profiles[i, 2, x] = o
        value *= ratio
        ratio *= bend
        z += step
        o += slope


@simd.inner
def _fill_vectors(i, spans, profiles, weights, channel, tolerance, vectors):
    """The derivatives of each pixel of the span to the numbers of one Gaussian."""
    weight = weights[i, channel]
    for x in range(spans[i, 0], spans[i, 1]):
        z, o = profiles[i, 1, x], profiles[i, 2, x]
        slope = profiles[i, 3, x] * weight * profiles[i, 0, x]
        vectors[i, x, 0] = slope * z
        vectors[i, x, 1] = slope * o
        vectors[i, x, 2] = slope * z * z
        vectors[i, x, 3] = slope * z * o
        vectors[i, x, 4] = slope * o * o
        vectors[i, x, 5] = vectors[i, x, 6] = vectors[i, x, 7] = 0
        vectors[i, x, FIRST_WEIGHT + channel] = profiles[i, 3, x] * (profiles[i, 0, x] - tolerance)


@simd.inner
def _add_right(i, spans, vectors, residuals, right):
    base, total = simd.address(vectors), simd.address(right)
    order = simd.iota(base)
    start = i * vectors.shape[1]
    for slot in range(0, SLOTS, simd.lanes_of(base)):
        left = SLOTS - slot
        value = simd.load(total, i * SLOTS + slot, left, order)
        for x in range(spans[i, 0], spans[i, 1]):
            vector = simd.load(base, (start + x) * SLOTS + slot, left, order)
            value = simd.fused(simd.splat(residuals[x], order), vector, value)
        simd.store(total, i * SLOTS + slot, left, value)


@simd.inner
def _add_block(i, j, first, last, vectors, matrix, coloured):
    """Add the outer products of the vectors of two Gaussians at the pixels [first, last) to their block.

    The last two rows only where there are colours.
    """
    base, out = simd.address(vectors), simd.address(matrix)
    order = simd.iota(base)
    ours, theirs = i * vectors.shape[1], j * vectors.shape[1]
    block = (i * matrix.shape[1] + j) * SLOTS * SLOTS
    for slot in range(0, SLOTS, simd.lanes_of(base)):
        left = SLOTS - slot
        s0 = simd.zero(order)
        s1, s2, s3, s4, s5 = s0, s0, s0, s0, s0
        for x in range(first, last):
            other = simd.load(base, (theirs + x) * SLOTS + slot, left, order)
            at = (ours + x) * SLOTS
            s0 = simd.fused(simd.splat(simd.peek(base, at), order), other, s0)
            s1 = simd.fused(simd.splat(simd.peek(base, at + 1), order), other, s1)
            s2 = simd.fused(simd.splat(simd.peek(base, at + 2), order), other, s2)
            s3 = simd.fused(simd.splat(simd.peek(base, at + 3), order), other, s3)
            s4 = simd.fused(simd.splat(simd.peek(base, at + 4), order), other, s4)
            s5 = simd.fused(simd.splat(simd.peek(base, at + 5), order), other, s5)
        at = block + slot
        for value in (s0, s1, s2, s3, s4, s5):
            simd.store(out, at, left, value + simd.load(out, at, left, order))
            at += SLOTS
        if coloured:
            s0 = simd.zero(order)
            s1 = s0
            for x in range(first, last):
                other = simd.load(base, (theirs + x) * SLOTS + slot, left, order)
                s0 = simd.fused(simd.splat(simd.peek(base, (ours + x) * SLOTS + 6), order), other, s0)
                s1 = simd.fused(simd.splat(simd.peek(base, (ours + x) * SLOTS + 7), order), other, s1)
            for value in (s0, s1):
                simd.store(out, at, left, value + simd.load(out, at, left, order))
                at += SLOTS


@simd.inner
def _compose_row(spans, profiles, weights, mode, tolerance, drawn):
    """The values of a row of pixels; profiles[i, 3] become their derivatives to the value of Gaussian i there."""
    drawn[:] = 0
    if mode == SUM:
        for i in range(len(spans)):
            for x in range(spans[i, 0], spans[i, 1]):
                drawn[x] += weights[i] * (profiles[i, 0, x] - tolerance)
                profiles[i, 3, x] = 1
        return
    for i in range(len(spans)):
        for x in range(spans[i, 0], spans[i, 1]):
            value = weights[i] * (profiles[i, 0, x] - tolerance)
            profiles[i, 3, x] = 1
            for j in range(len(spans)):
                if j != i and spans[j, 0] <= x < spans[j, 1]:
                    other = weights[j] * (profiles[j, 0, x] - tolerance)
                    if mode == UNION:
                        profiles[i, 3, x] *= 1 - other
                    elif other > value or (other == value and j < i):
                        profiles[i, 3, x] = 0
            if mode == MAX:
                if value <= 0:
                    profiles[i, 3, x] = 0
                drawn[x] += profiles[i, 3, x] * value
            else:
                drawn[x] += value * (1 - drawn[x])


@njit(nogil=True, error_model="numpy")  # with a wrapper: its test calls it from outside
def normal_equations(target, background, gaussians, mode, tolerance, cut, equations, line):
    """The sum of squared residuals of one image (c, h, w); fills the equations, in the memory of a line.

    `gaussians`, `equations` and `line` hold the fields of these records.
    """
    means, factors, weights = gaussians
    matrix, right = equations
    spans, profiles, vectors, drawn = line
    channels, height, width = target.shape
    n = means.shape[0]
    matrix[:] = 0
    right[:] = 0
    loss = 0.0
    for y in range(height):
        for i in range(n):
            _fill_row(y, width, means, factors, cut, i, spans, profiles)
        for channel in range(channels):
            _compose_row(spans, profiles, weights[:, channel], mode, tolerance, drawn)
            for x in range(width):
                residual = target[channel, y, x] - background[channel] - drawn[x]
                drawn[x] = residual
                loss += np.float64(residual) * np.float64(residual)
            for i in range(n):
                _fill_vectors(i, spans, profiles, weights, channel, tolerance, vectors)
                _add_right(i, spans, vectors, drawn, right)
                for j in range(i + 1):
                    first, last = max(spans[i, 0], spans[j, 0]), min(spans[i, 1], spans[j, 1])
                    if first < last:
                        _add_block(i, j, first, last, vectors, matrix, channels > 1)
    return loss
