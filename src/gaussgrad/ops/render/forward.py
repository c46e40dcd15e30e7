"""The forward kernel: each Gaussian is drawn row by row over the pixels inside its ellipse."""

import math

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.geometry import factor, gaussian, span
from gaussgrad.ops.render.modes import MAX, SUM

ONE = np.int32(1)


@njit(nogil=True, error_model="numpy")
def profile(u, curvature, constant, lowest, zero):
    """exp(curvature u^2 + constant) lane by lane, and 0 where that is no normal number."""
    exponent = simd.fused(u * u, curvature, constant)
    return simd.select(simd.greater(exponent, lowest), simd.exp(exponent), zero)


@njit(nogil=True, error_model="numpy")
def draw_row(image, marks, at, plane, low, high, centre, curvature, constant, levels, tolerance, lowest, mode, index):
    """Compose one row of a Gaussian, pixels [low, high), onto every channel; `at` is the row's place in channel 0."""
    number = image.dtype.type
    order = simd.iota(image)
    zero, one = simd.splat(number(0), image), simd.splat(number(1), image)
    curvature_, constant_ = simd.splat(curvature, image), simd.splat(constant, image)
    lowest_, tolerance_ = simd.splat(lowest, image), simd.splat(tolerance, image)
    for x in range(low, high, simd.lanes_of(image)):
        count = high - x
        g = profile(order + number(x - centre), curvature_, constant_, lowest_, zero)
        s = simd.select(simd.greater(g, tolerance_), g - tolerance_, zero)
        place = at + x
        for c in range(levels.size):
            value = s * levels[c]
            old = simd.load(image, place, count, order)
            if mode == SUM:
                simd.store(image, place, count, old + value)
            elif mode == MAX:
                wins = simd.greater(value, old)
                winner = simd.load(marks, place, count, order)
                simd.store(image, place, count, simd.select(wins, value, old))
                simd.store(marks, place, count, simd.select(wins, simd.splat(index, order), winner))
            else:
                left = one - value
                full = simd.equal(left, zero)
                zeros = simd.load(marks, place, count, order)
                simd.store(image, place, count, simd.select(full, old, old * left))
                simd.store(marks, place, count, simd.select(full, zeros + ONE, zeros))
            place += plane


@njit(nogil=True, error_model="numpy", cache=True)
def draw_rows(
    start, stop, means, covariances, weights, frame, density, mode, cut, tolerance, lowest, image, marks
):  # fmt: skip
    """Draw every Gaussian on the rows [start, stop) of all images laid end to end.

    `image` (flat) holds the background: 0, or 1 for union, which collects its product there. `marks` (flat) holds the
    winners of max (-1: none) or the number of zero factors of union.
    """
    depth, height, width = frame
    n, channels = weights.shape[1:]
    number = image.dtype.type
    rows = depth * height
    levels = np.empty(channels, image.dtype)
    for b in range(start // rows, (stop - 1) // rows + 1):
        first, last = max(0, start - b * rows), min(rows, stop - b * rows)
        for i in range(n):
            g = gaussian(means, covariances, b, i)
            scale = factor(g, means.shape[2], density)
            for c in range(channels):
                levels[c] = number(scale * weights[b, i, c])
            z_low, z_high = span(g.z, math.sqrt(cut * g.vz), first // height, (last - 1) // height + 1)
            for z in range(z_low, z_high):
                ez = z - g.z
                rest_z = ez * ez / g.vz
                centre_y = g.y + g.alpha * ez
                reach = math.sqrt(max(cut - rest_z, 0.0) * g.vy)
                y_low, y_high = span(centre_y, reach, max(0, first - z * height), min(height, last - z * height))
                for y in range(y_low, y_high):
                    ey = y - centre_y
                    rest = rest_z + ey * ey / g.vy
                    centre = g.x + g.beta * ey + g.gamma * ez
                    low, high = span(centre, math.sqrt(max(cut - rest, 0.0) * g.vx), 0, width)
                    at = (b * channels * rows + z * height + y) * width
                    draw_row(
                        image, marks, at, rows * width, low, high, centre, number(-0.5 / g.vx), number(-0.5 * rest),
                        levels, tolerance, lowest, mode, np.int32(i),
                    )  # fmt: skip


@njit(nogil=True, error_model="numpy", cache=True)
def finish_union(product, zeros, out):
    """1 - product, or 1 where a factor was zero."""
    for k in range(out.size):
        out[k] = 1 - product[k] if zeros[k] == 0 else 1
