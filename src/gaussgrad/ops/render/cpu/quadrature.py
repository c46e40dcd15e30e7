"""The mean of a Gaussian over a pixel by Gauss-Legendre quadrature (docs/maths.md, equations 46 to 48).

The nodes of a pixel stand in lines along x; the lines of a row of pixels are shared by all of them.
"""

import math

from gaussgrad import simd
from gaussgrad.ops.render.cpu.geometry import profile
from gaussgrad.ops.render.quadrature import COUNTS, NARROWEST, ORDERS, PLACES, SHARES

MOST_LINES = max(ORDERS) ** 2


@simd.inlined
def row_of_nodes(precision):
    """The row of the tables for an axis along which the Gaussian has this precision."""
    for row in range(NARROWEST.size):
        if precision * NARROWEST[row] * NARROWEST[row] <= 1.0:
            return row + 1
    return NARROWEST.size


@simd.inlined
def nodes_of(g, dimensions):
    """The rows of the tables for x, y and z."""
    slope = g.alpha * g.beta - g.gamma
    x = row_of_nodes(g.ix)
    y = row_of_nodes(g.iy + g.beta * g.beta * g.ix) if dimensions > 1 else 0
    z = row_of_nodes(g.iz + g.alpha * g.alpha * g.iy + slope * slope * g.ix) if dimensions > 2 else 0
    return x, y, z


@simd.inlined
def through_row(g, ey, ez, nodes, lines):
    """Fill in the lines of nodes through a row of pixels: for each its centre in x, its share, and its residuals.

    `ey` and `ez` are the residuals at the middle of the row. Returns how many lines there are.
    """
    count = 0
    for k in range(COUNTS[nodes[2]]):
        z = ez + PLACES[nodes[2], k]
        for j in range(COUNTS[nodes[1]]):
            y = ey + PLACES[nodes[1], j] - g.alpha * PLACES[nodes[2], k]
            lines[count, 0] = g.x + g.beta * y + g.gamma * z
            share = SHARES[nodes[2], k] * SHARES[nodes[1], j]
            lines[count, 1] = share * math.exp(g.boost - 0.5 * (y * y * g.iy + z * z * g.iz))
            lines[count, 2], lines[count, 3] = y, z
            count += 1
    return count


@simd.inlined
def merge(g, lines, count):
    """Where all lines run alike, make them one with the share of all, without residuals. Returns how many remain."""
    if g.beta != 0.0 or g.gamma != 0.0:
        return count
    for k in range(1, count):
        lines[0, 1] += lines[k, 1]
    return 1


@simd.inlined
def mean_over_pixels(x, order, curvature, lowest, nodes, lines, count, number):
    """The mean of the shape over the pixels x, x + 1, ..., a lane each."""
    mean = simd.zero(order)
    for k in range(count):
        along = simd.zero(order)
        for j in range(COUNTS[nodes[0]]):
            u = order + number(x + PLACES[nodes[0], j] - lines[k, 0])
            share = simd.splat(number(SHARES[nodes[0], j]), order)
            along = simd.fused(profile(u, curvature, simd.zero(order), lowest), share, along)
        mean = simd.fused(along, simd.splat(number(lines[k, 1]), order), mean)
    return mean


@simd.inlined
def moments_over_pixels(x, order, curvature, lowest, nodes, lines, count, number):
    """The mean over pixels of the shape g and of g times x, y, z, xx, xy, xz, yy, yz, zz, the residuals."""
    nothing = simd.zero(order)
    m, mx, my, mz, mxx = nothing, nothing, nothing, nothing, nothing
    mxy, mxz, myy, myz, mzz = nothing, nothing, nothing, nothing, nothing
    for k in range(count):
        along, along_x, along_xx = nothing, nothing, nothing
        for j in range(COUNTS[nodes[0]]):
            u = order + number(x + PLACES[nodes[0], j] - lines[k, 0])
            g = profile(u, curvature, nothing, lowest) * number(SHARES[nodes[0], j])
            gu = g * u
            along, along_x, along_xx = along + g, along_x + gu, simd.fused(gu, u, along_xx)
        share, y, z = number(lines[k, 1]), number(lines[k, 2]), number(lines[k, 3])
        along, along_x, along_xx = along * share, along_x * share, along_xx * share
        along_y, along_z = along * y, along * z
        m, mx, my, mz, mxx = m + along, mx + along_x, my + along_y, mz + along_z, mxx + along_xx
        mxy, mxz = mxy + along_x * y, mxz + along_x * z
        myy, myz, mzz = myy + along_y * y, myz + along_y * z, mzz + along_z * z
    return m, mx, my, mz, mxx, mxy, mxz, myy, myz, mzz
