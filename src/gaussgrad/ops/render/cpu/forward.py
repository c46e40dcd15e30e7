"""The forward kernel: each Gaussian is drawn row by row over the pixels inside its ellipse."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu.bands import CELL
from gaussgrad.ops.render.cpu.geometry import (
    CHUNK,
    NUMBERS,
    ROWS,
    ask_for,
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
from gaussgrad.ops.render.cpu.rows import (
    BEGIN,
    PLACES,
    exponent_of,
    is_beside,
    keep,
    owned,
    place_items,
    pointers,
    row_of,
    shape_of,
    tables,
    taken_up,
)

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
    """Whether a processor takes a pixel and one of the two below it for the same place, of elements of `size` bytes.

    It compares the last bits of two addresses, and waits for a write before it reads what only seems to be written.
    """
    beyond = [below * width * size for below in (1, 2)]
    near = [length > PAGE - LINE and min(length % PAGE, -length % PAGE) < LINE for length in beyond]
    return channels > 1 and any(near)


@simd.inlined
def copy_rows(source, place, stride, target, at, width, rows, like):
    """Copy `rows` rows of `width` elements, which are `stride` apart in the source and end to end in the target."""
    for row in range(rows):
        for x in range(0, width, simd.width_of(like)):
            values = simd.load(source, place + row * stride + x, width - x, like)
            simd.store(target, at + row * width + x, width - x, values)


@simd.inlined
def draw_vector(s, x, count, row, levels, index, of_slice, static, canvas, olds):
    """Compose the shape `s` times each level onto `count` pixels of a row from x on."""
    mode, known = simd.value_of(static.mode), simd.value_of(static.channels)
    # Where their number is known, all channels are read before one is written: the processor takes planes a
    # multiple of 4096 bytes apart for the same place, and would wait.
    for c in range(known):
        simd.put(olds, c, simd.load(canvas.image, row + c * of_slice.plane + x, count, s))
    for c in range(known or levels.count):
        place = row + c * of_slice.plane + x
        old = simd.get(olds, c, s) if known else simd.load(canvas.image, place, count, s)
        level = simd.splat(simd.peek(levels.values, levels.first + c), s)
        compose(canvas, place, count, s, level, old, mode, index)


@simd.apart
def draw_placed(items, rows, levels, of_slice, static, canvas, terms):
    """Draw so many items of placed rows; `levels` are those of the first owner."""
    order, lanes = simd.iota(canvas.image), simd.lanes_of(canvas.image)
    step = simd.scalar_type(canvas.image)(lanes)
    olds, terms_ = simd.scratch(order, static.channels), simd.exp2_terms(terms)
    for item in range(items):
        curvature, end, tolerance = shape_of(rows, item)
        row, of_g = simd.peek(rows.places, item * PLACES), owned(levels, rows, item)
        index = np.int32(simd.peek(rows.places, item * PLACES + 3))
        for r in range(simd.peek(rows.places, item * PLACES + 1)):
            (along, part, x, high, last), constant = row_of(rows, item, r), exponent_of(rows, item, r)
            while x < high:
                _, _, s = taken_up(along + part, curvature, constant, end, tolerance, terms_)
                draw_vector(s, x, lanes, row, of_g, index, of_slice, static, canvas, olds)
                x += lanes
                along = along + step
            if x < last:
                _, _, s = taken_up(along + part, curvature, constant, end, tolerance, terms_)
                draw_vector(s, x, last - x, row, of_g, index, of_slice, static, canvas, olds)
            row += of_slice.width


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
                s = simd.select(simd.greater(p, tolerance), p - tolerance, simd.zero(p))
                draw_vector(s, x, high - x, row, levels, index, of_slice, static, canvas, scratch.olds)


@simd.kernel
def draw_bands(
    start, stop, bands, scene, factored, frame, density, static, volume, single, integrated, apart, cut, canvas
):
    """Draw the bands [start, stop) of all images with the Gaussians that touch them.

    `bands`, `scene`, `frame`, `static`, `cut` and `canvas` are the fields of the records of these names. The others are
    True or None, for which Numba leaves out the branches of it: `volume` in 3-D; `single` where rows are not placed, in
    signals and where pixels are areas; `integrated` where the shape is the mean over a pixel; `factored` where the
    widths of the scene are Cholesky factors; `apart` where the rows of an image collide: there a band is drawn in
    memory of its own with longer rows, and copied when it is done.
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
    spans = np.empty((CHUNK, 4), np.int64)
    line_array, place_array = np.empty((MOST_LINES, 4)), np.empty(4 * ROWS)
    places = simd.address(place_array)
    row_arrays, terms = tables(canvas.image.dtype), np.empty(simd.EXP2_TERMS, canvas.image.dtype)
    simd.put_exp2_terms(terms)
    rows, terms_ = pointers(row_arrays), simd.address(terms)
    order = simd.iota(canvas_.image)
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
                if bands.count > 1 and chunk + CHUNK + j < high_k:
                    ask_for(scene, b * n + bands.members[chunk + CHUNK + j], dimensions)
                g, _ = prepare(prepared, level_array, j, scene, b, i, dimensions, density, factored)
                spans[j, 0], spans[j, 1] = first, last
                if dimensions == 2:
                    spans[j, 0], spans[j, 1] = touched_rows(g, 0.0, cut, first, last)
                spans[j, 2], spans[j, 3] = corner, i
                if single is None and is_beside(g, cut, width):
                    spans[j, 1] = 0
            if overflow(level_array, in_chunk):
                for j in range(in_chunk):
                    prepare_again(prepared, level_array, j, scene, b, spans[j, 3], dimensions, density, factored)
            if single is None:
                reached = BEGIN
                while reached[0] < in_chunk:
                    items, reached = place_items(rows, prepared_, spans, in_chunk, reached, cut, stride, frame, volume)
                    of_image = Slice(0.0, 0, stride, plane_rows * stride)
                    draw_placed(items, rows, Levels(levels, 0, channels), of_image, static, canvas_, terms_)
            if single is not None:
                for j in range(in_chunk):
                    g, i = take(prepared_, j, dimensions), spans[j, 3]
                    nodes = (0, 0, 0) if integrated is None else nodes_of(g, dimensions)
                    z_low, z_high = 0, 1
                    if dimensions == 3:
                        z_low, z_high = touched_slices(g, cut, first // height, (last - 1) // height + 1)
                    for z in range(z_low, z_high):
                        ez = z - g.z
                        y_low, y_high = (spans[j, 0], spans[j, 1]) if dimensions == 2 else (0, 1)
                        if dimensions == 3:
                            y_first, y_last = max(0, first - z * height), min(height, last - z * height)
                            y_low, y_high = touched_rows(g, ez, cut, y_first, y_last)
                        of_g, at = Levels(levels, j * channels, channels), corner + z * height * stride
                        window = Window(y_low, y_high, x_first, x_last)
                        of_slice = Slice(ez, at, stride, plane_rows * stride)
                        scratch = Scratch(olds, places, nodes, line_array)
                        draw_rows(g, of_g, np.int32(i), window, of_slice, static, integrated, cut_, canvas_, scratch)
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
    keep(row_arrays)
    simd.keep(terms)
    if apart is not None:
        simd.keep(board)
        simd.keep(marks)
