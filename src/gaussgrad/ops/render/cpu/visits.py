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
    rows, of_row, counts = simd.address(reach), simd.address(band_of), simd.address(places)
    for b in range(batch):
        for k in range(b * n, b * n + n):
            first, last = simd.peek(rows, 2 * k), simd.peek(rows, 2 * k + 1)
            band = b * bands + simd.peek(of_row, (first + last) // 2) + 1
            simd.poke(counts, band, simd.peek(counts, band) + _blocks(first, last))
    for k in range(batch * bands):
        places[k + 1] += places[k]


@simd.kernel
def place_visits(reach, batch, band_of, bands, places, visits):
    """Fill in the visits, and give the number of slots."""
    n = len(reach) // batch
    rows, of_row = simd.address(reach), simd.address(band_of)
    next_places, table = simd.address(places), simd.address(visits)
    slots = 0
    for b in range(batch):
        for k in range(b * n, b * n + n):
            first, last = simd.peek(rows, 2 * k), simd.peek(rows, 2 * k + 1)
            band = b * bands + simd.peek(of_row, (first + last) // 2)
            blocks, visit = _blocks(first, last), simd.peek(next_places, band)
            for block in range(blocks):
                simd.poke(table, 4 * visit, np.int32(k))
                simd.poke(table, 4 * visit + 1, np.int32(first + block * BLOCK_ROWS))
                simd.poke(table, 4 * visit + 2, np.int32(min(last, first + (block + 1) * BLOCK_ROWS)))
                simd.poke(table, 4 * visit + 3, np.int32(slots if blocks > 1 else -1))
                slots += blocks > 1
                visit += 1
            simd.poke(next_places, band, visit)
    return slots


@simd.inlined
def _blocks(first, last):
    """How many blocks the rows [first, last) make; one where there are none."""
    return max(1, (last - first + BLOCK_ROWS - 1) // BLOCK_ROWS)
