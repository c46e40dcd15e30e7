"""The forward kernel: each Gaussian is drawn row by row over the pixels inside its ellipse."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu.bands import CELL
from gaussgrad.ops.render.cpu.geometry import (
    CHUNK,
    NUMBERS,
    ROWS,
    around,
    is_narrow,
    overflow,
    place_rows,
    prepare,
    prepare_again,
    profile,
    take,
    touched_rows,
    touched_slices,
)
from gaussgrad.ops.render.cpu.modes import MAX, SUM, UNION
from gaussgrad.ops.render.cpu.quadrature import MOST_LINES, mean_over_pixels, merge, nodes_of, through_row
from gaussgrad.ops.render.cpu.records import Bands, Canvas, Cut, Frame, Levels, Scene, Scratch, Slice, Static, Window

ONE, NONE, NOBODY = np.int32(1), np.int32(0), np.int32(-1)
PAGE, LINE = 4096, 64  # bytes


@simd.inlined
def compose(canvas, place, count, s, level, old, mode, index):
    """Compose s * level onto `count` pixels of one channel, whose values are `old`."""
    if mode == SUM:
        simd.store(canvas.image, place, count, simd.fused(s, level, old))
        return
    value = s * level
    mark = simd.load(canvas.marks, place, count, s)
    if mode == MAX:
        wins = simd.greater(value, old)
        simd.store(canvas.image, place, count, simd.select(wins, value, old))
        simd.store(canvas.marks, place, count, simd.select(wins, simd.splat(index, s), mark))
    else:
        left = simd.one(s) - value
        full = simd.equal(left, simd.zero(s))
        simd.store(canvas.image, place, count, simd.select(full, old, old * left))
        simd.store(canvas.marks, place, count, simd.select(full, mark + ONE, mark))


@simd.inlined
def fill(pointer, at, count, value):
    """Write `count` times the vector `value`."""
    for k in range(0, count, simd.width_of(value)):
        simd.store(pointer, at + k, count - k, value)


@simd.inlined
def finish_union(canvas, at, count, like):
    """1 - the product, and 1 where a factor was zero."""
    for k in range(0, count, simd.width_of(like)):
        left = simd.load(canvas.image, at + k, count - k, like)
        none = simd.equal(simd.load(canvas.marks, at + k, count - k, like), simd.splat(NONE, like))
        simd.store(canvas.out, at + k, count - k, simd.select(none, simd.one(like) - left, simd.one(like)))


def rows_collide(width: int, channels: int, size: int) -> bool:
    """Whether a processor takes a pixel and the one below it for the same place, of elements of `size` bytes.

    It compares the last bits of two addresses, and waits for a write before it reads what only seems to be written.
    """
    beyond = width * size % PAGE
    return channels > 1 and width * size > PAGE - LINE and min(beyond, PAGE - beyond) < LINE


@simd.inlined
def copy_rows(source, place, stride, target, at, width, rows, like):
    """Copy `rows` rows of `width` elements, which are `stride` apart in the source and end to end in the target."""
    for row in range(rows):
        for x in range(0, width, simd.width_of(like)):
            values = simd.load(source, place + row * stride + x, width - x, like)
            simd.store(target, at + row * width + x, width - x, values)


@simd.inlined
def draw_vector(p, x, count, row, tolerance, levels, index, of_slice, static, canvas, olds):
    """Compose the shape `p` less the tolerance, times each level, onto `count` pixels of a row from x on."""
    mode, known = simd.value_of(static.mode), simd.value_of(static.channels)
    s = simd.select(simd.greater(p, tolerance), p - tolerance, simd.zero(p))
    # Where their number is known, all channels are read before one is written: the processor takes planes a
    # multiple of 4096 bytes apart for the same place, and would wait.
    for c in range(known):
        simd.put(olds, c, simd.load(canvas.image, row + c * of_slice.plane + x, count, p))
    for c in range(known or levels.count):
        place = row + c * of_slice.plane + x
        old = simd.get(olds, c, p) if known else simd.load(canvas.image, place, count, p)
        level = simd.splat(simd.peek(levels.values, levels.first + c), p)
        compose(canvas, place, count, s, level, old, mode, index)


@simd.inlined
def draw_narrow(g, levels, index, window, of_slice, static, cut, canvas, olds):
    """Draw a Gaussian that is no wider than a vector on a window: its rows need no ends of their own."""
    order = simd.iota(canvas.image)
    number = simd.scalar_type(canvas.image)
    low, high = around(g.x, simd.lanes_of(canvas.image), window.left, window.right)
    if low == high:
        return
    curvature = simd.splat(number(-0.5 * g.ix), order)
    tolerance = cut.tolerance * number(g.factor)
    middle = 0.5 * (simd.lanes_of(canvas.image) - 1)
    from_middle = order - number(middle)
    for y in range(window.top, window.bottom):
        ey = y - g.y
        constant = simd.splat(number(g.boost - 0.5 * (ey * ey * g.iy)), order)
        p = profile(from_middle + number(low + middle - (ey * g.beta + g.x)), curvature, constant, cut.lowest)
        row = of_slice.place + y * of_slice.width
        draw_vector(p, low, high - low, row, tolerance, levels, index, of_slice, static, canvas, olds)


@simd.inlined
def draw_rows(g, levels, index, window, of_slice, static, integrated, cut, canvas, scratch):
    """Draw a Gaussian on a window of a slice."""
    dimensions = simd.value_of(static.dimensions)
    order = simd.iota(canvas.image)
    number = simd.scalar_type(canvas.image)
    ez, places, lines = of_slice.residual, scratch.places, scratch.lines
    curvature = simd.splat(number(-0.5 * g.ix), order)
    tolerance = cut.tolerance * number(g.factor)
    for block in range(window.top, window.bottom, ROWS):
        in_block = min(ROWS, window.bottom - block)
        place_rows(g, ez, block, in_block, cut, window.left, window.right, places)
        for r in range(in_block):
            ey, centre = simd.peek(places, r), simd.peek(places, ROWS + r)
            low, high = int(simd.peek(places, 2 * ROWS + r)), int(simd.peek(places, 3 * ROWS + r))
            row = of_slice.place + (block + r) * of_slice.width
            if dimensions == 1 and low // CELL != high // CELL:
                # A band may begin within this row. So that no bit depends on it, vectors stand where those of a band
                # would; the few pixels before the row get nothing.
                low -= low % simd.lanes_of(canvas.image)
            constant = simd.splat(number(g.boost - 0.5 * (ey * ey * g.iy + ez * ez * g.iz)), order)
            count = 0 if integrated is None else merge(g, lines, through_row(g, ey, ez, scratch.nodes, lines))
            for x in range(low, high, simd.lanes_of(canvas.image)):
                if integrated is None:
                    p = profile(order + number(x - centre), curvature, constant, cut.lowest)
                else:
                    p = mean_over_pixels(x, order, curvature, cut.lowest, scratch.nodes, lines, count, number)
                draw_vector(p, x, high - x, row, tolerance, levels, index, of_slice, static, canvas, scratch.olds)


@simd.kernel
def draw_bands(start, stop, bands, scene, factored, frame, density, static, integrated, apart, cut, canvas):
    """Draw the bands [start, stop) of all images with the Gaussians that touch them.

    `bands`, `scene`, `frame`, `static`, `cut` and `canvas` are the fields of the records of these names. `integrated`
    is True where the shape is the mean over a pixel, else None, for which Numba leaves out the branches of it; so is
    `factored` where the widths of the scene are Cholesky factors, and `apart` where the rows of an image collide: there
    a band is drawn in memory of its own with longer rows, and copied when it is done.
    """
    bands, scene, frame, static = Bands(*bands), Scene(*scene), Frame(*frame), Static(*static)
    cut, canvas = Cut(*cut), Canvas(*canvas)
    mode, dimensions, n = simd.value_of(static.mode), simd.value_of(static.dimensions), scene.weights.shape[1]
    channels = simd.value_of(static.channels) or scene.weights.shape[2]
    height, width = frame.height, frame.width
    lines = frame.depth * height
    prepared, level_array = np.empty((CHUNK, NUMBERS)), np.empty((CHUNK, channels), canvas.image.dtype)
    prepared_, levels = simd.address(prepared), simd.address(level_array)
    canvas_ = Canvas(simd.address(canvas.image), simd.address(canvas.marks), simd.address(canvas.out))
    touched = np.empty((CHUNK, 2), np.int64)
    line_array, place_array = np.empty((MOST_LINES, 4)), np.empty(4 * ROWS)
    places = simd.address(place_array)
    order, lanes = simd.iota(canvas_.image), simd.lanes_of(canvas_.image)
    olds = simd.scratch(order, static.channels)
    cut_ = Cut(cut.squared, cut.pad, simd.splat(cut.tolerance, order), simd.splat(cut.lowest, order))
    stride = width
    if apart is not None:
        stride = width + LINE // canvas.image.itemsize
        board = np.empty(channels * (lines // bands.count + 1) * stride, canvas.image.dtype)
        marks = np.empty(len(board) if mode != SUM else 0, np.int32)
        canvas_ = Canvas(simd.address(board), simd.address(marks), canvas_.out)
    finished = Canvas(simd.address(canvas.image), simd.address(canvas.marks), canvas_.out)
    background = simd.one(order) if mode == UNION else simd.zero(order)
    for band in range(start, stop):
        b = band // bands.count
        cells = (width + CELL - 1) // CELL if dimensions == 1 else lines
        first, last = cells * (band % bands.count) // bands.count, cells * (band % bands.count + 1) // bands.count
        x_first, x_last, begin, end = 0, width, first * width, last * width
        if dimensions == 1:
            x_first, x_last = first * CELL, min(last * CELL, width)
            begin, end = x_first, x_last
        # How many rows a channel has; the place of the image's first row; then, of the band in it, start and length.
        plane_rows, corner, before, count = lines, b * channels * lines * width, begin, end - begin
        if apart is not None:
            plane_rows, corner, before, count = last - first, -first * stride, first * stride, (last - first) * stride
        for c in range(channels):
            at = corner + c * plane_rows * stride + before
            fill(canvas_.image, at, count, background)
            if mode != SUM:
                fill(canvas_.marks, at, count, simd.splat(NOBODY if mode == MAX else NONE, order))
        low_k, high_k = (0, n) if bands.count == 1 else (bands.offsets[band], bands.offsets[band + 1])
        for chunk in range(low_k, high_k, CHUNK):
            in_chunk = min(CHUNK, high_k - chunk)
            for j in range(in_chunk):
                i = chunk + j if bands.count == 1 else bands.members[chunk + j]
                g, _ = prepare(prepared, level_array, j, scene, b, i, dimensions, density, factored)
                touched[j, 0], touched[j, 1] = touched_rows(g, 0.0, cut, first, last) if dimensions == 2 else (0, 1)
            if overflow(level_array, in_chunk):
                for j in range(in_chunk):
                    i = chunk + j if bands.count == 1 else bands.members[chunk + j]
                    prepare_again(prepared, level_array, j, scene, b, i, dimensions, density, factored)
            for j in range(in_chunk):
                i = chunk + j if bands.count == 1 else bands.members[chunk + j]
                g = take(prepared_, j, dimensions)
                nodes = (0, 0, 0) if integrated is None else nodes_of(g, dimensions)
                z_low, z_high = 0, 1
                if dimensions == 3:
                    z_low, z_high = touched_slices(g, cut, first // height, (last - 1) // height + 1)
                for z in range(z_low, z_high):
                    ez = z - g.z
                    y_low, y_high = touched[j, 0], touched[j, 1]
                    if dimensions == 3:
                        y_first, y_last = max(0, first - z * height), min(height, last - z * height)
                        y_low, y_high = touched_rows(g, ez, cut, y_first, y_last)
                    at = corner + z * height * stride
                    window, of_slice = (
                        Window(y_low, y_high, x_first, x_last),
                        Slice(ez, at, stride, plane_rows * stride),
                    )
                    of_g = Levels(levels, j * channels, channels)
                    if integrated is None:
                        narrow = dimensions == 2 and is_narrow(g, cut, lanes)
                        if narrow:
                            draw_narrow(g, of_g, np.int32(i), window, of_slice, static, cut_, canvas_, olds)
                            continue
                    draw_rows(
                        g,
                        of_g,
                        np.int32(i),
                        window,
                        of_slice,
                        static,
                        integrated,
                        cut_,
                        canvas_,
                        Scratch(olds, places, nodes, line_array),
                    )
        if apart is not None:
            for c in range(channels):
                at = (b * channels + c) * lines * width + begin
                place = c * plane_rows * stride
                copy_rows(canvas_.image, place, stride, finished.image, at, width, plane_rows, order)
                if mode != SUM:
                    copy_rows(canvas_.marks, place, stride, finished.marks, at, width, plane_rows, order)
        if mode == UNION:
            for c in range(channels):
                at = (b * channels + c) * lines * width + begin
                finish_union(finished, at, end - begin, order)
    simd.keep(prepared)
    simd.keep(level_array)
    simd.keep(place_array)
    if apart is not None:
        simd.keep(board)
        simd.keep(marks)
