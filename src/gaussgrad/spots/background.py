"""The background of frames, smooth and without spots."""

import itertools
import math
from typing import NamedTuple

import numpy as np

from gaussgrad import parallel

BLOCK = 32  # pixels: spots are narrow beside it
CLIPPED = 2.5  # standard deviations above which a pixel of the first look is a spot's
PASSES = 5
EVERY = 2  # pixel along both axes is looked at first
SECONDS_PER_PIXEL = 2e-9  # roughly; only decides whether threads are worth it
WHOLE = 1.0  # photons of leeway: without it, where light is dark, the first photon of a pixel would be a spot's


def first_look(data: np.ndarray, used: np.ndarray, gaussian: bool, threads: int = 1) -> np.ndarray:
    """The background (f, h, w) of frames full of spots: means of blocks, without what rises above their medians."""
    leeway = 0.0 if gaussian else WHOLE

    def level(block: np.ndarray, known: np.ndarray) -> np.ndarray:
        ascending = np.sort(np.where(known, block, np.inf), axis=-1)
        finite = np.where(np.isfinite(ascending), ascending, 0.0)
        sums, squares = np.cumsum(finite, axis=-1), np.cumsum(finite**2, axis=-1)
        kept = known.sum(axis=-1)
        for _ in range(PASSES):
            mean, square = (np.take_along_axis(one, kept[:, None] - 1, -1)[:, 0] / kept for one in (sums, squares))
            middle = np.take_along_axis(ascending, (kept[:, None] - 1) // 2, -1)[:, 0]
            most = middle + CLIPPED * np.sqrt(np.maximum(square - mean**2, 0)) + leeway + 1e-9
            kept = np.minimum((ascending <= most[:, None]).sum(axis=-1), kept)
        return np.take_along_axis(sums, kept[:, None] - 1, -1)[:, 0] / kept

    rows, columns = (_edges(length) for length in data.shape[1:])
    levels = np.zeros((len(data), len(rows) - 1, len(columns) - 1))

    def task(start: int, stop: int) -> None:
        for i, (top, bottom) in enumerate(itertools.pairwise(rows)):
            for j, (left, right) in enumerate(itertools.pairwise(columns)):
                block, known = (
                    one[start:stop, top:bottom:EVERY, left:right:EVERY].reshape(stop - start, -1)
                    for one in (data, used)
                )
                known = np.where(known.any(axis=1, keepdims=True), known, True)
                levels[start:stop, i, j] = level(block, known)

    parallel.run(task, len(data), threads, data.size * SECONDS_PER_PIXEL)
    return _between(levels, rows, columns, threads)


def smooth(data: np.ndarray, light: np.ndarray, used: np.ndarray, threads: int = 1) -> np.ndarray:
    """The background (f, h, w) of frames without the light of their spots: means of blocks."""
    from gaussgrad.spots.pixels.levels import mean_blocks

    rows, columns = (_edges(length) for length in data.shape[1:])
    levels = np.empty((len(data), len(rows) - 1, len(columns) - 1))

    def task(start: int, stop: int) -> None:
        mean_blocks(start, stop, data, light, used, rows, columns, levels)

    parallel.run(task, len(data), threads, data.size * SECONDS_PER_PIXEL)
    return _between(levels, rows, columns, threads)


def _edges(length: int) -> np.ndarray:
    count = max(1, math.floor(length / BLOCK))
    return length * np.arange(count + 1) // count


class Lines(NamedTuple):
    """Between the middles of which two blocks each row or column lies; beyond the outermost, lines go on."""

    first: np.ndarray  # (length,): the number of the first
    part: np.ndarray  # (length,): of the way from the first to the second


def _lines(edges: np.ndarray) -> Lines:
    middles, places = (edges[:-1] + edges[1:] - 1) / 2, np.arange(edges[-1])
    if len(middles) == 1:
        return Lines(np.zeros(len(places), dtype=np.int64), np.zeros(len(places)))
    first = np.clip(np.searchsorted(middles, places) - 1, 0, len(middles) - 2)
    return Lines(first, (places - middles[first]) / (middles[first + 1] - middles[first]))


def _between(levels: np.ndarray, rows: np.ndarray, columns: np.ndarray, threads: int) -> np.ndarray:
    """Straight lines from the levels of blocks (f, r, c) with these edges, along both axes: (f, h, w)."""
    from gaussgrad.spots.pixels.levels import spread

    level = np.empty((len(levels), rows[-1], columns[-1]))
    down, across = _lines(rows), _lines(columns)

    def task(start: int, stop: int) -> None:
        spread(start, stop, levels, down, across, level)

    parallel.run(task, len(levels), threads, level.size * SECONDS_PER_PIXEL)
    return level
