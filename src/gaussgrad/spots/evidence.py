"""Where one more spot would raise the likelihood: the score test at every pixel, and its rate of false alarms."""

import itertools
import math

import numpy as np

from gaussgrad import parallel
from gaussgrad.spots.likelihood.records import Frames

CANDIDATES = 0.8  # of the threshold: what its fit then raises or not
SECONDS_PER_PIXEL = 3e-9  # and pixel of the radius, roughly; only decides whether threads are worth it
LEAST_THRESHOLD = 3.0  # below which the formula for maxima of noise does not hold


def threshold(area: float, stddevs: tuple[float, float], false_alarms: float) -> float:
    """The root of the likelihood ratio 2 log(L1 / L0) that noise alone exceeds `false_alarms` times in an area.

    Matched to a Gaussian, white noise becomes a field with the autocorrelation exp(-r² / 4 stddev²); the number of its
    maxima above u is area / (2 · x_stddev · y_stddev) · (2π)^(-3/2) · u · exp(-u² / 2) (Worsley 1992, Adler 1981).
    """
    cells = area / (2 * stddevs[0] * stddevs[1]) * (2 * math.pi) ** -1.5
    low, high = LEAST_THRESHOLD, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if cells * middle * math.exp(-(middle**2) / 2) > false_alarms else (low, middle)
    return high


def shares(stddev: float, radius: int) -> np.ndarray:
    """The light of a spot in the middle of a pixel, by pixels along one axis, (2 radius + 1,)."""
    edges = (np.arange(2 * radius + 2) - radius - 0.5) / (math.sqrt(2) * stddev)
    return np.diff([0.5 * math.erf(edge) for edge in edges])


def scores(frames: Frames, stddevs: tuple[float, float], radius: int, gaussian: bool, threads: int = 1) -> np.ndarray:
    """The signed root of the score statistic for one more spot at each pixel, with a free background, (f, h, w).

    For weights w = 1 / variance, residuals r and the spot h it is (Σ h w r - c Σ w r) / √(Σ h² w - c Σ h w), where
    c = Σ h w / Σ w.
    """
    from gaussgrad.spots.pixels.scoring import score_frames

    field = np.empty(frames.data.shape)
    along = shares(stddevs[0], radius), shares(stddevs[1], radius)

    def task(start: int, stop: int) -> None:
        score_frames(start, stop, frames, *along, gaussian, field)

    parallel.run(task, len(field), threads, field.size * radius * SECONDS_PER_PIXEL)
    return field


def peaks(field: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames (n,), and pixels (n, 2) as x, y, at which a field (f, h, w) is at least so high and highest around."""
    frame, y, x = np.nonzero(field >= least)
    height, width = field.shape[1:]
    highest = np.ones(len(frame), dtype=bool)
    for up, right in itertools.product((-1, 0, 1), repeat=2):
        beside = field[frame, np.clip(y + up, 0, height - 1), np.clip(x + right, 0, width - 1)]
        highest &= beside <= field[frame, y, x]
    return frame[highest], np.column_stack([x, y])[highest]
