"""Where one more spot would raise the likelihood: the score test at every pixel, and its rate of false alarms."""

import math

import numpy as np

from gaussgrad import parallel
from gaussgrad.spots.likelihood.records import Frames

CANDIDATES = 0.8  # of the threshold: what its fit then raises or not
SECONDS_PER_PIXEL = 1e-7
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
    field = np.empty(frames.data.shape)

    def task(start: int, stop: int) -> None:
        part = Frames(
            frames.data[start:stop], frames.total[start:stop], frames.noise, frames.used[start:stop]
        )  # fmt: skip
        field[start:stop] = _scores(part, stddevs, radius, gaussian)

    parallel.run(task, len(field), threads, field.size * SECONDS_PER_PIXEL)
    return field


def _scores(frames: Frames, stddevs: tuple[float, float], radius: int, gaussian: bool) -> np.ndarray:
    from scipy import ndimage

    along_x, along_y = shares(stddevs[0], radius), shares(stddevs[1], radius)

    def matched(image: np.ndarray, power: int) -> np.ndarray:
        half = ndimage.correlate1d(image, along_y**power, axis=1, mode="constant")
        return ndimage.correlate1d(half, along_x**power, axis=2, mode="constant")

    def summed(image: np.ndarray) -> np.ndarray:
        side = 2 * radius + 1
        return ndimage.uniform_filter(image, (0, side, side), mode="constant") * side**2

    variance = np.broadcast_to(frames.noise, frames.data.shape) if gaussian else frames.total + frames.noise
    weights = np.where(frames.used, 1 / np.maximum(variance, 1e-6), 0.0)
    residuals = weights * (frames.data - frames.total)
    light = matched(weights, 1)
    share = light / np.maximum(summed(weights), 1e-12)
    information = matched(weights, 2) - share * light
    strength = matched(residuals, 1) - share * summed(residuals)
    usual = summed(weights) / np.maximum(summed(frames.used.astype(np.float64)), 1.0)  # the weight of a pixel here
    sure = information > 1e-3 * float(np.sum(along_x**2) * np.sum(along_y**2)) * np.maximum(usual, 1e-12)
    return np.where(sure, strength / np.sqrt(np.where(sure, information, 1.0)), 0.0)


def peaks(field: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames (n,), and pixels (n, 2) as x, y, at which a field (f, h, w) is at least so high and highest around."""
    from scipy import ndimage

    highest = ndimage.maximum_filter(field, (0, 3, 3), mode="constant", cval=-np.inf) if field.size else field
    frame, y, x = np.nonzero((field >= least) & (field == highest))
    return frame, np.column_stack([x, y])
