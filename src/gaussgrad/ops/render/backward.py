"""The backward kernel: each Gaussian gathers its own gradient from the pixels inside its ellipse."""

import math

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.forward import profile
from gaussgrad.ops.render.geometry import factor, gaussian, span
from gaussgrad.ops.render.modes import MAX, SUM

FLUSH = 16  # rows summed in the array's own dtype before the sums move on to float64
ONE, NONE = np.int32(1), np.int32(0)


@njit(nogil=True, error_model="numpy")
def upstream(grad, product, marks, place, count, value, order, zero, one, mode, index):
    """The gradient of the loss to one Gaussian's value at `count` pixels of one channel."""
    g = simd.load(grad, place, count, order)
    if mode == SUM:
        return g
    mark = simd.load(marks, place, count, order)
    if mode == MAX:
        return simd.select(simd.equal(mark, simd.splat(index, order)), g, zero)
    others = simd.load(product, place, count, order)
    left = one - value
    alone = simd.select(simd.equal(mark, simd.splat(ONE, order)), others, zero)
    shared = simd.select(simd.equal(mark, simd.splat(NONE, order)), others / left, zero)
    return g * simd.select(simd.equal(left, zero), alone, shared)


@njit(nogil=True, error_model="numpy")
def gather_row(
    grad, product, marks, at, plane, low, high, centre, curvature, constant, levels, tolerance, lowest, mode, index,
    by_channel,
):  # fmt: skip
    """Sums over one row: of r, r u and r u^2 in x, where r is the gradient to -q/2; `by_channel` collects that to the
    levels, a vector per channel."""
    number = grad.dtype.type
    order = simd.iota(grad)
    step = simd.lanes_of(grad)
    zero, one = simd.splat(number(0), grad), simd.splat(number(1), grad)
    curvature_, constant_ = simd.splat(curvature, grad), simd.splat(constant, grad)
    lowest_, tolerance_ = simd.splat(lowest, grad), simd.splat(tolerance, grad)
    sum0, sum1, sum2 = zero, zero, zero
    for x in range(low, high, step):
        count = high - x
        u = order + number(x - centre)
        g = profile(u, curvature_, constant_, lowest_, zero)
        inside = simd.greater(g, tolerance_)
        s = simd.select(inside, g - tolerance_, zero)
        pull = zero
        place = at + x
        for c in range(levels.size):
            level = simd.splat(levels[c], grad)
            above = upstream(grad, product, marks, place, count, s * level, order, zero, one, mode, index)
            pull = simd.fused(above, level, pull)
            so_far = simd.load(by_channel, c * step, step, order)
            simd.store(by_channel, c * step, step, simd.fused(above, s, so_far))
            place += plane
        r = simd.select(inside, pull * g, zero)
        ru = r * u
        sum0, sum1, sum2 = sum0 + r, sum1 + ru, simd.fused(ru, u, sum2)
    return sum0, sum1, sum2


@njit(nogil=True, error_model="numpy")
def gather_gaussian(g, grad, product, marks, at, frame, levels, cut, tolerance, lowest, mode, index, by_channel, sums):
    """Sums over all pixels of one Gaussian: `sums` is r and its first and second moments in the residuals."""
    depth, height, width = frame
    number = grad.dtype.type
    zero = simd.splat(number(0), grad)
    sums[:] = 0
    by_channel[:] = 0
    z_low, z_high = span(g.z, math.sqrt(cut * g.vz), 0, depth)
    for z in range(z_low, z_high):
        ez = z - g.z
        rest_z = ez * ez / g.vz
        centre_y = g.y + g.alpha * ez
        y_low, y_high = span(centre_y, math.sqrt(max(cut - rest_z, 0.0) * g.vy), 0, height)
        for y_block in range(y_low, y_high, FLUSH):
            m0, mx, my, mxx, mxy, myy = zero, zero, zero, zero, zero, zero
            for y in range(y_block, min(y_block + FLUSH, y_high)):
                ey = y - centre_y
                rest = rest_z + ey * ey / g.vy
                centre = g.x + g.beta * ey + g.gamma * ez
                low, high = span(centre, math.sqrt(max(cut - rest, 0.0) * g.vx), 0, width)
                s0, s1, s2 = gather_row(
                    grad, product, marks, at + (z * height + y) * width, depth * height * width, low, high, centre,
                    number(-0.5 / g.vx), number(-0.5 * rest), levels, tolerance, lowest, mode, index, by_channel,
                )  # fmt: skip
                ey_ = simd.splat(number(ey), grad)
                s0y = s0 * ey_
                m0, mx, my = m0 + s0, mx + s1, my + s0y
                mxx, mxy, myy = mxx + s2, simd.fused(s1, ey_, mxy), simd.fused(s0y, ey_, myy)
            r, x, y1 = np.float64(simd.total(m0)), np.float64(simd.total(mx)), np.float64(simd.total(my))
            sums[0] += r
            sums[1] += x
            sums[2] += y1
            sums[3] += r * ez
            sums[4] += np.float64(simd.total(mxx))
            sums[5] += np.float64(simd.total(mxy))
            sums[6] += x * ez
            sums[7] += np.float64(simd.total(myy))
            sums[8] += y1 * ez
            sums[9] += r * ez * ez


@njit(nogil=True, error_model="numpy")
def to_parameters(g, sums, volume, grad_mean, grad_covariance):
    """From the moments in the residuals to the gradients of one mean and covariance (docs/maths.md, equations 15-18).

    `volume` is the sum of level times gradient, by which the density's factor falls with the determinant; 0 for peak.
    """
    d = grad_mean.size
    ix, iy, iz = 1 / g.vx, 1 / g.vy, 1 / g.vz
    fx, fy, fz = sums[1] * ix, sums[2] * iy, sums[3] * iz
    slope = g.alpha * g.beta - g.gamma
    u = ((1.0, -g.beta, slope), (0.0, 1.0, -g.alpha), (0.0, 0.0, 1.0))
    xx, xy, xz = (sums[4] * ix - volume) * ix, sums[5] * ix * iy, sums[6] * ix * iz
    yy, yz, zz = (sums[7] * iy - volume) * iy, sums[8] * iy * iz, (sums[9] * iz - volume) * iz
    middle = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
    entry = 0
    for i in range(d):
        grad_mean[i] = u[0][i] * fx + u[1][i] * fy + u[2][i] * fz
        for j in range(i, d):
            value = 0.0
            for k in range(3):
                for l in range(3):  # noqa: E741
                    value += u[k][i] * middle[k][l] * u[l][j]
            grad_covariance[entry] = value if i != j else 0.5 * value
            entry += 1


@njit(nogil=True, error_model="numpy", cache=True)
def gather_gradients(
    start, stop, means, covariances, weights, frame, density, mode, cut, tolerance, lowest, grad, product, marks,
    grad_means, grad_covariances, grad_weights,
):  # fmt: skip
    """Write the gradients of the Gaussians [start, stop) of all batch items laid end to end."""
    n, channels = weights.shape[1:]
    number = grad.dtype.type
    lanes = simd.lanes_of(grad)
    levels = np.empty(channels, grad.dtype)
    by_channel = np.empty(channels * lanes, grad.dtype)
    sums = np.empty(10)
    for k in range(start, stop):
        b, i = k // n, k % n
        g = gaussian(means, covariances, b, i)
        scale = factor(g, means.shape[2], density)
        for c in range(channels):
            levels[c] = number(scale * weights[b, i, c])
        at = b * channels * frame[0] * frame[1] * frame[2]
        gather_gaussian(
            g, grad, product, marks, at, frame, levels, cut, tolerance, lowest, mode, np.int32(i), by_channel, sums
        )
        volume = 0.0
        for c in range(channels):
            collected = 0.0
            for lane in range(lanes):
                collected += by_channel[c * lanes + lane]
            grad_weights[b, i, c] = scale * collected
            volume += scale * weights[b, i, c] * collected
        to_parameters(g, sums, volume if density else 0.0, grad_means[b, i], grad_covariances[b, i])
