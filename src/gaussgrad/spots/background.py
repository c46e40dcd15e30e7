"""The background of frames, smooth and without spots."""

import math

import numpy as np

BLOCK = 32  # pixels: spots are narrow beside it
CLIPPED = 2.5  # standard deviations above which a pixel of the first look is a spot's
PASSES = 5


def first_look(data: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The background (f, h, w) of frames full of spots: medians of blocks, without what rises above them."""

    def level(block: np.ndarray, known: np.ndarray) -> np.ndarray:
        values = np.where(known, block, np.nan)
        for _ in range(PASSES):
            middle = np.nanmedian(values, axis=-1, keepdims=True)
            spread = np.nanstd(values, axis=-1, keepdims=True)
            values = np.where(np.abs(values - middle) <= CLIPPED * spread + 1e-12, values, np.nan)
        return np.nanmean(values, axis=-1)

    return _by_blocks(data, used, level)


def smooth(rest: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The background (f, h, w) of frames without their spots: means of blocks."""

    def level(block: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.sum(block * known, axis=-1) / np.maximum(known.sum(axis=-1), 1)

    return _by_blocks(rest, used, level)


def _by_blocks(data: np.ndarray, used: np.ndarray, level) -> np.ndarray:
    """A number for each block, and straight lines from one to the next."""
    f, h, w = data.shape
    rows, columns = _edges(h), _edges(w)
    levels = np.zeros((f, len(rows) - 1, len(columns) - 1))
    for i, (top, bottom) in enumerate(zip(rows, rows[1:], strict=False)):
        for j, (left, right) in enumerate(zip(columns, columns[1:], strict=False)):
            block, known = (one[:, top:bottom, left:right].reshape(f, -1) for one in (data, used))
            known = np.where(known.any(axis=1, keepdims=True), known, True)
            levels[:, i, j] = level(block, known)
    return _between(h, rows) @ levels @ _between(w, columns).T


def _edges(length: int) -> list[int]:
    count = max(1, math.floor(length / BLOCK))
    return [length * k // count for k in range(count + 1)]


def _between(length: int, edges: list[int]) -> np.ndarray:
    """Linear interpolation from the middles of blocks to pixels, (length, blocks); lines go on beyond the outermost."""
    middles = np.array([(first + stop - 1) / 2 for first, stop in zip(edges, edges[1:], strict=False)])
    shares = np.zeros((length, len(middles)))
    if len(middles) == 1:
        return shares + 1
    places = np.arange(length)
    left = np.clip(np.searchsorted(middles, places) - 1, 0, len(middles) - 2)
    part = (places - middles[left]) / (middles[left + 1] - middles[left])
    shares[places, left], shares[places, left + 1] = 1 - part, part
    return shares
