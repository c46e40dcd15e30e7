"""Which Gaussians touch which band of rows, so that a band fits the cache and visits no others.

A signal has one row; its bands are cut from cells of so many pixels, which count as its rows here.
"""

import functools
import math
from typing import Any

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu.geometry import entry, span, variance_along
from gaussgrad.ops.render.cpu.records import Frame

WRITTEN, READ = 2**19, 2**18  # bytes of a band, to stay in a core's own cache; gradients share it with more
FEWEST_ROWS = 16  # a band lower than a Gaussian only repeats its set-up
CELL = 64  # pixels of a signal


def count_bands(rows: int, row_bytes: int, batch: int, pieces: int, band_bytes: int) -> int:
    """The number of bands of each image: enough to fit the cache, and for so many equal pieces of the whole batch."""
    for_cache = max(1, math.ceil(rows * row_bytes / band_bytes))
    for_pieces = math.ceil(pieces / max(1, batch))
    return max(1, min(math.ceil(for_cache / for_pieces) * for_pieces, rows // FEWEST_ROWS))


@simd.kernel
def touch_rows(start, stop, means, widths, factored, frame, cut, reach):
    """Write for the Gaussians [start, stop), counted through all batch items, the range of rows that they may touch.

    `reach` (batch * n, 2) gets the first row and one past the last, slices laid end to end, or the cells of a signal;
    they are equal where there is none. `factored` is as in geometry.py, `frame` and `cut` are the fields of their
    records. The loop for images has no branch: so the compiler makes vectors of it.
    """
    frame, (squared, pad) = Frame(*frame), cut[:2]
    if means.shape[2] == 1:
        for k in range(start, stop):
            low, high = span_along(means, widths, k, 0, 1, factored, squared, pad, frame.width)
            put_reach(reach, k, low // CELL, (high + CELL - 1) // CELL if low < high else low // CELL)
    if means.shape[2] == 2:
        for k in range(start, stop):
            low, high = span_along(means, widths, k, 1, 2, factored, squared, pad, frame.height)
            put_reach(reach, k, low, high)
    if means.shape[2] == 3:
        for k in range(start, stop):
            low, high = span_along(means, widths, k, 1, 3, factored, squared, pad, frame.height)
            z_low, z_high = span_along(means, widths, k, 2, 3, factored, squared, pad, frame.depth)
            touches = low < high and z_low < z_high
            put_reach(reach, k, z_low * frame.height + low, (z_high - 1) * frame.height + high)
            if not touches:
                put_reach(reach, k, 0, 0)


@simd.inlined
def span_along(means, widths, k, axis, d, factored, squared, pad, pixels):
    """The pixels that the Gaussian k of `d` dimensions may touch along the axis 0 (x), 1 or 2."""
    variance = variance_along(widths, k, axis, means.shape[1], d, factored)
    return span(entry(simd.address(means), k * d + axis), squared * variance, pad, 0, pixels)


@simd.inlined
def put_reach(reach, k, first, last):
    """Write one Gaussian's."""
    simd.poke(simd.address(reach), 2 * k, np.int32(first))
    simd.poke(simd.address(reach), 2 * k + 1, np.int32(last))


@functools.lru_cache(64)
def bands_of_rows(rows: int, bands: int) -> np.ndarray:
    """The band of each row, and that of the last again; band k begins at row rows * k // bands."""
    starts = rows * np.arange(bands + 1) // bands
    return np.repeat(np.arange(bands, dtype=np.int32), np.diff(starts) + (starts[1:] == rows))


def members_of_bands(reach: Any, batch: int, band_of: np.ndarray, bands: int) -> tuple[np.ndarray, np.ndarray]:
    """(offsets, members): band k of batch item b visits members[offsets[k'] : offsets[k' + 1]], k' = b * bands + k.

    Indices ascend within a band. The kernels write to arrays made here: where one gives a new array, Numba runs Python
    to wrap it, and a Ctrl-C in that moment comes out as SystemError.
    """
    offsets = np.zeros(batch * bands + 3, np.int64)
    count_members(reach, batch, band_of, bands, offsets)
    members = np.empty(offsets[-2], np.int32)
    place_members(reach, batch, band_of, bands, offsets, members)
    return offsets, members


@simd.kernel
def count_members(reach, batch, band_of, bands, offsets):
    """Fill in the offsets, which are 0; those of a band stand one place further until `place_members` has filled it.

    Until all are counted, `changes` says how many more members a band has than the one before.
    """
    n = len(reach) // batch
    rows, of_row, changes = simd.address(reach), simd.address(band_of), simd.address(offsets)
    for b in range(batch):
        for k in range(b * n, b * n + n):
            first, last = simd.peek(rows, 2 * k), simd.peek(rows, 2 * k + 1)
            if first < last:
                low, high = 2 + b * bands + simd.peek(of_row, first), 3 + b * bands + simd.peek(of_row, last - 1)
                simd.poke(changes, low, simd.peek(changes, low) + 1)
                simd.poke(changes, high, simd.peek(changes, high) - 1)
    count = 0
    for k in range(2, batch * bands + 2):
        count += offsets[k]
        offsets[k] = offsets[k - 1] + count


@simd.kernel
def place_members(reach, batch, band_of, bands, offsets, members):
    """Fill in the members, and bring the offsets to their places."""
    n = len(reach) // batch
    rows, of_row, places = simd.address(reach), simd.address(band_of), simd.address(offsets)
    indices = simd.address(members)
    for b in range(batch):
        for i in range(n):
            first, last = simd.peek(rows, 2 * (b * n + i)), simd.peek(rows, 2 * (b * n + i) + 1)
            if first < last:
                before = 1 + b * bands
                for k in range(before + simd.peek(of_row, first), before + simd.peek(of_row, last - 1) + 1):
                    place = simd.peek(places, k)
                    simd.poke(indices, place, np.int32(i))
                    simd.poke(places, k, place + 1)
