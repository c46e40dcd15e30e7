"""Hot pixels: brighter than their neighbours allow, whatever spots there are."""

import math

import numpy as np

from gaussgrad import parallel
from gaussgrad.simulation import estimation
from gaussgrad.spots import evidence

HOT = 6.0  # standard deviations above the brightest that neighbours allow
NARROWER = 0.85  # times the width: a spot as narrow is not yet a hot pixel
# Too low a background only hides hot pixels; too high a one would make them of dense spots.
AROUND = 4  # pixels, to all sides, whose lowest is the background
SECONDS_PER_PIXEL = 5e-9  # roughly; only decides whether threads are worth it
LEAST = 1e-6  # photons
ROUNDS = 4  # each finds pixels that brighter ones hid
OUTSTANDING = 8.0  # usual deviations from the usual pixel that say nothing


def hot(
    data: np.ndarray,
    noise: np.ndarray,
    used: np.ndarray,
    stddevs: tuple[float, float],
    gaussian: bool,
    threads: int = 1,
) -> np.ndarray:
    """Which pixels (f, h, w) are brighter than their neighbours allow: no sum of spots falls off so fast.

    What is marked is taken out and the rest looked at again, so that hot pixels do not hide each other.
    """
    found = _hot_once(data, noise, used, stddevs, gaussian, threads)
    fresh = found
    for _ in range(ROUNDS - 1):
        again = np.flatnonzero(fresh.any(axis=(1, 2)))
        if not len(again):
            break
        rest = filled(data[again], found[again]), noise, used[again] & ~found[again]
        fresh = np.zeros_like(found)
        fresh[again] = _hot_once(*rest, stddevs, gaussian, threads)
        found |= fresh
    return found


def outstanding(frames: np.ndarray, stddevs: tuple[float, float]) -> np.ndarray:
    """Which pixels of frames (f, h, w) in counts are far beyond what spots make, whatever their noise."""
    usual = float(np.median(frames))
    above = np.maximum(frames - usual, 0.0)
    apart = np.abs(frames - usual)
    least = float(np.min(apart, initial=np.inf, where=apart > 0))
    room = OUTSTANDING * max(estimation.SCALE * float(np.median(apart)), least)
    steeps = _steeps(stddevs)
    found = np.zeros(frames.shape, dtype=bool)
    where = np.nonzero(above > min(steeps) * room)
    height, width = frames.shape[1:]
    for _ in range(ROUNDS):
        up, left, right, down = (above[at] + room for at in _beside(where, frames.shape))
        middle = above[where]
        _, y, x = where
        fresh = (x > 0) & (x < width - 1) & (middle > steeps[0] * np.sqrt(left * right))
        fresh |= (y > 0) & (y < height - 1) & (middle > steeps[1] * np.sqrt(up * down))
        if not fresh.any():
            break
        found[tuple(axis[fresh] for axis in where)] = True
        above = filled(above, found)
        where = tuple(axis[~fresh] for axis in where)
    return found


def filled(frames: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Frames (f, h, w) whose bad pixels are as bright as the brightest good one of their four neighbours.

    That hides bad pixels beside them rather than making some of spots. Where no neighbour is good they are as usual.
    """
    where = np.nonzero(bad)
    if not len(where[0]):
        return frames
    beside = np.stack([np.where(bad[at], -np.inf, frames[at]) for at in _beside(where, frames.shape)]).max(axis=0)
    usual = np.median(frames)
    filled = frames.copy()
    filled[where] = np.where(np.isfinite(beside), beside, usual)
    return filled


def _beside(where: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> list[tuple[np.ndarray, ...]]:
    """The pixels above, left, right and below; beyond the border, those on the other side."""
    f, y, x = where
    places = (y - 1, shape[1]), (x - 1, shape[2]), (x + 1, shape[2]), (y + 1, shape[1])
    mirrored = (np.where(at < 0, 1, np.where(at >= length, length - 2, at)) for at, length in places)
    above, left, right, below = mirrored
    return [(f, above, x), (f, y, left), (f, y, right), (f, below, x)]


def _steeps(stddevs: tuple[float, float]) -> tuple[float, float]:
    """How often brighter than the geometric mean of the two pixels beside it one may be, along x and y.

    For Gaussians of one width exp(1 / (2 stddev²)); for any sum of them, with light that is the same everywhere, less:
    divided by exp(-x² / (2 stddev²)) it is a sum of exponentials of x, whose logarithm is convex.
    """
    x, y = (math.exp(1 / (2 * (NARROWER * stddev) ** 2)) for stddev in stddevs)
    return x, y


def _hot_once(
    data: np.ndarray,
    noise: np.ndarray,
    used: np.ndarray,
    stddevs: tuple[float, float],
    gaussian: bool,
    threads: int,
) -> np.ndarray:
    from gaussgrad.spots.pixels.neighbours import mark_brighter

    falls = [evidence.shares(NARROWER * stddev, 1) for stddev in stddevs]
    share = sum(float(fall[1] / fall[0]) for fall in falls) / 2  # how often brighter the middle may be
    steeps = _steeps(stddevs)
    found, sure = np.zeros(data.shape, dtype=bool), np.zeros(data.shape, dtype=bool)
    beside, level = np.zeros(data.shape), np.zeros(data.shape)

    def task(start: int, stop: int) -> None:
        limits = share, steeps, AROUND, HOT
        mark_brighter(start, stop, data, noise, used, *limits, gaussian, found, sure, beside, level)

    parallel.run(task, len(data), threads, data.size * SECONDS_PER_PIXEL)
    doubtful = found & ~sure
    if not gaussian and doubtful.any():
        read = np.broadcast_to(noise, data.shape)[doubtful]
        middle, around, below = (np.maximum(one[doubtful] + read, LEAST) for one in (data, beside, level))
        found[doubtful] = _surprise(middle, around, below, share) > HOT**2
    return found


def _surprise(middle: np.ndarray, beside: np.ndarray, level: np.ndarray, share: float) -> np.ndarray:
    """The deviance of the best spot on a level, given counts of a pixel and the mean of its four neighbours.

    With few photons their variance tells little; a single one is no surprise wherever it falls. The light s at the
    neighbours is the root of share · middle / (level + share · s) + 4 · beside / (level + s) = share + 4, at least 0.
    """
    a = share * (share + 4)
    b = level * (share + 1) * (share + 4) - share * (middle + 4 * beside)
    c = level * (level * (share + 4) - share * middle - 4 * beside)
    s = np.maximum((-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0))) / (2 * a), 0)
    expected = level + share * s, level + s
    terms = (d * np.log(d / m) - d + m for d, m in zip((middle, beside), expected, strict=True))
    return 2 * next(terms) + 8 * next(terms)
