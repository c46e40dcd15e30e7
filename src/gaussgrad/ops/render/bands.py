"""Which Gaussians touch which band of rows, so that a band fits the cache and visits no others."""

import math

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.geometry import span

BAND_BYTES = 2**18  # what one band writes: a share of a core's own cache
FEWEST_ROWS = 16  # a band lower than a Gaussian only repeats its set-up


def count_bands(rows: int, row_bytes: int, batch: int, threads: int) -> int:
    """The number of bands of each image: enough to fit the cache, and to occupy the threads."""
    for_cache = math.ceil(rows * row_bytes / BAND_BYTES)
    for_threads = math.ceil(4 * threads / batch) if threads > 1 else 1
    return max(1, min(max(for_cache, for_threads), rows // FEWEST_ROWS))


@simd.kernel
def members_of_bands(means, covariances, frame, cut, pad, bands):
    """(offsets, members): band k of batch item b visits members[offsets[k'] : offsets[k' + 1]], k' = b * bands + k.

    Indices ascend within a band.
    """
    batch, n = means.shape[:2]
    rows = frame[0] * frame[1]
    reach = np.empty((batch, n, 2), np.int32)
    offsets = np.zeros(batch * bands + 1, np.int64)
    for b in range(batch):
        for i in range(n):
            low, high = rows_of(means, covariances, b, i, frame, cut, pad)
            first, last = -1, -2
            if low < high:
                first, last = band_of(low, rows, bands), band_of(high - 1, rows, bands)
            reach[b, i, 0], reach[b, i, 1] = first, last
            for k in range(first, last + 1):
                offsets[b * bands + k + 1] += 1
    for k in range(batch * bands):
        offsets[k + 1] += offsets[k]
    members = np.empty(offsets[-1], np.int32)
    free = offsets[:-1].copy()
    for b in range(batch):
        for i in range(n):
            for k in range(reach[b, i, 0], reach[b, i, 1] + 1):
                members[free[b * bands + k]] = i
                free[b * bands + k] += 1
    return offsets, members


@njit(nogil=True, error_model="numpy", inline="always")
def rows_of(means, covariances, b, i, frame, cut, pad):
    """The range of rows, slices laid end to end, that a Gaussian may touch."""
    d = means.shape[2]
    z_low, z_high, y_low, y_high = 0, 1, 0, 1
    if d >= 2:
        variance = covariances[b, i, 2 if d == 2 else 3]
        y_low, y_high = span(np.float64(means[b, i, 1]), cut * variance, pad, 0, frame[1])
    if d == 3:
        z_low, z_high = span(np.float64(means[b, i, 2]), cut * covariances[b, i, 5], pad, 0, frame[0])
    if y_low >= y_high or z_low >= z_high:
        return 0, 0
    return z_low * frame[1] + y_low, (z_high - 1) * frame[1] + y_high


@njit(nogil=True, error_model="numpy", inline="always")
def band_of(row, rows, bands):
    """The band of a row; band k begins at row rows * k // bands."""
    return ((row + 1) * bands - 1) // rows
