"""The backward kernel: each Gaussian gathers its own gradient from the pixels inside its ellipse."""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.cpu.geometry import (
    CHUNK,
    NUMBERS,
    ROWS,
    factor,
    gaussian,
    place_rows,
    prepare,
    profile,
    rows,
    slices,
    take,
)
from gaussgrad.ops.render.cpu.modes import MAX, SUM
from gaussgrad.ops.render.cpu.quadrature import MOST_LINES, moments_over_pixels, nodes_of, through_row

MOMENTS = 10  # of r: its sum, three first and six second moments
ONE, NONE = np.int32(1), np.int32(0)


@njit(**simd.INLINE)
def upstream(grad, product, marks, place, count, s, level, static, index):
    """The gradient of the loss to the value s * level of one Gaussian at `count` pixels of one channel."""
    mode = simd.value_of(static[0])
    g = simd.load(grad, place, count, s)
    if mode == SUM:
        return g
    mark = simd.load(marks, place, count, s)
    if mode == MAX:
        return simd.select(simd.equal(mark, simd.splat(index, s)), g, simd.zero(s))
    others = simd.load(product, place, count, s)
    left = simd.one(s) - s * level
    alone = simd.select(simd.equal(mark, simd.splat(ONE, s)), others, simd.zero(s))
    shared = simd.select(simd.equal(mark, simd.splat(NONE, s)), others / left, simd.zero(s))
    return g * simd.select(simd.equal(left, simd.zero(s)), alone, shared)


@njit(**simd.INLINE)
def pull(grad, product, marks, levels, first_level, channels, place, plane, count, s, static, index, by_channel):
    """The gradient of the loss to the shape s at `count` pixels; `by_channel` collects that to the levels.

    `static` comes here whole: the loop is taken apart, its sums in registers, only where this function knows the number
    of channels.
    """
    pulled = simd.zero(s)
    for c in range(simd.value_of(static[1]) or channels):
        level = simd.splat(simd.peek(levels, first_level + c), s)
        above = upstream(grad, product, marks, place + c * plane, count, s, level, static, index)
        pulled = simd.fused(above, level, pulled)
        simd.put(by_channel, c, simd.fused(above, s, simd.get(by_channel, c, s)))
    return pulled


@njit(**simd.INLINE)
def gather(
    g, levels, first_level, grad, product, marks, at, frame, first, last, static, channels, cut, tolerance, lowest,
    index, by_channel, sums, j, places,
):  # fmt: skip
    """Sums over the pixels of one Gaussian on the rows [first, last).

    `sums` collects r, the gradient to -q/2, and its first and second moments in the residuals (docs/maths.md, equations
    16-17); `by_channel` the gradient to each level, a vector per channel.
    """
    dimensions, height, width = simd.value_of(static[2]), frame[1], frame[2]
    plane = frame[0] * height * width
    order = simd.iota(grad)
    step = simd.lanes_of(grad)
    nothing = simd.zero(order)
    number = simd.scalar_type(grad)
    curvature = simd.splat(number(-0.5 * g.ix), order)
    z_low, z_high = slices(g, cut, 0.0, first // height, (last - 1) // height + 1) if dimensions == 3 else (0, 1)
    for z in range(z_low, z_high):
        ez = z - g.z
        if dimensions == 3:
            y_low, y_high = rows(g, ez, cut, 0.0, max(0, first - z * height), min(height, last - z * height))
        else:
            y_low, y_high = first, last
        for block in range(y_low, y_high, ROWS):  # summed in the array's own dtype; the sums move on to float64
            m0, mx, my, mxx, mxy, myy = nothing, nothing, nothing, nothing, nothing, nothing
            in_block = min(ROWS, y_high - block)
            place_rows(g, ez, block, in_block, cut, 0.0, 0, width, places)
            for r in range(in_block):
                ey, centre = simd.peek(places, r), simd.peek(places, ROWS + r)
                low, high = int(simd.peek(places, 2 * ROWS + r)), int(simd.peek(places, 3 * ROWS + r))
                constant = simd.splat(number(-0.5 * (ey * ey * g.iy + ez * ez * g.iz)), order)
                row = at + (z * height + block + r) * width
                s0, s1, s2 = nothing, nothing, nothing
                for x in range(low, high, step):
                    u = order + number(x - centre)
                    p = profile(u, curvature, constant, lowest)
                    inside = simd.greater(p, tolerance)
                    s = simd.select(inside, p - tolerance, nothing)
                    pulled = pull(
                        grad, product, marks, levels, first_level, channels, row + x, plane, high - x, s, static, index,
                        by_channel,
                    )  # fmt: skip
                    q = simd.select(inside, pulled * p, nothing)
                    qu = q * u
                    s0, s1, s2 = s0 + q, s1 + qu, simd.fused(qu, u, s2)
                e = simd.splat(number(ey), order)
                s0e = s0 * e
                m0, mx, my = m0 + s0, mx + s1, my + s0e
                mxx, mxy, myy = mxx + s2, simd.fused(s1, e, mxy), simd.fused(s0e, e, myy)
            r0, x1, y1 = np.float64(simd.total(m0)), np.float64(simd.total(mx)), np.float64(simd.total(my))
            sums[j, 0] += r0
            sums[j, 1] += x1
            sums[j, 2] += y1
            sums[j, 3] += r0 * ez
            sums[j, 4] += np.float64(simd.total(mxx))
            sums[j, 5] += np.float64(simd.total(mxy))
            sums[j, 6] += x1 * ez
            sums[j, 7] += np.float64(simd.total(myy))
            sums[j, 8] += y1 * ez
            sums[j, 9] += r0 * ez * ez


@njit(**simd.INLINE)
def gather_area(
    g, levels, first_level, grad, product, marks, at, frame, first, last, static, channels, cut, tolerance, lowest,
    index, by_channel, sums, j, places, nodes, lines,
):  # fmt: skip
    """The same where the shape is the mean over a pixel: the moments are means over each pixel too (equation 47)."""
    height, width = frame[1], frame[2]
    plane = frame[0] * height * width
    order = simd.iota(grad)
    number = simd.scalar_type(grad)
    curvature = simd.splat(number(-0.5 * g.ix), order)
    z_low, z_high = slices(g, cut, 0.5, first // height, (last - 1) // height + 1)
    for z in range(z_low, z_high):
        ez = z - g.z
        y_low, y_high = rows(g, ez, cut, 0.5, max(0, first - z * height), min(height, last - z * height))
        for y in range(y_low, y_high):
            place_rows(g, ez, y, 1, cut, 0.5, 0, width, places)
            ey, low, high = simd.peek(places, 0), int(simd.peek(places, 2 * ROWS)), int(simd.peek(places, 3 * ROWS))
            row = at + (z * height + y) * width
            count = through_row(g, ey, ez, nodes, lines)
            for x in range(low, high, simd.lanes_of(grad)):
                moments = moments_over_pixels(x, order, curvature, lowest, nodes, lines, count, number)
                inside = simd.greater(moments[0], tolerance)
                s = simd.select(inside, moments[0] - tolerance, simd.zero(order))
                pulled = pull(
                    grad, product, marks, levels, first_level, channels, row + x, plane, high - x, s, static, index,
                    by_channel,
                )  # fmt: skip
                r = simd.select(inside, pulled, simd.zero(order))
                for k in range(MOMENTS):
                    sums[j, k] += np.float64(simd.total(r * moments[k]))


@njit(**simd.INLINE)
def clear(sums, j):
    """Set a row to 0; as a slice assignment it would take Numba three seconds more to compile."""
    for entry in range(sums.shape[1]):
        sums[j, entry] = 0.0


@njit(**simd.INLINE)
def finish(g, scale, dimensions, density, sums, j, b, i, weights, grad_means, grad_covariances, grad_weights):
    """Write the gradients of one Gaussian from the row j of `sums` (docs/maths.md, equations 15-18).

    The row holds ten moments in the residuals, then the gradient to each level.
    """
    volume = 0.0  # the sum of level times gradient, by which the density's factor falls with the determinant
    for c in range(weights.shape[2]):
        grad_weights[b, i, c] = scale * sums[j, MOMENTS + c]
        volume += scale * weights[b, i, c] * sums[j, MOMENTS + c]
    if not density:
        volume = 0.0
    fx, fy, fz = sums[j, 1] * g.ix, sums[j, 2] * g.iy, sums[j, 3] * g.iz
    slope = g.alpha * g.beta - g.gamma
    xx, xy, xz = (sums[j, 4] * g.ix - volume) * g.ix, sums[j, 5] * g.ix * g.iy, sums[j, 6] * g.ix * g.iz
    yy, yz, zz = (sums[j, 7] * g.iy - volume) * g.iy, sums[j, 8] * g.iy * g.iz, (sums[j, 9] * g.iz - volume) * g.iz
    # F U, then U' F U, with U = [1, -beta, slope; 0, 1, -alpha; 0, 0, 1]
    xy_u = xy - g.beta * xx
    yy_u = yy - g.beta * xy
    grad_means[b, i, 0] = fx
    grad_covariances[b, i, 0] = 0.5 * xx
    if dimensions > 1:
        grad_means[b, i, 1] = fy - g.beta * fx
        grad_covariances[b, i, 1] = xy_u
        grad_covariances[b, i, 2 if dimensions == 2 else 3] = 0.5 * (yy_u - g.beta * xy_u)
    if dimensions == 3:
        xz_u = xz - g.alpha * xy + slope * xx
        yz_u = yz - g.alpha * yy + slope * xy
        zz_u = zz - g.alpha * yz + slope * xz
        grad_means[b, i, 2] = fz - g.alpha * fy + slope * fx
        grad_covariances[b, i, 2] = xz_u
        grad_covariances[b, i, 4] = yz_u - g.beta * xz_u
        grad_covariances[b, i, 5] = 0.5 * (zz_u - g.alpha * yz_u + slope * xz_u)


@simd.kernel
def gather_gradients(
    start, stop, visits, partial, means, covariances, weights, frame, density, static, area, cut, tolerance, lowest,
    grad, product, marks, grad_means, grad_covariances, grad_weights
):  # fmt: skip
    """Make the visits [start, stop) (see visits.py): write the gradients, or into `partial` the sums of a block.

    `static` and `area` are as in drawing.
    """
    dimensions, n = simd.value_of(static[2]), weights.shape[1]
    channels = simd.value_of(static[1]) or weights.shape[2]
    grad_, product_, marks_ = simd.address(grad), simd.address(product), simd.address(marks)
    order = simd.iota(grad_)
    lanes = simd.lanes_of(grad_)
    owners, prepared, scales = np.empty((CHUNK, 2), np.int64), np.empty((CHUNK, NUMBERS)), np.empty(CHUNK)
    level_array, lane_array = np.empty((CHUNK, channels), grad.dtype), np.empty(channels * lanes, grad.dtype)
    sums, lines = np.empty((CHUNK, MOMENTS + channels)), np.empty((MOST_LINES, 4))
    place_array = np.empty(4 * ROWS)
    prepared_, levels, places = simd.address(prepared), simd.address(level_array), simd.address(place_array)
    # a few channels live in registers
    by_channel = simd.scratch(order, static[1]) if simd.value_of(static[1]) else simd.address(lane_array)
    lowest_, tolerance_ = simd.splat(lowest, order), simd.splat(tolerance, order)
    for chunk in range(start, stop, CHUNK):
        in_chunk = min(CHUNK, stop - chunk)
        for j in range(in_chunk):
            k = visits[chunk + j, 0]
            b, i = k // n, k % n
            owners[j, 0], owners[j, 1] = b, i
            _, scales[j] = prepare(prepared, level_array, j, means, covariances, weights, b, i, dimensions, density)
        for j in range(in_chunk):
            first, last = visits[chunk + j, 1], visits[chunk + j, 2]
            b, i = owners[j, 0], owners[j, 1]
            g = take(prepared_, j, dimensions)
            for c in range(channels):
                simd.put(by_channel, c, simd.zero(order))
            clear(sums, j)
            at = b * channels * frame[0] * frame[1] * frame[2]
            if area is None:
                gather(
                    g, levels, j * channels, grad_, product_, marks_, at, frame, first, last, static, channels, cut,
                    tolerance_, lowest_, np.int32(i), by_channel, sums, j, places,
                )  # fmt: skip
            else:
                gather_area(
                    g, levels, j * channels, grad_, product_, marks_, at, frame, first, last, static, channels, cut,
                    tolerance_, lowest_, np.int32(i), by_channel, sums, j, places, nodes_of(g, dimensions), lines,
                )  # fmt: skip
            for c in range(channels):
                sums[j, MOMENTS + c] = simd.total(simd.get(by_channel, c, order))
        for j in range(in_chunk):
            b, i, slot = owners[j, 0], owners[j, 1], visits[chunk + j, 3]
            if slot < 0:
                g = take(prepared_, j, dimensions)
                finish(
                    g, scales[j], dimensions, density, sums, j, b, i, weights, grad_means, grad_covariances,
                    grad_weights,
                )  # fmt: skip
            else:
                for entry in range(MOMENTS + channels):
                    partial[slot, entry] = sums[j, entry]
    simd.keep(prepared)
    simd.keep(level_array)
    simd.keep(lane_array)
    simd.keep(place_array)


@simd.kernel
def finish_blocks(
    visits, partial, means, covariances, weights, density, grad_means, grad_covariances, grad_weights
):  # fmt: skip
    """Write the gradients of the Gaussians that were gathered in blocks."""
    n, dimensions = means.shape[1:]
    sums = np.empty((1, partial.shape[1]))
    clear(sums, 0)
    for visit in range(len(visits)):
        k, slot = visits[visit, 0], visits[visit, 3]
        if slot < 0:
            continue
        for entry in range(sums.shape[1]):
            sums[0, entry] += partial[slot, entry]
        if visit + 1 == len(visits) or visits[visit + 1, 0] != k:
            b, i = k // n, k % n
            g = gaussian(means, covariances, b, i, dimensions)
            scale = factor(g, dimensions, density)
            finish(g, scale, dimensions, density, sums, 0, b, i, weights, grad_means, grad_covariances, grad_weights)
            clear(sums, 0)
