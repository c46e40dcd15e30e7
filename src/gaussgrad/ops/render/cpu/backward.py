"""The backward kernel: each Gaussian adds up its own gradient over the pixels inside its ellipse."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu.geometry import (
    CHUNK,
    NUMBERS,
    ROWS,
    ask_for,
    gaussian,
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
from gaussgrad.ops.render.cpu.gradients import MOMENTS, clear, finish
from gaussgrad.ops.render.cpu.modes import MAX, SUM
from gaussgrad.ops.render.cpu.quadrature import MOST_LINES, moments_over_pixels, nodes_of, through_row
from gaussgrad.ops.render.cpu.records import Cut, Frame, Levels, Scene, Scratch, Static, Sums, Upstream
from gaussgrad.ops.render.cpu.rows import (
    BEGIN,
    PLACES,
    exponent_of,
    is_beside,
    keep,
    owned,
    place_items,
    pointers,
    residual_of,
    row_of,
    shape_of,
    slice_residual_of,
    tables,
    taken_up,
)

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
def add_points(g, levels, index, upstream, at, frame, static, cut, sums, scratch):
    """Sum over the pixels of one Gaussian of a signal.

    `sums` collects r, the gradient to -q/2, and its first and second moments in the residuals (docs/maths.md, equations
    16-17), and the gradient to each level. A pixel is summed in the array's own dtype; the sums move on to float64.
    """
    order = simd.iota(upstream.grad)
    number, nothing = simd.scalar_type(upstream.grad), simd.zero(order)
    curvature, constant = simd.splat(number(-0.5 * g.ix), order), simd.splat(number(g.boost), order)
    cut = Cut(cut.squared, 0.0, cut.tolerance * number(g.factor), cut.lowest)  # a pad of 0 that the compiler sees
    places, moments, j = scratch.places, sums.moments, sums.row
    place_rows(g, 0.0, 0, 1, cut, 0, frame.width, places)
    centre = simd.peek(places, ROWS)
    low, high = int(simd.peek(places, 2 * ROWS)), int(simd.peek(places, 3 * ROWS))
    m0, mx, mxx = nothing, nothing, nothing
    for x in range(low, high, simd.lanes_of(upstream.grad)):
        u = order + number(x - centre)
        p = profile(u, curvature, constant, cut.lowest)
        inside = simd.greater(p, cut.tolerance)
        s = simd.select(inside, p - cut.tolerance, nothing)
        to_shape = shape_gradient(upstream, levels, index, at + x, frame.width, high - x, s, static, sums.by_channel)
        q = simd.select(inside, to_shape * p, nothing)
        qu = q * u
        m0, mx, mxx = m0 + q, mx + qu, simd.fused(qu, u, mxx)
    moments[j, 0] += np.float64(simd.total(m0))
    moments[j, 1] += np.float64(simd.total(mx))
    moments[j, 4] += np.float64(simd.total(mxx))


@simd.apart
def add_placed(items, rows, levels, upstream, frame, static, terms, lane_values, moments):
    """The same for so many items of placed rows, in 2-D and 3-D.

    `levels` and `moments`, a pointer, are those of the first owner. `lane_values` has room for a vector of each channel
    where their number is not known to the compiler.
    """
    order, lanes = simd.iota(upstream.grad), simd.lanes_of(upstream.grad)
    nothing, number = simd.zero(order), simd.scalar_type(upstream.grad)
    plane, terms_ = frame.depth * frame.height * frame.width, simd.exp2_terms(terms)
    by_channel = simd.scratch(order, static.channels) if simd.value_of(static.channels) else lane_values
    for item in range(items):
        curvature, end, tolerance = shape_of(rows, item)
        row, of_g = simd.peek(rows.places, item * PLACES), owned(levels, rows, item)
        owner, index = simd.peek(rows.places, item * PLACES + 2), np.int32(simd.peek(rows.places, item * PLACES + 3))
        m0, mx, my, mxx, mxy, myy = nothing, nothing, nothing, nothing, nothing, nothing
        for c in range(simd.value_of(static.channels) or of_g.count):
            simd.put(by_channel, c, nothing)
        for r in range(simd.peek(rows.places, item * PLACES + 1)):
            along, part, x, high, last = row_of(rows, item, r)
            constant, e = exponent_of(rows, item, r), residual_of(rows, item, r)
            while x < high:
                simd.forget()  # the levels, for which no register is left
                u = along + part
                inside, p, s = taken_up(u, curvature, constant, end, tolerance, terms_)
                to_shape = shape_gradient(upstream, of_g, index, row + x, plane, lanes, s, static, by_channel)
                q = simd.select(inside, to_shape * p, nothing)
                qu, qe = q * u, q * e
                m0, mx, my = m0 + q, mx + qu, my + qe
                mxx, mxy, myy = simd.fused(qu, u, mxx), simd.fused(qu, e, mxy), simd.fused(qe, e, myy)
                x += lanes
                along = along + number(lanes)
            if x < last:
                u = along + part
                inside, p, s = taken_up(u, curvature, constant, end, tolerance, terms_)
                to_shape = shape_gradient(upstream, of_g, index, row + x, plane, last - x, s, static, by_channel)
                q = simd.select(inside, to_shape * p, nothing)
                qu, qe = q * u, q * e
                m0, mx, my = m0 + q, mx + qu, my + qe
                mxx, mxy, myy = simd.fused(qu, u, mxx), simd.fused(qu, e, mxy), simd.fused(qe, e, myy)
            row += frame.width
        at = owner * (MOMENTS + of_g.count)
        if simd.value_of(static.dimensions) == 3:
            ez = slice_residual_of(rows, item)
            add(moments, at + 3, np.float64(simd.total(m0)) * ez)
            add(moments, at + 6, np.float64(simd.total(mx)) * ez)
            add(moments, at + 8, np.float64(simd.total(my)) * ez)
            add(moments, at + 9, np.float64(simd.total(m0)) * ez * ez)
        add_total(moments, at, m0)
        add_total(moments, at + 1, mx)
        add_total(moments, at + 2, my)
        add_total(moments, at + 4, mxx)
        add_total(moments, at + 5, mxy)
        add_total(moments, at + 7, myy)
        for c in range(simd.value_of(static.channels) or of_g.count):
            add_total(moments, at + MOMENTS + c, simd.get(by_channel, c, order))


@simd.inlined
def add_total(sums, place, vector):
    """Add the lanes of a vector to a sum in float64."""
    add(sums, place, np.float64(simd.total(vector)))


@simd.inlined
def add(sums, place, value):
    """Add a number to a sum."""
    simd.poke(sums, place, simd.peek(sums, place) + value)


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


@simd.kernel
def gradients_of_visits(
    start,
    stop,
    visits,
    partial,
    scene,
    factored,
    frame,
    density,
    static,
    volume,
    single,
    integrated,
    cut,
    upstream,
    gradients,
):
    """Make the visits [start, stop) (see visits.py): write the gradients, or into `partial` the sums of a block.

    `scene`, `frame`, `static`, `cut`, `upstream` and `gradients`, another scene, are the fields of their records.
    `volume`, `single`, `integrated` and `factored` are as in drawing.
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
    place_array, spans = np.empty(4 * ROWS), np.empty((CHUNK, 4), np.int64)
    prepared_, level_values, places = simd.address(prepared), simd.address(level_array), simd.address(place_array)
    lane_values = simd.address(lane_array)
    # a few channels live in registers
    by_channel = simd.scratch(order, static.channels) if simd.value_of(static.channels) else lane_values
    cut_ = Cut(cut.squared, cut.pad, simd.splat(cut.tolerance, order), simd.splat(cut.lowest, order))
    row_arrays, terms = tables(kind), np.empty(simd.EXP2_TERMS, kind)
    simd.put_exp2_terms(terms)
    rows, terms_, moments_ = pointers(row_arrays), simd.address(terms), simd.address(moments)
    for chunk in range(start, stop, CHUNK):
        in_chunk = min(CHUNK, stop - chunk)
        for j in range(in_chunk):
            if chunk + CHUNK + j < stop:
                soon = visits[chunk + CHUNK + j, 0]
                ask_for(scene, soon, dimensions)
                ask_for(gradients, soon, dimensions)
            k = visits[chunk + j, 0]
            b, i = k // n, k % n
            owners[j, 0], owners[j, 1] = b, i
            spans[j, 0], spans[j, 1] = visits[chunk + j, 1], visits[chunk + j, 2]
            spans[j, 2], spans[j, 3] = b * channels * frame.depth * frame.height * frame.width, i
            clear(moments, j)
            g, scales[j] = prepare(prepared, level_array, j, scene, b, i, dimensions, density, factored)
            if single is None and is_beside(g, cut, frame.width):
                spans[j, 1] = 0
        if overflow(level_array, in_chunk):
            for j in range(in_chunk):
                b, i = owners[j, 0], owners[j, 1]
                scales[j] = prepare_again(prepared, level_array, j, scene, b, i, dimensions, density, factored)
        if single is None:
            reached = BEGIN
            while reached[0] < in_chunk:
                items, reached = place_items(rows, prepared_, spans, in_chunk, reached, cut, frame.width, frame, volume)
                of_chunk = Levels(level_values, 0, channels)
                add_placed(items, rows, of_chunk, upstream_, frame, static, terms_, lane_values, moments_)
        if single is not None:
            for j in range(in_chunk):
                g, i = take(prepared_, j, dimensions), np.int32(spans[j, 3])
                first, last, at = spans[j, 0], spans[j, 1], spans[j, 2]
                for c in range(channels):
                    simd.put(by_channel, c, simd.zero(order))
                levels, sums = Levels(level_values, j * channels, channels), Sums(by_channel, moments, j)
                if integrated is None:
                    scratch = Scratch(by_channel, places, (0, 0, 0), lines)
                    add_points(g, levels, i, upstream_, at, frame, static, cut_, sums, scratch)
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
    keep(row_arrays)
    simd.keep(terms)
    simd.keep(moments)


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
