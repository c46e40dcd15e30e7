"""The background of frames, smooth and without spots."""

import itertools
import math
from collections.abc import Callable

import numpy as np

BLOCK = 32  # pixels: spots are narrow beside it
CLIPPED = 2.5  # standard deviations above which a pixel of the first look is a spot's
PASSES = 5
WHOLE = 1.0  # photons of leeway: without it, where light is dark, the first photon of a pixel would be a spot's


def first_look(data: np.ndarray, used: np.ndarray, gaussian: bool) -> np.ndarray:
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

    return _by_blocks(data, used, level, step=2)


def smooth(rest: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The background (f, h, w) of frames without their spots: means of blocks."""

    def level(block: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.sum(block * known, axis=-1) / np.maximum(known.sum(axis=-1), 1)

    return _by_blocks(rest, used, level, step=1)


def _by_blocks(
    data: np.ndarray, used: np.ndarray, level: Callable[[np.ndarray, np.ndarray], np.ndarray], step: int
) -> np.ndarray:
    """A number for each block, of every `step`-th pixel along both axes, and straight lines from one to the next."""
    f, h, w = data.shape
    rows, columns = _edges(h), _edges(w)
    levels = np.zeros((f, len(rows) - 1, len(columns) - 1))
    for i, (top, bottom) in enumerate(itertools.pairwise(rows)):
        for j, (left, right) in enumerate(itertools.pairwise(columns)):
            block, known = (one[:, top:bottom:step, left:right:step].reshape(f, -1) for one in (data, used))
            known = np.where(known.any(axis=1, keepdims=True), known, True)
            levels[:, i, j] = level(block, known)
    return _between(h, rows) @ levels @ _between(w, columns).T


def _edges(length: int) -> list[int]:
    count = max(1, math.floor(length / BLOCK))
    return [length * k // count for k in range(count + 1)]


def _between(length: int, edges: list[int]) -> np.ndarray:
    """Linear interpolation from the middles of blocks to pixels, (length, blocks); lines go on beyond the outermost."""
    middles = np.array([(first + stop - 1) / 2 for first, stop in itertools.pairwise(edges)])
    shares = np.zeros((length, len(middles)))
    if len(middles) == 1:
        return shares + 1
    places = np.arange(length)
    left = np.clip(np.searchsorted(middles, places) - 1, 0, len(middles) - 2)
    part = (places - middles[left]) / (middles[left + 1] - middles[left])
    shares[places, left], shares[places, left + 1] = 1 - part, part
    return shares
