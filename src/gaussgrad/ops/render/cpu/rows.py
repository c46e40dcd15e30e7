"""Rows of Gaussians, placed before they are drawn: the loop that draws looks up all it needs, and never waits.

A row is drawn by as many whole vectors as it touches, if the frame has room for them. Lanes outside the ellipse add
nothing. Rows are placed in items, each at most ITEM_ROWS rows of one slice of a Gaussian, and an item has its place in
each table. A slice of a Gaussian in 3-D is one in 2-D.
"""

from typing import Any, NamedTuple

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu.geometry import LOG_2, Gaussian, take, touched_rows, touched_slices
from gaussgrad.ops.render.cpu.records import Cut, Levels

ITEM_ROWS, ITEMS = 16, 16  # rows of an item, and items of the tables
FLOATS, INTEGERS, SHAPES, PLACES = 4, 3, 4, 4  # what tables hold: the first two for each row, the others for each item
BEGIN = 0, 0, -1, 0  # what `place_items` has reached at first
THIN = 0.25  # squared pixels: the centres of rows of less variance are found in float64
SLOPE = -0.5 / LOG_2  # of the exponent to base two in squared distances


class Rows(NamedTuple):
    """The tables, or pointers to them."""

    floats: Any  # the first vector's middle from the centre, in whole pixels and the rest; the exponent there; and ey
    integers: Any  # the first column, one past the last of whole vectors, and one past the last
    shapes: Any  # the curvature of the exponent, the exponent where the shape ends, the tolerance, and ez
    places: Any  # where the first row lies in the memory, how many rows there are, whose they are, and its index


@simd.inlined
def tables(kind):
    """New tables for ITEMS items, of floats of a dtype."""
    return Rows(
        np.empty(ITEMS * FLOATS * ITEM_ROWS, kind),
        np.empty(ITEMS * INTEGERS * ITEM_ROWS, np.int32),
        np.empty(ITEMS * SHAPES, kind),
        np.empty(ITEMS * PLACES, np.int64),
    )


@simd.inlined
def pointers(arrays):
    """Pointers to tables, which must outlive them: see `keep`."""
    return Rows(
        simd.address(arrays.floats),
        simd.address(arrays.integers),
        simd.address(arrays.shapes),
        simd.address(arrays.places),
    )


@simd.inlined
def keep(arrays):
    """Hold tables until here."""
    simd.keep(arrays.floats)
    simd.keep(arrays.integers)
    simd.keep(arrays.shapes)
    simd.keep(arrays.places)


@simd.inlined
def owned(levels, rows, item):
    """The levels of an item's Gaussian, where `levels` are those of the first owner."""
    return Levels(levels.values, simd.peek(rows.places, item * PLACES + 2) * levels.count, levels.count)


@simd.inlined
def middle_of(rows):
    """Of the lanes of a vector."""
    return 0.5 * (simd.lanes_of(rows.floats) - 1)


@simd.inlined
def is_beside(g, cut, width):
    """Whether a Gaussian touches no column of the frame."""
    away = max(-g.x, g.x - (width - 1))
    return away > 0 and away * away > cut.squared * variance_in_x(g)


@simd.inlined
def variance_in_x(g):
    """The variance in x, whatever the row."""
    return g.vx + g.beta * g.beta * g.vy + g.gamma * g.gamma * g.vz


@simd.inlined
def place_items(rows, prepared, spans, count, reached, cut, stride, frame, volume):
    """Place rows until the tables are full: those of the Gaussian and row `reached`, and the next ones, up to `count`.

    `prepared` is as in geometry.py, and `volume` as in drawing. A row of `spans` (CHUNK, 4) has the first row of a
    Gaussian that it may touch, one past the last, slices end to end, the place in the memory of the image's first row,
    and the index of the Gaussian. Gives the number of items, and what is reached: Gaussian, slice, one past its last
    slice (-1: not known yet), row.
    """
    items, (j, z, z_end, y) = 0, reached
    while j < count and items < ITEMS:
        g, ez, first, last = take(prepared, j, 2 if volume is None else 3), 0.0, spans[j, 0], spans[j, 1]
        inside, y_end, before = cut, last, 0
        if z_end < 0:
            z, z_end = 0, 1
            if volume is not None:
                z, z_end = touched_slices(g, cut, first // frame.height, (last - 1) // frame.height + 1)
        if volume is not None:
            ez, before = z - g.z, z * frame.height
            first, y_end = touched_rows(g, ez, cut, max(0, first - before), min(frame.height, last - before))
            g, inside = slice_of(g, ez), Cut(cut.squared - ez * ez * g.iz, cut.pad, cut.tolerance, cut.lowest)
        y = max(y, first)
        if z < z_end and y < y_end:
            y_count, places = min(ITEM_ROWS, y_end - y), items * PLACES
            place_item(rows, items, g, y, y_count, inside, frame.width)
            simd.poke(rows.shapes, items * SHAPES + 3, simd.scalar_type(rows.shapes)(ez))
            simd.poke(rows.places, places, spans[j, 2] + (before + y) * stride)
            simd.poke(rows.places, places + 1, y_count)
            simd.poke(rows.places, places + 2, j)
            simd.poke(rows.places, places + 3, spans[j, 3])
            y, items = y + ITEM_ROWS, items + 1
        elif z + 1 < z_end:
            z, y = z + 1, 0
        else:
            j, z, z_end, y = j + 1, 0, -1, 0
    return items, (j, z, z_end, y)


@simd.inlined
def slice_of(g, ez):
    """The Gaussian in 2-D that one in 3-D is at residual ez."""
    boost = g.boost - 0.5 * (ez * ez * g.iz)
    x, y = g.x + g.gamma * ez, g.y + g.alpha * ez
    return Gaussian(x, y, 0.0, 0.0, g.beta, 0.0, g.vx, g.vy, 1.0, g.ix, g.iy, 1.0, boost, g.factor)


@simd.inlined
def place_item(rows, item, g, y_first, count, cut, width):
    """Fill in the shape and the rows of an item: `count` rows of a Gaussian in 2-D from y_first on."""
    number, half = simd.scalar_type(rows.floats), middle_of(rows)
    shapes = item * SHAPES
    simd.poke(rows.shapes, shapes, number(SLOPE * g.ix))
    simd.poke(rows.shapes, shapes + 1, number(SLOPE * cut.squared + g.boost / LOG_2))
    simd.poke(rows.shapes, shapes + 2, number(cut.tolerance * g.factor))
    narrow = cut.squared * variance_in_x(g) <= half * half
    if narrow and g.vx >= THIN and width >= simd.lanes_of(rows.floats):
        place_narrow(rows, item, g, y_first, count, width)
    else:
        place_wide(rows, item, g, y_first, count, cut, width)


@simd.inlined
def place_narrow(rows, item, g, y_first, count, width):
    """A Gaussian that is no wider than a vector: the same columns in all rows, and the arithmetic of the image.

    Rows are counted from the one before the centre, so that a row gets the same bits whichever is the first.
    """
    order, lanes = simd.iota(rows.floats), simd.lanes_of(rows.floats)
    number = simd.scalar_type(rows.floats)
    first = max(0.0, min(np.ceil(g.x - middle_of(rows)), np.float64(width - lanes)))
    low, high = simd.splat(np.int32(first), order), simd.splat(np.int32(first + lanes), order)
    before, nearest = np.floor(g.y), np.floor(g.x + 0.5)
    rest, whole = number(g.y - before), simd.splat(number(first + middle_of(rows) - nearest), order)
    part, slope = simd.splat(number(nearest - g.x), order), simd.splat(number(-g.beta), order)
    top, fall = simd.splat(number(g.boost / LOG_2), order), simd.splat(number(SLOPE * g.iy), order)
    for r in range(0, count, lanes):
        ey = (order + number(y_first + r - before)) - rest
        floats, integers = item * FLOATS * ITEM_ROWS + r, item * INTEGERS * ITEM_ROWS + r
        simd.write(rows.floats, floats, whole)
        simd.write(rows.floats, floats + ITEM_ROWS, simd.fused(ey, slope, part))
        simd.write(rows.floats, floats + 2 * ITEM_ROWS, simd.fused(ey * ey, fall, top))
        simd.write(rows.floats, floats + 3 * ITEM_ROWS, ey)
        simd.write(rows.integers, integers, low)
        simd.write(rows.integers, integers + ITEM_ROWS, high)
        simd.write(rows.integers, integers + 2 * ITEM_ROWS, high)


@simd.inlined
def place_wide(rows, item, g, y_first, count, cut, width):
    """Any Gaussian, in float64: a row gets the vectors that it touches, with its centre in their middle.

    A row that they do not fit in is drawn whole, its last columns by part of a vector. The sum order + y_first is exact
    and stands alone: a row gets the same bits whichever is the first.
    """
    order = simd.iota64()
    zero, lanes = simd.zero(order), simd.lanes_of(rows.floats)
    all_of_it, fits = simd.splat(np.float64(width), order), simd.splat(np.float64(width // lanes * lanes), order)
    for r in range(0, count, simd.width_of(order)):
        ey = order + np.float64(y_first + r) - g.y
        q = ey * ey * g.iy
        squared = (simd.splat(cut.squared, order) - q) * g.vx
        half = simd.sqrt(simd.select(simd.greater(squared, zero), squared, zero))
        across = simd.ceil(half * (2 / lanes) + 1 / lanes) * np.float64(lanes)
        centre = ey * g.beta + g.x
        low, most = simd.ceil(centre - across * 0.5 + 0.5), all_of_it - across
        low = simd.select(simd.greater(most, low), low, most)
        low = simd.select(simd.greater(low, zero), low, zero)
        beyond, nearest = simd.greater(across, fits), simd.floor(centre + 0.5)
        high = simd.select(beyond, fits, low + across)
        floats, integers = item * FLOATS * ITEM_ROWS + r, item * INTEGERS * ITEM_ROWS + r
        simd.write(rows.floats, floats, low + middle_of(rows) - nearest)
        simd.write(rows.floats, floats + ITEM_ROWS, nearest - centre)
        simd.write(rows.floats, floats + 2 * ITEM_ROWS, q * SLOPE + g.boost / LOG_2)
        simd.write(rows.floats, floats + 3 * ITEM_ROWS, ey)
        simd.write(rows.integers, integers, low)
        simd.write(rows.integers, integers + ITEM_ROWS, high)
        simd.write(rows.integers, integers + 2 * ITEM_ROWS, simd.select(beyond, all_of_it, high))


@simd.inlined
def row_of(rows, item, r):
    """Of a row: the lanes of its first vector from the centre in whole pixels, the rest, and the three columns.

    Lanes are counted from their middle. The first are exact, so that a place near the centre rounds by next to nothing.
    """
    floats, integers = item * FLOATS * ITEM_ROWS + r, item * INTEGERS * ITEM_ROWS + r
    along = simd.iota(rows.floats) - simd.scalar_type(rows.floats)(middle_of(rows)) + simd.peek(rows.floats, floats)
    part = simd.splat(simd.peek(rows.floats, floats + ITEM_ROWS), along)
    low, high = np.intp(simd.peek(rows.integers, integers)), np.intp(simd.peek(rows.integers, integers + ITEM_ROWS))
    return along, part, low, high, np.intp(simd.peek(rows.integers, integers + 2 * ITEM_ROWS))


@simd.inlined
def exponent_of(rows, item, r):
    """The exponent to base two at the centre of a row, in all lanes."""
    return simd.splat(simd.peek(rows.floats, item * FLOATS * ITEM_ROWS + 2 * ITEM_ROWS + r), rows.floats)


@simd.inlined
def residual_of(rows, item, r):
    """The residual ey of a row, in all lanes."""
    return simd.splat(simd.peek(rows.floats, item * FLOATS * ITEM_ROWS + 3 * ITEM_ROWS + r), rows.floats)


@simd.inlined
def shape_of(rows, item):
    """The curvature, the exponent where the shape ends, and the tolerance of an item, each in all lanes."""
    at, like = item * SHAPES, rows.floats
    curvature, end = simd.splat(simd.peek(rows.shapes, at), like), simd.splat(simd.peek(rows.shapes, at + 1), like)
    return curvature, end, simd.splat(simd.peek(rows.shapes, at + 2), like)


@simd.inlined
def slice_residual_of(rows, item):
    """The residual ez of an item, 0 in 2-D."""
    return np.float64(simd.peek(rows.shapes, item * SHAPES + 3))


@simd.inlined
def taken_up(u, curvature, constant, end, tolerance, terms):
    """Where the shape is above the tolerance, its values, and those less the tolerance: a mask and two vectors.

    `constant` is the exponent to base two at u = 0. Values outside the mask mean nothing.
    """
    exponent = simd.fused(u * u, curvature, constant)
    inside, p = simd.greater(exponent, end), simd.exp2(exponent, terms)
    none = simd.zero(u)
    return inside, p, simd.larger(simd.select(inside, p - tolerance, none), none)
