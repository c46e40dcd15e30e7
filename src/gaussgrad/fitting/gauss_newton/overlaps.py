"""How much Gaussians overlap: integrals of products of their shapes with first and second moments, inside kernels.

With z = L^-1 (p - m) in the coordinates of a Gaussian's own widths and g = exp(-z z / 2), its six profiles are
g (1, z_x, z_y, z_x^2, z_x z_y, z_y^2): by the first the pixels change with its weights, by the others with its mean and
its widths. An integral over the plane stands for the sum over the pixels. It has a closed form, and costs the same
however many pixels a Gaussian covers (docs/maths.md, equations 58 to 61).
"""

import math
from typing import Any, NamedTuple

from gaussgrad import simd

PROFILES = 6
BLOCK = PROFILES * PROFILES  # integrals of a pair of Gaussians
LOWEST = -40.0  # of the logarithm of an overlap: less is none


class Plane(NamedTuple):
    """The Gaussians of one image, numbers in rows that are padded to whole vectors: x, y, the factor a, b, c, the view.

    The view is the square root of the share of a Gaussian's square that the frame may hold, see `view`.
    """

    numbers: Any  # a pointer
    padded: Any


NUMBERS = 6  # rows of a plane


@simd.inlined
def view(a, b, c, height, width):
    """The root of a bound on the share of the integral of a shape's square that lies in a frame.

    Each factor bounds it by itself: the square is at most 1 at each pixel, and at most 1 / (sqrt(pi) stddev) of it lies
    in a strip one pixel wide. With it a Gaussian far wider than the frame is not taken for immovable.
    """
    across = min(width / math.sqrt(math.pi * a * a), height / math.sqrt(math.pi * (b * b + c * c)))
    return math.sqrt(min(1.0, across, height * width / (math.pi * a * c)))


@simd.inlined
def column(plane, row, j, like):
    """A number of the Gaussians from j on."""
    return simd.load(plane.numbers, row * plane.padded + j, simd.width_of(like), like)


@simd.inlined
def single(plane, row, i, like):
    """A number of Gaussian i in every lane."""
    return simd.splat(simd.peek(plane.numbers, row * plane.padded + i), like)


@simd.inlined
def stein(mean, rest, first, without_first, second, without_second):
    """The mean of a product v F of normal numbers: E[v] E[F] + the sum over the w in F of cov(v, w) E[F / w]."""
    return simd.fused(mean, rest, simd.fused(first, without_first, second * without_second))


@simd.inlined
def put_row(blocks, at, mass, v0, v1, v2, v3, v4, v5):
    """Write a row of a block."""
    lanes = simd.width_of(mass)
    simd.store(blocks, at, lanes, mass * v0)
    simd.store(blocks, at + lanes, lanes, mass * v1)
    simd.store(blocks, at + 2 * lanes, lanes, mass * v2)
    simd.store(blocks, at + 3 * lanes, lanes, mass * v3)
    simd.store(blocks, at + 4 * lanes, lanes, mass * v4)
    simd.store(blocks, at + 5 * lanes, lanes, mass * v5)


@simd.inner
def add_blocks(i, plane, n, least, tiles, blocks, filled, most):
    """Append the blocks of Gaussian i with the n that it overlaps by more than `least`: their new number.

    -1 where they would be more than `most`. The rows of a block are the profiles of i, its columns those of the others.
    An overlap is that of the shapes, 1 with itself.
    """
    order = simd.iota(blocks)
    lanes, number = simd.lanes_of(blocks), simd.scalar_type(blocks)
    one, zero = simd.one(order), simd.zero(order)
    x, y = single(plane, 0, i, order), single(plane, 1, i, order)
    a, b, c = single(plane, 2, i, order), single(plane, 3, i, order), single(plane, 4, i, order)
    half = simd.splat(number(-0.5), order)
    area = simd.splat(number(math.pi), order) * a * c * single(plane, 5, i, order)
    lowest, enough = simd.splat(number(LOWEST), order), simd.splat(number(least), order)
    for j in range(0, n, lanes):
        # In the coordinates z of this Gaussian the other has the mean d, and its own are o = Q (z - d) with
        # Q = [[p, 0], [r, s]].
        other_a, other_b, other_c = column(plane, 2, j, order), column(plane, 3, j, order), column(plane, 4, j, order)
        dx = (column(plane, 0, j, order) - x) / a
        dy = (column(plane, 1, j, order) - y - b * dx) / c
        p, s = a / other_a, c / other_c
        r = (b - other_b * p) / other_c
        pp, ss = simd.fused(p, p, one), simd.fused(s, s, one)
        share = one / simd.fused(pp, ss, r * r)  # 1 / det(1 + Q^T Q)
        # Under the product of both shapes: the covariances of z with o, and the means m of z and u of o.
        c_xx, c_xy, c_yx, c_yy = p * ss * share, r * share, zero - p * r * s * share, s * pp * share
        ex, ey = p * dx, simd.fused(r, dx, s * dy)
        mx, my = simd.fused(c_xx, ex, c_xy * ey), simd.fused(c_yx, ex, c_yy * ey)
        ux, uy = zero - simd.fused(c_xx, dx, c_yx * dy), zero - simd.fused(c_xy, dx, c_yy * dy)
        exponent = half * (simd.fused(mx, mx, my * my) + simd.fused(ux, ux, uy * uy))
        seen = simd.greater(exponent, lowest)
        overlap = simd.exp(simd.select(seen, exponent, lowest)) * simd.sqrt(p * s * share)
        overlap = simd.select(seen, overlap + overlap, zero)
        near = simd.greater(overlap, enough)
        if not simd.total(simd.select(near, one, zero)) > 0:
            continue
        if filled == most:
            return -1
        tiles[filled] = j // lanes
        at, row = filled * BLOCK * lanes, PROFILES * lanes
        filled += 1
        # What is far has no mass; its means may be infinite.
        mass = simd.select(near, overlap * area * simd.sqrt(one / (p * s)) * column(plane, 5, j, order), zero)
        mx, my = simd.select(near, mx, zero), simd.select(near, my, zero)
        ux, uy = simd.select(near, ux, zero), simd.select(near, uy, zero)
        # The means of products, named by their factors: m_x u_y is E[z_x o_y].
        mx_mx, my_my = simd.fused(mx, mx, ss * share), simd.fused(my, my, simd.fused(r, r, pp) * share)
        mx_my, ux_uy = simd.fused(mx, my, zero - r * s * share), simd.fused(ux, uy, p * r * share)
        v_xx, v_xy, v_yy = p * p * ss * share, p * r * share, simd.fused(r, r, s * s * pp) * share  # those of o
        ux_ux, uy_uy = simd.fused(ux, ux, v_xx), simd.fused(uy, uy, v_yy)
        mx_ux, mx_uy = simd.fused(mx, ux, c_xx), simd.fused(mx, uy, c_xy)
        my_ux, my_uy = simd.fused(my, ux, c_yx), simd.fused(my, uy, c_yy)
        put_row(blocks, at, mass, one, ux, uy, ux_ux, ux_uy, uy_uy)
        xx = stein(mx, ux_ux, c_xx, ux, c_xx, ux)
        xy = stein(mx, ux_uy, c_xx, uy, c_xy, ux)
        yy = stein(mx, uy_uy, c_xy, uy, c_xy, uy)
        put_row(blocks, at + row, mass, mx, mx_ux, mx_uy, xx, xy, yy)
        xx = stein(my, ux_ux, c_yx, ux, c_yx, ux)
        xy = stein(my, ux_uy, c_yx, uy, c_yy, ux)
        yy = stein(my, uy_uy, c_yy, uy, c_yy, uy)
        put_row(blocks, at + 2 * row, mass, my, my_ux, my_uy, xx, xy, yy)
        to_x, to_y = stein(ux, mx_mx, c_xx, mx, c_xx, mx), stein(uy, mx_mx, c_xy, mx, c_xy, mx)
        xx = simd.fused(v_xx, mx_mx, stein(ux, to_x, c_xx, mx_ux, c_xx, mx_ux))
        xy = simd.fused(v_xy, mx_mx, stein(uy, to_x, c_xy, mx_ux, c_xy, mx_ux))
        yy = simd.fused(v_yy, mx_mx, stein(uy, to_y, c_xy, mx_uy, c_xy, mx_uy))
        put_row(blocks, at + 3 * row, mass, mx_mx, to_x, to_y, xx, xy, yy)
        to_x, to_y = stein(ux, mx_my, c_xx, my, c_yx, mx), stein(uy, mx_my, c_xy, my, c_yy, mx)
        xx = simd.fused(v_xx, mx_my, stein(ux, to_x, c_xx, my_ux, c_yx, mx_ux))
        xy = simd.fused(v_xy, mx_my, stein(uy, to_x, c_xy, my_ux, c_yy, mx_ux))
        yy = simd.fused(v_yy, mx_my, stein(uy, to_y, c_xy, my_uy, c_yy, mx_uy))
        put_row(blocks, at + 4 * row, mass, mx_my, to_x, to_y, xx, xy, yy)
        to_x, to_y = stein(ux, my_my, c_yx, my, c_yx, my), stein(uy, my_my, c_yy, my, c_yy, my)
        xx = simd.fused(v_xx, my_my, stein(ux, to_x, c_yx, my_ux, c_yx, my_ux))
        xy = simd.fused(v_xy, my_my, stein(uy, to_x, c_yy, my_ux, c_yy, my_ux))
        yy = simd.fused(v_yy, my_my, stein(uy, to_y, c_yy, my_uy, c_yy, my_uy))
        put_row(blocks, at + 5 * row, mass, my_my, to_x, to_y, xx, xy, yy)
    return filled
