"""From what a Gaussian has summed over its pixels to its gradients."""

import math

from gaussgrad import simd
from gaussgrad.ops.render.cpu import factors

MOMENTS = 10  # of r: its sum, three first and six second moments


@simd.inlined
def clear(sums, j):
    """Set a row to 0; as a slice assignment it would take Numba three seconds more to compile."""
    for entry in range(sums.shape[1]):
        sums[j, entry] = 0.0


@simd.inlined
def finish(g, scale, dimensions, density, sums, j, b, i, scene, factored, gradients):
    """Write the gradients of one Gaussian from the row j of `sums` (docs/maths.md, equations 15-18).

    The row holds ten moments in the residuals, then the gradient to each level.
    """
    volume = 0.0  # the sum of level times gradient, by which the density's factor falls with the determinant
    for c in range(scene.weights.shape[2]):
        gradients.weights[b, i, c] = scale * sums[j, MOMENTS + c]
        volume += scale * scene.weights[b, i, c] * sums[j, MOMENTS + c]
    if not density:
        volume = 0.0
    fx, fy, fz = sums[j, 1] * g.ix, sums[j, 2] * g.iy, sums[j, 3] * g.iz
    gradients.means[b, i, 0] = fx
    if dimensions > 1:
        gradients.means[b, i, 1] = fy - g.beta * fx
    if dimensions == 3:
        gradients.means[b, i, 2] = fz - g.alpha * fy + (g.alpha * g.beta - g.gamma) * fx
    if factored is not None:
        finish_factor(g, dimensions, sums, j, b, i, volume, scene.widths, gradients.widths)
        return
    gradient, slope = gradients.widths, g.alpha * g.beta - g.gamma
    xx, xy, xz = (sums[j, 4] * g.ix - volume) * g.ix, sums[j, 5] * g.ix * g.iy, sums[j, 6] * g.ix * g.iz
    yy, yz, zz = (sums[j, 7] * g.iy - volume) * g.iy, sums[j, 8] * g.iy * g.iz, (sums[j, 9] * g.iz - volume) * g.iz
    # F U, then U' F U, with U = [1, -beta, slope; 0, 1, -alpha; 0, 0, 1]
    xy_u = xy - g.beta * xx
    yy_u = yy - g.beta * xy
    gradient[b, i, 0] = 0.5 * xx
    if dimensions > 1:
        gradient[b, i, 1] = xy_u
        gradient[b, i, 2 if dimensions == 2 else 3] = 0.5 * (yy_u - g.beta * xy_u)
    if dimensions == 3:
        xz_u = xz - g.alpha * xy + slope * xx
        yz_u = yz - g.alpha * yy + slope * xy
        zz_u = zz - g.alpha * yz + slope * xz
        gradient[b, i, 2] = xz_u
        gradient[b, i, 4] = yz_u - g.beta * xz_u
        gradient[b, i, 5] = 0.5 * (zz_u - g.alpha * yz_u + slope * xz_u)


@simd.inlined
def finish_factor(g, dimensions, sums, j, b, i, volume, widths, gradient):
    """The gradient of one factor (equations 53 and 54), by residuals over their standard deviations."""
    x, y, z = math.sqrt(g.ix), math.sqrt(g.iy), math.sqrt(g.iz)
    symmetric = (
        sums[j, 4] * g.ix - volume,
        sums[j, 5] * x * y,
        sums[j, 6] * x * z,
        sums[j, 7] * g.iy - volume,
        sums[j, 8] * y * z,
        sums[j, 9] * g.iz - volume,
    )
    factors.put_gradient(widths, b, i, dimensions, symmetric, gradient)
