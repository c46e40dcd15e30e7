"""The forward kernel: each Gaussian is drawn row by row over the pixels inside its ellipse."""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.cpu.bands import CELL
from gaussgrad.ops.render.cpu.geometry import CHUNK, NUMBERS, ROWS, place_rows, prepare, profile, rows, slices, take
from gaussgrad.ops.render.cpu.modes import MAX, SUM, UNION
from gaussgrad.ops.render.cpu.quadrature import MOST_LINES, mean_over_pixels, merge, nodes_of, through_row

ONE, NONE, NOBODY = np.int32(1), np.int32(0), np.int32(-1)


@njit(**simd.INLINE)
def compose(image, marks, place, count, s, level, old, mode, index):
    """Compose s * level onto `count` pixels of one channel, whose values are `old`."""
    if mode == SUM:
        simd.store(image, place, count, simd.fused(s, level, old))
        return
    value = s * level
    mark = simd.load(marks, place, count, s)
    if mode == MAX:
        wins = simd.greater(value, old)
        simd.store(image, place, count, simd.select(wins, value, old))
        simd.store(marks, place, count, simd.select(wins, simd.splat(index, s), mark))
    else:
        left = simd.one(s) - value
        full = simd.equal(left, simd.zero(s))
        simd.store(image, place, count, simd.select(full, old, old * left))
        simd.store(marks, place, count, simd.select(full, mark + ONE, mark))


@njit(**simd.INLINE)
def fill(pointer, at, count, value):
    """Write `count` times the vector `value`."""
    for k in range(0, count, simd.width_of(value)):
        simd.store(pointer, at + k, count - k, value)


@njit(**simd.INLINE)
def finish_union(product, zeros, out, at, count, like):
    """1 - product, and 1 where a factor was zero."""
    for k in range(0, count, simd.width_of(like)):
        left = simd.load(product, at + k, count - k, like)
        none = simd.equal(simd.load(zeros, at + k, count - k, like), simd.splat(NONE, like))
        simd.store(out, at + k, count - k, simd.select(none, simd.one(like) - left, simd.one(like)))


@njit(**simd.INLINE)
def draw_rows(
    g, levels, first_level, ez, y_low, y_high, x_first, x_last, width, at, plane, static, area, channels, cut, pad,
    tolerance, lowest, index, image, marks, olds, places, nodes, lines
):  # fmt: skip
    """Draw a Gaussian on rows [y_low, y_high) and columns [x_first, x_last) of a slice, which begins at the place `at`.

    The residual of the slice is ez.

    `static` comes here whole: loops over channels are taken apart only where this function knows their number.
    """
    mode = simd.value_of(static[0])
    order = simd.iota(image)
    number = simd.scalar_type(image)
    curvature = simd.splat(number(-0.5 * g.ix), order)
    for block in range(y_low, y_high, ROWS):
        in_block = min(ROWS, y_high - block)
        place_rows(g, ez, block, in_block, cut, pad, x_first, x_last, places)
        for r in range(in_block):
            ey, centre = simd.peek(places, r), simd.peek(places, ROWS + r)
            low, high = int(simd.peek(places, 2 * ROWS + r)), int(simd.peek(places, 3 * ROWS + r))
            row = at + (block + r) * width
            constant = simd.splat(number(-0.5 * (ey * ey * g.iy + ez * ez * g.iz)), order)
            count = 0 if area is None else merge(g, lines, through_row(g, ey, ez, nodes, lines))
            for x in range(low, high, simd.lanes_of(image)):
                if area is None:
                    p = profile(order + number(x - centre), curvature, constant, lowest)
                else:
                    p = mean_over_pixels(x, order, curvature, lowest, nodes, lines, count, number)
                s = simd.select(simd.greater(p, tolerance), p - tolerance, simd.zero(p))
                # Where their number is known, all channels are read before one is written: the processor takes planes a
                # multiple of 4096 bytes apart for the same place, and would wait.
                known = simd.value_of(static[1])
                for c in range(known):
                    simd.put(olds, c, simd.load(image, row + c * plane + x, high - x, order))
                for c in range(known or channels):
                    place = row + c * plane + x
                    old = simd.get(olds, c, order) if known else simd.load(image, place, high - x, order)
                    level = simd.splat(simd.peek(levels, first_level + c), order)
                    compose(image, marks, place, high - x, s, level, old, mode, index)


@simd.kernel
def draw_bands(
    start, stop, bands, offsets, members, means, covariances, weights, frame, density, static, area, cut, pad,
    tolerance, lowest, image, marks, out
):  # fmt: skip
    """Draw the bands [start, stop) of all images, `bands` each, with the Gaussians that touch them (see bands.py).

    `image` and `marks` (flat) get what the backward pass needs: for max the image and its winners (-1: none), for union
    the product of the factors that are not zero and the number of zeros. `out` (flat) gets the image of a union.
    `static` is (mode, channels, dimensions) as compile-time integers, channels 0 where their number is not known then.
    `area` is True where the shape is the mean over a pixel, else None, for which Numba leaves out the branches of it.
    """
    mode = simd.value_of(static[0])
    depth, height, width = frame
    dimensions, n = simd.value_of(static[2]), weights.shape[1]
    channels = simd.value_of(static[1]) or weights.shape[2]
    lines = depth * height
    image_, marks_ = simd.address(image), simd.address(marks)
    prepared, level_array = np.empty((CHUNK, NUMBERS)), np.empty((CHUNK, channels), image.dtype)
    prepared_, levels = simd.address(prepared), simd.address(level_array)
    touched = np.empty((CHUNK, 2), np.int64)
    line_array, place_array = np.empty((MOST_LINES, 4)), np.empty(4 * ROWS)
    places = simd.address(place_array)
    order = simd.iota(image_)
    olds = simd.scratch(order, static[1])
    lowest_, tolerance_ = simd.splat(lowest, order), simd.splat(tolerance, order)
    background = simd.one(order) if mode == UNION else simd.zero(order)
    for band in range(start, stop):
        b = band // bands
        cut_in = (width + CELL - 1) // CELL if dimensions == 1 else lines
        first, last = cut_in * (band % bands) // bands, cut_in * (band % bands + 1) // bands
        x_first, x_last, begin, end = 0, width, first * width, last * width
        if dimensions == 1:
            x_first, x_last = first * CELL, min(last * CELL, width)
            begin, end = x_first, x_last
        for c in range(channels):
            at = (b * channels + c) * lines * width + begin
            fill(image_, at, end - begin, background)
            if mode != SUM:
                fill(marks_, at, end - begin, simd.splat(NOBODY if mode == MAX else NONE, order))
        low_k, high_k = (0, n) if bands == 1 else (offsets[band], offsets[band + 1])
        for chunk in range(low_k, high_k, CHUNK):
            in_chunk = min(CHUNK, high_k - chunk)
            for j in range(in_chunk):
                i = chunk + j if bands == 1 else members[chunk + j]
                g, _ = prepare(prepared, level_array, j, means, covariances, weights, b, i, dimensions, density)
                touched[j, 0], touched[j, 1] = rows(g, 0.0, cut, pad, first, last) if dimensions == 2 else (0, 1)
            for j in range(in_chunk):
                i = chunk + j if bands == 1 else members[chunk + j]
                g = take(prepared_, j, dimensions)
                nodes = (0, 0, 0) if area is None else nodes_of(g, dimensions)
                z_low, z_high = 0, 1
                if dimensions == 3:
                    z_low, z_high = slices(g, cut, pad, first // height, (last - 1) // height + 1)
                for z in range(z_low, z_high):
                    ez = z - g.z
                    y_low, y_high = touched[j, 0], touched[j, 1]
                    if dimensions == 3:
                        y_first, y_last = max(0, first - z * height), min(height, last - z * height)
                        y_low, y_high = rows(g, ez, cut, pad, y_first, y_last)
                    at = (b * channels * lines + z * height) * width
                    draw_rows(
                        g, levels, j * channels, ez, y_low, y_high, x_first, x_last, width, at, lines * width, static,
                        area, channels, cut, pad, tolerance_, lowest_, np.int32(i), image_, marks_, olds, places, nodes,
                        line_array,
                    )  # fmt: skip
        if mode == UNION:
            for c in range(channels):
                at = (b * channels + c) * lines * width + begin
                finish_union(image_, marks_, simd.address(out), at, end - begin, order)
    simd.keep(prepared)
    simd.keep(level_array)
    simd.keep(place_array)
