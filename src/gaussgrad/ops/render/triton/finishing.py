"""The kernel that makes gradients of the sums of each Gaussian (docs/maths.md, equations 15 to 18, 53 and 54)."""

import triton
import triton.language as tl

from gaussgrad.ops.render.triton.geometry import factor, turn
from gaussgrad.ops.render.triton.gradients import FIRST_LEVEL, SCALE, WIDTH


@triton.jit
def summed(partial, entry, at, count, entries, SPLITS: tl.constexpr):
    """An entry of the sums, over the splits in their order."""
    total = tl.zeros(at.shape, tl.float64)
    for split in range(SPLITS):
        total += tl.load(partial + (tl.cast(split, tl.int64) * entries + entry) * count + at)
    return total


@triton.jit
def put(gradient, k, at: tl.constexpr, entries: tl.constexpr, value, fine, inside):
    """Write entry `at` of the gradients of the Gaussians k; NaN where their batch item is not valid."""
    value = tl.where(fine, value, float("nan"))
    tl.store(gradient + k * entries + at, value.to(gradient.dtype.element_ty), mask=inside)


@triton.jit
def put_covariances(gradient, k, slopes, second, fine, inside, D: tl.constexpr):
    """Equation 18: F U, then U' F U, with U = [1, -beta, slope; 0, 1, -alpha; 0, 0, 1]."""
    alpha, beta, gamma = slopes
    xx, xy, xz, yy, yz, zz = second
    if D == 1:
        put(gradient, k, 0, 1, 0.5 * xx, fine, inside)
    else:
        E: tl.constexpr = 3 if D == 2 else 6
        slope = alpha * beta - gamma
        xy_u = xy - beta * xx
        yy_u = yy - beta * xy
        put(gradient, k, 0, E, 0.5 * xx, fine, inside)
        put(gradient, k, 1, E, xy_u, fine, inside)
        put(gradient, k, 2 if D == 2 else 3, E, 0.5 * (yy_u - beta * xy_u), fine, inside)
        if D == 3:
            xz_u = xz - alpha * xy + slope * xx
            yz_u = yz - alpha * yy + slope * xy
            zz_u = zz - alpha * yz + slope * xz
            put(gradient, k, 2, E, xz_u, fine, inside)
            put(gradient, k, 4, E, yz_u - beta * xz_u, fine, inside)
            put(gradient, k, 5, E, 0.5 * (zz_u - alpha * yz_u + slope * xz_u), fine, inside)


@triton.jit
def form(symmetric, u, v):
    """u' S v of the symmetric S = (xx, xy, xz, yy, yz, zz)."""
    xx, xy, xz, yy, yz, zz = symmetric
    along_x = xx * v[0] + xy * v[1] + xz * v[2]
    along_y = xy * v[0] + yy * v[1] + yz * v[2]
    along_z = xz * v[0] + yz * v[1] + zz * v[2]
    return u[0] * along_x + u[1] * along_y + u[2] * along_z


@triton.jit
def put_factors(gradient, rows, k, symmetric, fine, inside, D: tl.constexpr):
    """Equations 53 and 54: the columns of L' X = T, from the last row up."""
    a, below, c, e, f, g = rows[0][0], rows[1][0], rows[1][1], rows[2][0], rows[2][1], rows[2][2]
    if D == 1:
        put(gradient, k, 0, 1, symmetric[0] / a, fine, inside)
    else:
        E: tl.constexpr = 3 if D == 2 else 6
        _, x, y, z = turn(rows, D)
        first, second, third = (x[0], y[0], z[0]), (x[1], y[1], z[1]), (x[2], y[2], z[2])
        zx, zy = a * 0.0, a * 0.0
        if D == 3:
            zx = form(symmetric, third, first) / g
            zy = form(symmetric, third, second) / g
            put(gradient, k, 3, E, zx, fine, inside)
            put(gradient, k, 4, E, zy, fine, inside)
            put(gradient, k, 5, E, form(symmetric, third, third) / g, fine, inside)
        yx = (form(symmetric, second, first) - f * zx) / c
        put(gradient, k, 1, E, yx, fine, inside)
        put(gradient, k, 2, E, (form(symmetric, second, second) - f * zy) / c, fine, inside)
        put(gradient, k, 0, E, (form(symmetric, first, first) - below * yx - e * zx) / a, fine, inside)


@triton.jit
def finish(
    scene,
    prepared,
    fine_items,
    partial,
    gradients,
    n,
    count,
    channels,
    D: tl.constexpr,
    DENSITY: tl.constexpr,
    FACTORED: tl.constexpr,
    SPLITS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the gradients of means, widths and weights."""
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = k < count
    at = tl.minimum(k, count - 1)  # the last one again, whose results are not written
    fine = tl.load(fine_items + at // n) != 0
    row = prepared.numbers + at * WIDTH
    alpha, beta = tl.load(row + 3), tl.load(row + 4)
    gamma = tl.load(row + 5)
    ix, iy = tl.load(row + 6), tl.load(row + 7)
    iz = tl.load(row + 8)
    scale = tl.load(row + SCALE)
    entries = FIRST_LEVEL + channels
    volume = tl.zeros(k.shape, tl.float64)  # the sum of level times gradient, by which the density's factor falls
    for c in range(channels):
        to_level = scale * summed(partial, FIRST_LEVEL + c, at, count, entries, SPLITS)
        weight = tl.load(scene.weights + at * channels + c)
        volume += weight.to(tl.float64) * to_level
        to_weight = tl.where(fine, to_level, float("nan")).to(gradients.weights.dtype.element_ty)
        tl.store(gradients.weights + k * channels + c, to_weight, mask=inside)
    if not DENSITY:
        volume = tl.zeros(k.shape, tl.float64)
    zero = tl.zeros(k.shape, tl.float64)
    fx, fy, fz = summed(partial, 1, at, count, entries, SPLITS) * ix, zero, zero
    mxx = summed(partial, 4, at, count, entries, SPLITS) * ix - volume
    mxy, mxz, myy, myz, mzz = zero, zero, zero, zero, zero
    if D > 1:
        fy = summed(partial, 2, at, count, entries, SPLITS) * iy
        mxy = summed(partial, 5, at, count, entries, SPLITS)
        myy = summed(partial, 7, at, count, entries, SPLITS) * iy - volume
    if D > 2:
        fz = summed(partial, 3, at, count, entries, SPLITS) * iz
        mxz = summed(partial, 6, at, count, entries, SPLITS)
        myz = summed(partial, 8, at, count, entries, SPLITS)
        mzz = summed(partial, 9, at, count, entries, SPLITS) * iz - volume
    put(gradients.means, k, 0, D, fx, fine, inside)
    if D > 1:
        put(gradients.means, k, 1, D, fy - beta * fx, fine, inside)
    if D > 2:
        put(gradients.means, k, 2, D, fz - alpha * fy + (alpha * beta - gamma) * fx, fine, inside)
    if FACTORED:
        x, y, z = tl.sqrt(ix), tl.sqrt(iy), tl.sqrt(iz)
        symmetric = mxx, mxy * x * y, mxz * x * z, myy, myz * y * z, mzz
        put_factors(gradients.widths, factor(scene.widths, at, D), k, symmetric, fine, inside, D)
    else:
        second = mxx * ix, mxy * ix * iy, mxz * ix * iz, myy * iy, myz * iy * iz, mzz * iz
        put_covariances(gradients.widths, k, (alpha, beta, gamma), second, fine, inside, D)
