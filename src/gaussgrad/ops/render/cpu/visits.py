"""In which order, and in which blocks, the backward pass visits the Gaussians."""

from typing import Any

import numpy as np

from gaussgrad import simd

BLOCK_ROWS = 64  # a Gaussian on more rows than these is visited in blocks, which threads share


def plan_visits(reach: Any, batch: int, band_of: np.ndarray, bands: int) -> tuple[np.ndarray, int]:
    """(visits, slots): one visit per block of a Gaussian, neighbours one after the other, and the number of slots.

    `reach` and `band_of` are as in bands.py. A visit is (Gaussian counted through all batch items, first row, last row,
    slot): the rows it adds up, and the place of its sums, -1 where it is the Gaussian's only one. The blocks of a
    Gaussian follow each other, and so do their slots; they depend on the Gaussian alone, so that sums are formed in one
    order whatever the threads. The arrays are made here, see `members_of_bands`.
    """
    places = np.zeros(batch * bands + 1, np.int64)
    count_blocks(reach, batch, band_of, bands, places)
    visits = np.empty((places[-1], 4), np.int32)
    return visits, place_visits(reach, batch, band_of, bands, places, visits)


@simd.kernel
def count_blocks(reach, batch, band_of, bands, places):
    """Fill in where the visits of each band begin, and how many there are; `places` is 0."""
    n = len(reach) // batch
    for k in range(len(reach)):
        first, last = reach[k, 0], reach[k, 1]
        places[k // n * bands + band_of[(first + last) // 2] + 1] += _blocks(first, last)
    for k in range(batch * bands):
        places[k + 1] += places[k]


@simd.kernel
def place_visits(reach, batch, band_of, bands, places, visits):
    """Fill in the visits, and give the number of slots."""
    n = len(reach) // batch
    slots = 0
    for k in range(len(reach)):
        first, last = reach[k, 0], reach[k, 1]
        band = k // n * bands + band_of[(first + last) // 2]
        blocks = _blocks(first, last)
        for block in range(blocks):
            visit = places[band]
            visits[visit, 0] = k
            visits[visit, 1] = first + block * BLOCK_ROWS
            visits[visit, 2] = min(last, first + (block + 1) * BLOCK_ROWS)
            visits[visit, 3] = slots if blocks > 1 else -1
            slots += blocks > 1
            places[band] += 1
    return slots


@simd.inlined
def _blocks(first, last):
    """How many blocks the rows [first, last) make; one where there are none."""
    return max(1, (last - first + BLOCK_ROWS - 1) // BLOCK_ROWS)
