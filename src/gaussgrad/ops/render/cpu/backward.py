"""The backward kernel: each Gaussian adds up its own gradient over the pixels inside its ellipse."""

import math

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu import factors
from gaussgrad.ops.render.cpu.geometry import (
    CHUNK,
    NUMBERS,
    ROWS,
    around,
    gaussian,
    is_narrow,
    overflow,
    place_rows,
    prepare,
    prepare_again,
    profile,
    scale_of,
    share_out,
    take,
    touched_rows,
    touched_slices,
)
from gaussgrad.ops.render.cpu.modes import MAX, SUM
from gaussgrad.ops.render.cpu.quadrature import MOST_LINES, moments_over_pixels, nodes_of, through_row
from gaussgrad.ops.render.cpu.records import Cut, Frame, Levels, Scene, Scratch, Static, Sums, Upstream

MOMENTS = 10  # of r: its sum, three first and six second moments
ONE, NONE = np.int32(1), np.int32(0)


@simd.inlined
def value_gradient(upstream, place, count, s, level, static, index):
    """The gradient of the loss to the value s * level of one Gaussian at `count` pixels of one channel."""
    mode = simd.value_of(static.mode)
    g = simd.load(upstream.grad, place, count, s)
    if mode == SUM:
        return g
    mark = simd.load(upstream.marks, place, count, s)
    if mode == MAX:
        return simd.select(simd.equal(mark, simd.splat(index, s)), g, simd.zero(s))
    others = simd.load(upstream.product, place, count, s)
    left = simd.one(s) - s * level
    alone = simd.select(simd.equal(mark, simd.splat(ONE, s)), others, simd.zero(s))
    shared = simd.select(simd.equal(mark, simd.splat(NONE, s)), others / left, simd.zero(s))
    return g * simd.select(simd.equal(left, simd.zero(s)), alone, shared)


@simd.inlined
def shape_gradient(upstream, levels, index, place, plane, count, s, static, by_channel):
    """The gradient of the loss to the shape s at `count` pixels; `by_channel` collects that to the levels."""
    gradient = simd.zero(s)
    for c in range(simd.value_of(static.channels) or levels.count):
        level = simd.splat(simd.peek(levels.values, levels.first + c), s)
        above = value_gradient(upstream, place + c * plane, count, s, level, static, index)
        gradient = simd.fused(above, level, gradient)
        simd.put(by_channel, c, simd.fused(above, s, simd.get(by_channel, c, s)))
    return gradient


@simd.inlined
def add_points(g, levels, index, upstream, at, frame, first, last, static, cut, sums, scratch):
    """Sum over the pixels of one Gaussian on the rows [first, last).

    `sums` collects r, the gradient to -q/2, and its first and second moments in the residuals (docs/maths.md, equations
    16-17), and the gradient to each level.
    """
    dimensions, height, width = simd.value_of(static.dimensions), frame.height, frame.width
    plane = frame.depth * height * width
    order = simd.iota(upstream.grad)
    step = simd.lanes_of(upstream.grad)
    nothing = simd.zero(order)
    number = simd.scalar_type(upstream.grad)
    curvature = simd.splat(number(-0.5 * g.ix), order)
    cut = Cut(cut.squared, 0.0, cut.tolerance * number(g.factor), cut.lowest)  # a pad of 0 that the compiler sees
    places, moments, j = scratch.places, sums.moments, sums.row
    z_low, z_high = touched_slices(g, cut, first // height, (last - 1) // height + 1) if dimensions == 3 else (0, 1)
    for z in range(z_low, z_high):
        ez = z - g.z
        if dimensions == 3:
            y_low, y_high = touched_rows(g, ez, cut, max(0, first - z * height), min(height, last - z * height))
        else:
            y_low, y_high = first, last
        for block in range(y_low, y_high, ROWS):  # summed in the array's own dtype; the sums move on to float64
            m0, mx, my, mxx, mxy, myy = nothing, nothing, nothing, nothing, nothing, nothing
            in_block = min(ROWS, y_high - block)
            place_rows(g, ez, block, in_block, cut, 0, width, places)
            for r in range(in_block):
                ey, centre = simd.peek(places, r), simd.peek(places, ROWS + r)
                low, high = int(simd.peek(places, 2 * ROWS + r)), int(simd.peek(places, 3 * ROWS + r))
                constant = simd.splat(number(g.boost - 0.5 * (ey * ey * g.iy + ez * ez * g.iz)), order)
                row = at + (z * height + block + r) * width
                s0, s1, s2 = nothing, nothing, nothing
                for x in range(low, high, step):
                    u = order + number(x - centre)
                    p = profile(u, curvature, constant, cut.lowest)
                    inside = simd.greater(p, cut.tolerance)
                    s = simd.select(inside, p - cut.tolerance, nothing)
                    to_shape = shape_gradient(
                        upstream, levels, index, row + x, plane, high - x, s, static, sums.by_channel
                    )
                    q = simd.select(inside, to_shape * p, nothing)
                    qu = q * u
                    s0, s1, s2 = s0 + q, s1 + qu, simd.fused(qu, u, s2)
                e = simd.splat(number(ey), order)
                s0e = s0 * e
                m0, mx, my = m0 + s0, mx + s1, my + s0e
                mxx, mxy, myy = mxx + s2, simd.fused(s1, e, mxy), simd.fused(s0e, e, myy)
            r0, x1, y1 = np.float64(simd.total(m0)), np.float64(simd.total(mx)), np.float64(simd.total(my))
            moments[j, 0] += r0
            moments[j, 1] += x1
            moments[j, 2] += y1
            moments[j, 3] += r0 * ez
            moments[j, 4] += np.float64(simd.total(mxx))
            moments[j, 5] += np.float64(simd.total(mxy))
            moments[j, 6] += x1 * ez
            moments[j, 7] += np.float64(simd.total(myy))
            moments[j, 8] += y1 * ez
            moments[j, 9] += r0 * ez * ez


@simd.inlined
def add_narrow(g, levels, index, upstream, at, frame, first, last, static, cut, sums):
    """The same for a Gaussian in 2-D that is no wider than a vector: its rows need no ends of their own."""
    width = frame.width
    order = simd.iota(upstream.grad)
    nothing = simd.zero(order)
    number = simd.scalar_type(upstream.grad)
    low, high = around(g.x, simd.lanes_of(upstream.grad), 0, width)
    middle = 0.5 * (simd.lanes_of(upstream.grad) - 1)
    from_middle = order - number(middle)
    curvature = simd.splat(number(-0.5 * g.ix), order)
    tolerance = cut.tolerance * number(g.factor)
    moments, j = sums.moments, sums.row
    for block in range(first, last if low < high else first, ROWS):
        m0, mx, my, mxx, mxy, myy = nothing, nothing, nothing, nothing, nothing, nothing
        for y in range(block, min(block + ROWS, last)):
            ey = y - g.y
            constant = simd.splat(number(g.boost - 0.5 * (ey * ey * g.iy)), order)
            u = from_middle + number(low + middle - (ey * g.beta + g.x))
            p = profile(u, curvature, constant, cut.lowest)
            inside = simd.greater(p, tolerance)
            s = simd.select(inside, p - tolerance, nothing)
            place = at + y * width + low
            to_shape = shape_gradient(
                upstream, levels, index, place, frame.height * width, high - low, s, static, sums.by_channel
            )
            q, e = simd.select(inside, to_shape * p, nothing), simd.splat(number(ey), order)
            qu, qe = q * u, q * e
            m0, mx, my = m0 + q, mx + qu, my + qe
            mxx, mxy, myy = simd.fused(qu, u, mxx), simd.fused(qu, e, mxy), simd.fused(qe, e, myy)
        moments[j, 0] += np.float64(simd.total(m0))
        moments[j, 1] += np.float64(simd.total(mx))
        moments[j, 2] += np.float64(simd.total(my))
        moments[j, 4] += np.float64(simd.total(mxx))
        moments[j, 5] += np.float64(simd.total(mxy))
        moments[j, 7] += np.float64(simd.total(myy))


@simd.inlined
def add_areas(g, levels, index, upstream, at, frame, first, last, static, cut, sums, scratch):
    """The same where the shape is the mean over a pixel: the moments are means over each pixel too (equation 47)."""
    height, width = frame.height, frame.width
    plane = frame.depth * height * width
    order = simd.iota(upstream.grad)
    number = simd.scalar_type(upstream.grad)
    curvature = simd.splat(number(-0.5 * g.ix), order)
    cut = Cut(cut.squared, 0.5, cut.tolerance * number(g.factor), cut.lowest)
    places, nodes, lines = scratch.places, scratch.nodes, scratch.lines
    z_low, z_high = touched_slices(g, cut, first // height, (last - 1) // height + 1)
    for z in range(z_low, z_high):
        ez = z - g.z
        y_low, y_high = touched_rows(g, ez, cut, max(0, first - z * height), min(height, last - z * height))
        for y in range(y_low, y_high):
            place_rows(g, ez, y, 1, cut, 0, width, places)
            ey, low, high = simd.peek(places, 0), int(simd.peek(places, 2 * ROWS)), int(simd.peek(places, 3 * ROWS))
            row = at + (z * height + y) * width
            count = through_row(g, ey, ez, nodes, lines)
            for x in range(low, high, simd.lanes_of(upstream.grad)):
                moments = moments_over_pixels(x, order, curvature, cut.lowest, nodes, lines, count, number)
                inside = simd.greater(moments[0], cut.tolerance)
                s = simd.select(inside, moments[0] - cut.tolerance, simd.zero(order))
                to_shape = shape_gradient(upstream, levels, index, row + x, plane, high - x, s, static, sums.by_channel)
                r = simd.select(inside, to_shape, simd.zero(order))
                for k in range(MOMENTS):
                    sums.moments[sums.row, k] += np.float64(simd.total(r * moments[k]))


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


@simd.kernel
def gradients_of_visits(
    start, stop, visits, partial, scene, factored, frame, density, static, integrated, cut, upstream, gradients
):
    """Make the visits [start, stop) (see visits.py): write the gradients, or into `partial` the sums of a block.

    `scene`, `frame`, `static`, `cut`, `upstream` and `gradients`, another scene, are the fields of their records.
    `integrated` and `factored` are as in drawing.
    """
    scene, frame, static, cut = Scene(*scene), Frame(*frame), Static(*static), Cut(*cut)
    upstream, gradients = Upstream(*upstream), Scene(*gradients)
    dimensions, n = simd.value_of(static.dimensions), scene.weights.shape[1]
    channels = simd.value_of(static.channels) or scene.weights.shape[2]
    kind = upstream.grad.dtype
    upstream_ = Upstream(simd.address(upstream.grad), simd.address(upstream.product), simd.address(upstream.marks))
    order = simd.iota(upstream_.grad)
    lanes = simd.lanes_of(upstream_.grad)
    owners, prepared, scales = np.empty((CHUNK, 2), np.int64), np.empty((CHUNK, NUMBERS)), np.empty(CHUNK)
    level_array, lane_array = np.empty((CHUNK, channels), kind), np.empty(channels * lanes, kind)
    moments, lines = np.empty((CHUNK, MOMENTS + channels)), np.empty((MOST_LINES, 4))
    place_array = np.empty(4 * ROWS)
    prepared_, level_values, places = simd.address(prepared), simd.address(level_array), simd.address(place_array)
    # a few channels live in registers
    by_channel = simd.scratch(order, static.channels) if simd.value_of(static.channels) else simd.address(lane_array)
    cut_ = Cut(cut.squared, cut.pad, simd.splat(cut.tolerance, order), simd.splat(cut.lowest, order))
    for chunk in range(start, stop, CHUNK):
        in_chunk = min(CHUNK, stop - chunk)
        for j in range(in_chunk):
            k = visits[chunk + j, 0]
            b, i = k // n, k % n
            owners[j, 0], owners[j, 1] = b, i
            _, scales[j] = prepare(prepared, level_array, j, scene, b, i, dimensions, density, factored)
        if overflow(level_array, in_chunk):
            for j in range(in_chunk):
                b, i = owners[j, 0], owners[j, 1]
                scales[j] = prepare_again(prepared, level_array, j, scene, b, i, dimensions, density, factored)
        for j in range(in_chunk):
            first, last = visits[chunk + j, 1], visits[chunk + j, 2]
            b, i = owners[j, 0], np.int32(owners[j, 1])
            g = take(prepared_, j, dimensions)
            for c in range(channels):
                simd.put(by_channel, c, simd.zero(order))
            clear(moments, j)
            at = b * channels * frame.depth * frame.height * frame.width
            levels, sums = Levels(level_values, j * channels, channels), Sums(by_channel, moments, j)
            if integrated is None:
                if dimensions == 2 and is_narrow(g, cut, lanes):
                    add_narrow(g, levels, i, upstream_, at, frame, first, last, static, cut_, sums)
                else:
                    scratch = Scratch(by_channel, places, (0, 0, 0), lines)
                    add_points(g, levels, i, upstream_, at, frame, first, last, static, cut_, sums, scratch)
            else:
                scratch = Scratch(by_channel, places, nodes_of(g, dimensions), lines)
                add_areas(g, levels, i, upstream_, at, frame, first, last, static, cut_, sums, scratch)
            for c in range(channels):
                moments[j, MOMENTS + c] = simd.total(simd.get(by_channel, c, order))
        for j in range(in_chunk):
            b, i, slot = owners[j, 0], owners[j, 1], visits[chunk + j, 3]
            if slot < 0:
                g = take(prepared_, j, dimensions)
                finish(g, scales[j], dimensions, density, moments, j, b, i, scene, factored, gradients)
            else:
                for entry in range(MOMENTS + channels):
                    partial[slot, entry] = moments[j, entry]
    simd.keep(prepared)
    simd.keep(level_array)
    simd.keep(lane_array)
    simd.keep(place_array)


@simd.kernel
def finish_blocks(visits, partial, scene, factored, density, gradients):
    """Write the gradients of the Gaussians that were visited in blocks."""
    scene, gradients = Scene(*scene), Scene(*gradients)
    n, dimensions = scene.means.shape[1:]
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
            g = gaussian(scene.means, scene.widths, b, i, dimensions, factored)
            whole = scale_of(g, scene.widths, b, i, dimensions, density, factored)
            scale, _, _ = share_out(whole, scene.weights, b, i)
            finish(g, scale, dimensions, density, sums, 0, b, i, scene, factored, gradients)
            clear(sums, 0)
