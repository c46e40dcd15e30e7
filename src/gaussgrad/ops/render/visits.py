"""In which order, and in which blocks, the backward pass visits the Gaussians."""

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.ops.render.bands import band_of, rows_of

BLOCK_ROWS = 64  # a Gaussian on more rows than these is gathered in blocks, which threads share


@simd.kernel
def plan_visits(means, covariances, frame, cut, pad, bands):
    """(visits, slots): one visit per block of a Gaussian, neighbours one after the other, and the number of slots.

    A visit is (Gaussian counted through all batch items, first row, last row, slot): the rows it gathers, and the place
    of its sums, -1 where it is the Gaussian's only one. The blocks of a Gaussian follow each other, and so do their
    slots; they depend on the Gaussian alone, so that sums are formed in one order whatever the threads.
    """
    batch, n = means.shape[:2]
    rows = frame[0] * frame[1]
    reach = np.empty((batch * n, 2), np.int32)
    places = np.zeros(batch * bands + 1, np.int64)
    for k in range(batch * n):
        first, last = rows_of(means, covariances, k // n, k % n, frame, cut, pad)
        reach[k, 0], reach[k, 1] = first, last
        places[_place(k // n, first, last, rows, bands) + 1] += _blocks(first, last)
    for k in range(batch * bands):
        places[k + 1] += places[k]
    visits = np.empty((places[-1], 4), np.int32)
    slots = 0
    for k in range(batch * n):
        first, last = reach[k, 0], reach[k, 1]
        at = _place(k // n, first, last, rows, bands)
        blocks = _blocks(first, last)
        for block in range(blocks):
            visit = places[at]
            visits[visit, 0] = k
            visits[visit, 1] = first + block * BLOCK_ROWS
            visits[visit, 2] = min(last, first + (block + 1) * BLOCK_ROWS)
            visits[visit, 3] = slots if blocks > 1 else -1
            slots += blocks > 1
            places[at] += 1
    return visits, slots


@njit(nogil=True, error_model="numpy", inline="always")
def _blocks(first, last):
    """How many blocks the rows [first, last) make; one where there are none."""
    return max(1, (last - first + BLOCK_ROWS - 1) // BLOCK_ROWS)


@njit(nogil=True, error_model="numpy", inline="always")
def _place(b, first, last, rows, bands):
    """The band of the middle row, counted through all batch items."""
    return b * bands + min(band_of((first + last) // 2, rows, bands), bands - 1)
