"""Which Gaussians touch which band of rows, so that a band fits the cache and visits no others.

A signal has one row; its bands are cut from cells of so many pixels, which count as its rows here.
"""

import functools
import math
from typing import Any

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.render.cpu.geometry import span, variance_along
from gaussgrad.ops.render.cpu.records import Frame

WRITTEN, READ = 2**20, 2**18  # bytes of a band: a core's own cache for drawing, a share of it for gradients
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
    both are 0 where there is none. `factored` is as in geometry.py, `frame` and `cut` are the fields of their records.
    """
    n, d = means.shape[1:]
    frame, (squared, pad) = Frame(*frame), cut[:2]
    for k in range(start, stop):
        b, i = k // n, k % n
        z_low, z_high, y_low, y_high = 0, 1, 0, 1
        if d == 1:
            variance = variance_along(widths, b, i, 0, d, factored)
            x_low, x_high = span(np.float64(means[b, i, 0]), squared * variance, pad, 0, frame.width)
            y_low, y_high = x_low // CELL, (x_high + CELL - 1) // CELL if x_low < x_high else 0
        if d >= 2:
            variance = variance_along(widths, b, i, 1, d, factored)
            y_low, y_high = span(np.float64(means[b, i, 1]), squared * variance, pad, 0, frame.height)
        if d == 3:
            variance = variance_along(widths, b, i, 2, d, factored)
            z_low, z_high = span(np.float64(means[b, i, 2]), squared * variance, pad, 0, frame.depth)
        touches = y_low < y_high and z_low < z_high
        reach[k, 0] = z_low * frame.height + y_low if touches else 0
        reach[k, 1] = (z_high - 1) * frame.height + y_high if touches else 0


@functools.lru_cache(64)
def bands_of_rows(rows: int, bands: int) -> np.ndarray:
    """The band of each row; band k begins at row rows * k // bands."""
    return np.repeat(np.arange(bands, dtype=np.int32), np.diff(rows * np.arange(bands + 1) // bands))


def members_of_bands(reach: Any, batch: int, band_of: np.ndarray, bands: int) -> tuple[np.ndarray, np.ndarray]:
    """(offsets, members): band k of batch item b visits members[offsets[k'] : offsets[k' + 1]], k' = b * bands + k.

    Indices ascend within a band. The kernels write to arrays made here: where one gives a new array, Numba runs Python
    to wrap it, and a Ctrl-C in that moment comes out as SystemError.
    """
    offsets = np.zeros(batch * bands + 2, np.int64)
    count_members(reach, batch, band_of, bands, offsets)
    members = np.empty(offsets[-1], np.int32)
    place_members(reach, batch, band_of, bands, offsets, members)
    return offsets, members


@simd.kernel
def count_members(reach, batch, band_of, bands, offsets):
    """Fill in the offsets, which are 0; those of a band stand one place further until `place_members` has filled it."""
    n = len(reach) // batch
    for g in range(len(reach)):
        if reach[g, 1] > 0:
            base = g // n * bands
            for k in range(base + band_of[reach[g, 0]], base + band_of[reach[g, 1] - 1] + 1):
                offsets[k + 2] += 1
    for k in range(batch * bands):
        offsets[k + 2] += offsets[k + 1]


@simd.kernel
def place_members(reach, batch, band_of, bands, offsets, members):
    """Fill in the members, and bring the offsets to their places."""
    n = len(reach) // batch
    for g in range(len(reach)):
        if reach[g, 1] > 0:
            base = g // n * bands
            for k in range(base + band_of[reach[g, 0]], base + band_of[reach[g, 1] - 1] + 1):
                members[offsets[k + 1]] = g % n
                offsets[k + 1] += 1
