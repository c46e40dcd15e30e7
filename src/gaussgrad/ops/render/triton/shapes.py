"""The shape of a Gaussian on a window of pixels: at their centres, or its mean over each (equations 12, 13 and 46)."""

import triton
import triton.language as tl

from gaussgrad.ops.render.triton.records import NODES, NUMBERS, Geometry

WIDTH = tl.constexpr(NUMBERS)
MOST = tl.constexpr(NODES)


@triton.jit
def place(numbers, g, x, y, z, kind: tl.constexpr):
    """The Gaussian g relative to the pixel (x, y, z), in the dtype of the image.

    The residuals are formed in float64, so that pixels of a window only add small numbers to them.
    """
    row = numbers + g * WIDTH
    alpha, beta, gamma = tl.load(row + 3), tl.load(row + 4), tl.load(row + 5)
    ez = z.to(tl.float64) - tl.load(row + 2)
    ey = y.to(tl.float64) - tl.load(row + 1) - alpha * ez
    ex = x.to(tl.float64) - tl.load(row) - beta * ey - gamma * ez
    return Geometry(
        ex.to(kind),
        ey.to(kind),
        ez.to(kind),
        alpha.to(kind),
        beta.to(kind),
        gamma.to(kind),
        tl.load(row + 6).to(kind),
        tl.load(row + 7).to(kind),
        tl.load(row + 8).to(kind),
    )


@triton.jit
def residuals(geometry, i, j, k, D: tl.constexpr):
    """Equation 12 at the pixels (i, j, k) of the window."""
    if D == 1:
        return geometry.ex + i, geometry.ey + j, geometry.ez + k
    if D == 2:
        return geometry.ex + i - geometry.beta * j, geometry.ey + j, geometry.ez + k
    down = j - geometry.alpha * k
    return geometry.ex + i - geometry.beta * down - geometry.gamma * k, geometry.ey + down, geometry.ez + k


@triton.jit
def profile(ex, ey, ez, geometry, lowest, D: tl.constexpr):
    """exp(-q/2), and 0 where that is no normal number; equation 13."""
    square = ex * ex * geometry.ix
    if D > 1:
        square += ey * ey * geometry.iy
    if D > 2:
        square += ez * ez * geometry.iz
    exponent = -0.5 * square
    return tl.where(exponent > lowest, tl.exp(exponent), 0.0)


@triton.jit
def nodes_along(axis: tl.constexpr, g, spans, count, nodes, D: tl.constexpr):
    """The row of the tables for an axis, and how many nodes it has; one where there is no such axis."""
    if axis >= D:
        return 0, 1
    row = tl.load(spans + (6 + axis) * count + g)
    return row, tl.load(nodes.counts + row)


@triton.jit
def node(nodes, row, at, kind: tl.constexpr):
    """The place and the share of a node."""
    return tl.load(nodes.places + row * MOST + at).to(kind), tl.load(nodes.shares + row * MOST + at).to(kind)


@triton.jit
def mean_over_pixels(ex, ey, ez, geometry, g, spans, count, nodes, lowest, D: tl.constexpr):
    """The mean of the shape over each pixel."""
    kind: tl.constexpr = ex.dtype
    row_x, along_x = nodes_along(0, g, spans, count, nodes, D)
    row_y, along_y = nodes_along(1, g, spans, count, nodes, D)
    row_z, along_z = nodes_along(2, g, spans, count, nodes, D)
    mean = tl.zeros(ex.shape, kind)
    for k in range(along_z):
        in_z, share_z = node(nodes, row_z, k, kind)
        for j in range(along_y):
            in_y, share_y = node(nodes, row_y, j, kind)
            for i in range(along_x):
                in_x, share_x = node(nodes, row_x, i, kind)
                dx, dy, dz = shifted(in_x, in_y, in_z, geometry, D)
                shape = profile(ex + dx, ey + dy, ez + dz, geometry, lowest, D)
                mean += shape * (share_x * share_y * share_z)
    return mean


@triton.jit
def shifted(x, y, z, geometry, D: tl.constexpr):
    """How residuals differ at a node from those at the middle of its pixel."""
    if D == 1:
        return x, y * 0.0, z * 0.0
    if D == 2:
        return x - geometry.beta * y, y, z * 0.0
    down = y - geometry.alpha * z
    return x - geometry.beta * down - geometry.gamma * z, down, z


@triton.jit
def moments_over_pixels(ex, ey, ez, geometry, g, spans, count, nodes, lowest, D: tl.constexpr):
    """The mean over each pixel of the shape and of it times x, y, z, xx, xy, xz, yy, yz, zz, the residuals."""
    kind: tl.constexpr = ex.dtype
    row_x, along_x = nodes_along(0, g, spans, count, nodes, D)
    row_y, along_y = nodes_along(1, g, spans, count, nodes, D)
    row_z, along_z = nodes_along(2, g, spans, count, nodes, D)
    zero = tl.zeros(ex.shape, kind)
    m, mx, my, mz, mxx, mxy, mxz, myy, myz, mzz = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
    for k in range(along_z):
        in_z, share_z = node(nodes, row_z, k, kind)
        for j in range(along_y):
            in_y, share_y = node(nodes, row_y, j, kind)
            for i in range(along_x):
                in_x, share_x = node(nodes, row_x, i, kind)
                dx, dy, dz = shifted(in_x, in_y, in_z, geometry, D)
                x, y, z = ex + dx, ey + dy, ez + dz
                shape = profile(x, y, z, geometry, lowest, D) * (share_x * share_y * share_z)
                m += shape
                mx += shape * x
                mxx += shape * x * x
                if D > 1:
                    my += shape * y
                    mxy += shape * x * y
                    myy += shape * y * y
                if D > 2:
                    mz += shape * z
                    mxz += shape * x * z
                    myz += shape * y * z
                    mzz += shape * z * z
    return m, mx, my, mz, mxx, mxy, mxz, myy, myz, mzz


@triton.jit
def moments_at_pixels(ex, ey, ez, geometry, lowest, D: tl.constexpr):
    """The same where the shape is that at the centre of a pixel."""
    shape = profile(ex, ey, ez, geometry, lowest, D)
    zero = tl.zeros(ex.shape, ex.dtype)
    x = shape * ex
    y, z, xy, xz, yy, yz, zz = zero, zero, zero, zero, zero, zero, zero
    if D > 1:
        y = shape * ey
        xy, yy = x * ey, y * ey
    if D > 2:
        z = shape * ez
        xz, yz, zz = x * ez, y * ez, z * ez
    return shape, x, y, z, x * ex, xy, xz, yy, yz, zz
