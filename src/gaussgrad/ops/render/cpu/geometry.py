"""Where a Gaussian stands and which pixels it touches: the scalar arithmetic of the kernels, in float64.

Lower dimensions are drawn as three with one slice or one row. The squared distance is written as a sum of squares of
residuals, each coordinate given the ones after it (docs/maths.md, equations 10 to 14):

    ez = dz,   ey = dy - alpha ez,   ex = dx - beta ey - gamma ez,   q = ex^2/vx + ey^2/vy + ez^2/vz
"""

import math
from typing import NamedTuple

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu import factors

ROWS = 16  # placed at a time
LOG_2 = math.log(2)
END_FLOAT32, END_FLOAT64 = 2.0**125, 2.0**1021  # the largest powers of two whose logarithm `simd.exp` takes
CHUNK = 16  # prepared at a time: where the number of rows is known late, the processor waits at each Gaussian


class Gaussian(NamedTuple):
    """Centre, slopes of the conditional means, conditional variances with their inverses; what the shape takes over.

    That is a factor of the levels, mostly 1, and its logarithm; see `share_out`.
    """

    x: float
    y: float
    z: float
    alpha: float
    beta: float
    gamma: float
    vx: float
    vy: float
    vz: float
    ix: float
    iy: float
    iz: float
    boost: float
    factor: float


NUMBERS = len(Gaussian._fields)


@simd.inlined
def gaussian(means, widths, b, i, d, factored):
    """The Gaussian i of batch item b in `d` dimensions; missing coordinates are 0 with variance 1.

    `factored` is True where the widths are Cholesky factors, and None where they are covariances: Numba then leaves out
    the branches of factors.
    """
    y, z = 0.0, 0.0
    x = np.float64(means[b, i, 0])
    if d > 1:
        y = np.float64(means[b, i, 1])
    if d == 3:
        z = np.float64(means[b, i, 2])
    if factored is None:
        alpha, beta, gamma, vx, vy, vz = slopes_of_covariances(widths, b, i, d)
    else:
        alpha, beta, gamma, vx, vy, vz = factors.slopes_and_variances(widths, b, i, d)
    return Gaussian(x, y, z, alpha, beta, gamma, vx, vy, vz, 1 / vx, 1 / vy, 1 / vz, 0.0, 1.0)


@simd.inlined
def slopes_of_covariances(covariances, b, i, d):
    """alpha, beta, gamma, vx, vy, vz (docs/maths.md, equations 10 and 11)."""
    alpha, beta, gamma, vy, vz = 0.0, 0.0, 0.0, 1.0, 1.0
    vx = np.float64(covariances[b, i, 0])
    if d == 2:
        xy, vy = np.float64(covariances[b, i, 1]), np.float64(covariances[b, i, 2])
        inverse = 1 / vy
        beta = xy * inverse
        vx = (vx * vy - xy * xy) * inverse
    if d == 3:
        xx, xy, xz = vx, np.float64(covariances[b, i, 1]), np.float64(covariances[b, i, 2])
        yy, yz = np.float64(covariances[b, i, 3]), np.float64(covariances[b, i, 4])
        vz = np.float64(covariances[b, i, 5])
        minor = yy * vz - yz * yz
        alpha, gamma, vy = yz / vz, xz / vz, minor / vz
        beta = (xy - xz * alpha) / vy
        vx = (xx * minor - xy * (xy * vz - yz * xz) + xz * (xy * yz - yy * xz)) / minor
    return alpha, beta, gamma, vx, vy, vz


@simd.inlined
def take(prepared, j, d):
    """The Gaussian that `prepare` wrote to the row j; what `d` dimensions leave constant is not looked up."""
    at = j * NUMBERS
    x, vx, ix = simd.peek(prepared, at), simd.peek(prepared, at + 6), simd.peek(prepared, at + 9)
    boost, factor = simd.peek(prepared, at + 12), simd.peek(prepared, at + 13)
    y, z, alpha, beta, gamma, vy, vz, iy, iz = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0
    if d > 1:
        y, beta = simd.peek(prepared, at + 1), simd.peek(prepared, at + 4)
        vy, iy = simd.peek(prepared, at + 7), simd.peek(prepared, at + 10)
    if d == 3:
        z, alpha, gamma = simd.peek(prepared, at + 2), simd.peek(prepared, at + 3), simd.peek(prepared, at + 5)
        vz, iz = simd.peek(prepared, at + 8), simd.peek(prepared, at + 11)
    return Gaussian(x, y, z, alpha, beta, gamma, vx, vy, vz, ix, iy, iz, boost, factor)


@simd.kernel
def valid_range(start, stop, means, widths, weights, factored):
    """Whether all values are finite and all widths as they must be, by the criteria of checks.py.

    It looks at the Gaussians [start, stop), counted through all batch items. Its loops have no branch: so the compiler
    makes vectors of them.
    """
    d, channels = means.shape[2], weights.shape[2]
    if not all_finite(simd.address(means), start * d, stop * d):
        return False
    if not all_finite(simd.address(weights), start * channels, stop * channels):
        return False
    if factored is None:
        return all_definite(simd.address(widths), start, stop, d)
    return all_factors(widths, start, stop, d)


@simd.inlined
def all_finite(numbers, start, stop):
    """Whether the numbers [start, stop) are."""
    beyond = False
    for k in range(start, stop):
        beyond |= not abs(simd.peek(numbers, k)) < np.inf
    return not beyond


@simd.inlined
def all_definite(covariances, start, stop, d):
    """Sylvester's criterion, from the last coordinate on; false for what is not finite."""
    wrong = False
    if d == 1:
        for k in range(start, stop):
            xx = simd.peek(covariances, k)
            wrong |= not (xx > 0) & (xx < np.inf)
    if d == 2:
        for k in range(start, stop):
            xx, xy, yy = entry(covariances, 3 * k), entry(covariances, 3 * k + 1), entry(covariances, 3 * k + 2)
            determinant = xx * yy - xy * xy
            wrong |= not (yy > 0) & (xx < np.inf) & (determinant > 0) & (determinant < np.inf)
    if d == 3:
        for k in range(start, stop):
            xx, xy, xz = entry(covariances, 6 * k), entry(covariances, 6 * k + 1), entry(covariances, 6 * k + 2)
            yy, yz, zz = entry(covariances, 6 * k + 3), entry(covariances, 6 * k + 4), entry(covariances, 6 * k + 5)
            minor = yy * zz - yz * yz
            determinant = xx * minor - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
            wrong |= not (zz > 0) & (minor > 0) & (determinant > 0) & (determinant < np.inf)
    return not wrong


@simd.inlined
def all_factors(widths, start, stop, d):
    """Whether each is finite, with a positive diagonal."""
    right, n = True, widths.shape[1]
    for k in range(start, stop):
        right &= factors.is_factor(widths, k // n, k % n, d)
    return right


@simd.inlined
def entry(numbers, at):
    """A number in float64."""
    return np.float64(simd.peek(numbers, at))


@simd.inlined
def variance_along(widths, k, axis, n, d, factored):
    """The variance along the axis 0 (x), 1 or 2 of `d` of the Gaussian k, counted through batch items of n."""
    if factored is not None:
        return factors.variance_along(widths, k // n, k % n, axis)
    entries = 1 if d == 1 else 3 if d == 2 else 6
    return entry(simd.address(widths), k * entries + (0 if axis == 0 else 5 if axis == 2 else 2 if d == 2 else 3))


@simd.inlined
def scale_of(g, widths, b, i, dimensions, density, factored):
    """What multiplies the weight: 1, or the density at the mean."""
    if not density:
        return 1.0
    if factored is not None:
        return factors.density_at_mean(widths, b, i, dimensions)
    return (2 * math.pi) ** (-0.5 * dimensions) / math.sqrt(g.vx) / math.sqrt(g.vy) / math.sqrt(g.vz)


@simd.inlined
def share_out(scale, weights, b, i):
    """The scale that is left for the levels, the factor that the shape takes over, and its logarithm (equation 4).

    The factor is a power of two, or 1 where no level overflows.
    """
    beyond, factor, boost = False, 1.0, 0.0
    for c in range(weights.shape[2]):
        level = scale * weights[b, i, c]
        beyond |= not np.isfinite(np.float32(level) if weights.itemsize == 4 else level)
    end = END_FLOAT32 if weights.itemsize == 4 else END_FLOAT64
    while beyond and scale > 1.0 and factor < end:
        scale, factor, boost = 0.5 * scale, 2.0 * factor, boost + LOG_2
    return scale, factor, boost


@simd.inlined
def prepare(prepared, levels, j, scene, b, i, d, density, factored):
    """Write a Gaussian to the row j of `prepared` (CHUNK, NUMBERS) and its levels to that of `levels` (CHUNK, c).

    A level is what the shape is multiplied by: the weight times the scale, which is returned beside the Gaussian.
    """
    g = gaussian(scene.means, scene.widths, b, i, d, factored)
    for entry, value in enumerate(g):
        prepared[j, entry] = value
    scale = scale_of(g, scene.widths, b, i, d, density, factored)
    for c in range(scene.weights.shape[2]):
        levels[j, c] = scale * scene.weights[b, i, c]
    return g, scale


@simd.inlined
def ask_for(scene, k, d):
    """Ask for the memory of a Gaussian, counted through all batch items, that is prepared soon."""
    simd.prefetch(simd.address(scene.means), k * d)
    simd.prefetch(simd.address(scene.widths), k * (d * (d + 1) // 2))
    simd.prefetch(simd.address(scene.weights), k * scene.weights.shape[2])


@simd.inlined
def overflow(levels, count):
    """Whether a level in the first rows is beyond its dtype. Asked for all at once: `prepare` has no branch."""
    found = False
    for j in range(count):
        for c in range(levels.shape[1]):
            found |= not np.isfinite(levels[j, c])
    return found


@simd.inlined
def prepare_again(prepared, levels, j, scene, b, i, d, density, factored):
    """The same as `prepare` where a level may overflow though the value of a pixel need not; gives the scale left."""
    g = gaussian(scene.means, scene.widths, b, i, d, factored)
    whole = scale_of(g, scene.widths, b, i, d, density, factored)
    scale, factor, boost = share_out(whole, scene.weights, b, i)
    prepared[j, NUMBERS - 2], prepared[j, NUMBERS - 1] = boost, factor
    for c in range(scene.weights.shape[2]):
        levels[j, c] = scale * scene.weights[b, i, c]
    return scale


@simd.inlined
def span(centre, squared, pad, start, stop):
    """The first and one past the last pixel within sqrt(squared) + pad of the centre, inside [start, stop)."""
    half = math.sqrt(squared if squared > 0 else 0.0) + pad
    first, end = np.float64(start), np.float64(stop)
    low, high = np.ceil(centre - half), np.floor(centre + half) + 1.0
    low = low if low > first else first
    low = low if low < end else end
    high = high if high < end else end
    return int(low), int(high if high > low else low)


@simd.inlined
def touched_slices(g, cut, start, stop):
    """The slices that a Gaussian touches (docs/maths.md, equation 14)."""
    return span(g.z, cut.squared * g.vz, cut.pad, start, stop)


@simd.inlined
def touched_rows(g, ez, cut, start, stop):
    """The rows that it touches in the slice with residual ez."""
    z = max(abs(ez) - cut.pad, 0.0)
    return span(g.y + g.alpha * ez, (cut.squared - z * z * g.iz) * g.vy, cut.pad + abs(g.alpha) * cut.pad, start, stop)


@simd.inlined
def place_rows(g, ez, y_first, count, cut, x_first, x_last, table):
    """Where the Gaussian stands in `count` rows from y_first on, at most ROWS, of the slice with residual ez.

    `table` (4, ROWS), float64 and flat, gets for each row the residual ey, the centre in x, and the first and one past
    the last pixel touched in [x_first, x_last) (none if they are not in this order). Several rows at once: a square
    root and two roundings for each are more work than drawing a row of twenty pixels. The sum order + y_first is exact
    and stands alone, so that a row gets the same bits whichever row is the first.
    """
    order = simd.iota(table)
    zero, one = simd.zero(order), simd.one(order)
    start, stop = simd.splat(np.float64(x_first), order), simd.splat(np.float64(x_last), order)
    pad_y = cut.pad + abs(g.alpha) * cut.pad
    pad_x = cut.pad + abs(g.beta) * pad_y + abs(g.gamma) * cut.pad
    z = max(abs(ez) - cut.pad, 0.0)
    rest_of_row = cut.squared - z * z * g.iz
    lanes, y_centre = simd.lanes_of(table), g.y + g.alpha * ez
    for r in range(0, count, lanes):
        ey = order + np.float64(y_first + r) - y_centre
        y = simd.absolute(ey) - pad_y
        y = simd.select(simd.greater(y, zero), y, zero)
        squared = (rest_of_row - y * y * g.iy) * g.vx
        half = simd.sqrt(simd.select(simd.greater(squared, zero), squared, zero)) + pad_x
        centre = ey * g.beta + (g.x + g.gamma * ez)
        low, high = simd.ceil(centre - half), simd.floor(centre + half) + one
        simd.store(table, r, lanes, ey)
        simd.store(table, ROWS + r, lanes, centre)
        simd.store(table, 2 * ROWS + r, lanes, simd.select(simd.greater(low, start), low, start))
        simd.store(table, 3 * ROWS + r, lanes, simd.select(simd.greater(stop, high), high, stop))


@simd.inlined
def profile(u, curvature, constant, lowest):
    """exp(curvature u^2 + constant) lane by lane, and 0 where that is no normal number."""
    exponent = simd.fused(u * u, curvature, constant)
    return simd.select(simd.greater(exponent, lowest), simd.exp(exponent), simd.zero(u))
