"""What the moments of frames tell before anything is fitted: noise by brightness, and the width of spots."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gaussgrad import checks

DIFFERENCES = np.array([1.0, -4.0, 6.0, -4.0, 1.0])  # along both axes: light as smooth as spots hardly shows in them
RING = 3  # pixels from what the differences touch to the pixels that tell independently how bright it is
SURE = 4.0  # standard errors from which on noise counts as growing with light
BLOCKS = 16  # parts of the frames, whose spread tells the standard error
SCALE = 1.4826  # from a median absolute deviation to the standard deviation of a normal distribution
BRIGHTEST = 0.995  # share of the pixels that the law is read from: the sharpest light would pass for noise
HOT = 100.0  # times the variance that is expected
PASSES = 3
AROUND = 24  # stddevs of a spot, over which a mean hardly takes any of its light
FEWEST = 50  # pixels that tell a law
MOST_FRAMES = 64
MOST_PIXELS = 2**22
SMALLEST_FRAME = 16
ASSUMED_STDDEV = 1.3  # where nothing tells


class Moments(NamedTuple):
    """In counts, and pixels."""

    gain: float  # counts for one photon; 1 where the noise does not grow with light
    offset: float  # counts at which the variance would be 0
    variance: float  # of the background
    poisson: bool  # whether the noise grows with light
    level: float  # of the background
    stddev: float  # of a spot
    density: float  # spots for each pixel
    photons: float  # of a spot, in units of the gain


def moments_of(frames: np.ndarray, bad: np.ndarray | None = None) -> Moments:
    """What frames (f, h, w) tell; ValueError for frames without noise.

    `bad` pixels (f, h, w) of them, filled with what may stand there, tell no noise.
    """
    from scipy import ndimage

    chosen = sample(frames)
    variance, slope, sure = variance_law(chosen, bad)
    level = float(np.median(chosen))
    usual = max(level, float(np.median(ndimage.uniform_filter(chosen, (0, 5, 5)))))  # of few photons most pixels are 0
    at_level = variance + slope * usual if sure else variance
    if not at_level > 0:
        cure = "Tell the camera: its gain, offset and read noise."
        raise ValueError(checks.complain("frames", "with noise to judge spots by", "pixels that hardly differ", cure))
    gain, offset = (slope, -variance / slope) if sure else (1.0, 0.0)
    stddev = width(chosen)
    excess = np.clip(chosen - level, 0, None)
    bright = excess > SURE * math.sqrt(at_level)
    peak = float(np.mean(excess[bright])) if bright.any() else SURE * math.sqrt(at_level)
    light = 4 * math.pi * stddev**2 * peak  # of a spot with this mean brightness, weighted by itself
    above = max(0.0, float(np.mean(chosen)) - level)
    return Moments(gain, offset, at_level, sure, level, stddev, above / light, light / gain)


def sample(frames: np.ndarray) -> np.ndarray:
    """Some of the frames, evenly chosen, as float64; an error where they are no frames."""
    if frames.ndim != 3 or not len(frames) or min(frames.shape[1:]) < SMALLEST_FRAME:
        wanted = f"of shape (f, h, w), a frame of {SMALLEST_FRAME} x {SMALLEST_FRAME} pixels at least"
        raise ValueError(checks.complain("frames", wanted, f"shape {frames.shape}"))
    return frames[:: math.ceil(len(frames) / sample_length(frames.shape[1:]))].astype(np.float64)


def sample_length(size: Sequence[int]) -> int:
    """How many frames (height, width) the moments are taken of at the most: memory is two hundred bytes a pixel."""
    return max(1, min(MOST_FRAMES, MOST_PIXELS // max(1, math.prod(size))))


def variance_law(frames: np.ndarray, bad: np.ndarray | None = None) -> tuple[float, float, bool]:
    """(a, b, sure): the variance is a + b · mean where `sure`, else a whatever the mean.

    E[h²] = Σ k² variance for fourth differences h, linear in the mean of the same pixels. These share their noise with
    h, so the slope is read off others, as an instrumental variable: b = cov(h², ring) / cov(mean, ring).
    """
    from scipy import ndimage

    weights = DIFFERENCES**2 / (DIFFERENCES**2).sum()
    high = _separable(frames, DIFFERENCES / math.sqrt((DIFFERENCES**2).sum()))
    square, mean = high * high, _separable(frames, weights)
    around = 2 * RING + 1
    wide = ndimage.uniform_filter(frames, (0, around + 2, around + 2)) * (around + 2) ** 2
    ring = (wide - ndimage.uniform_filter(frames, (0, 5, 5)) * 25) / ((around + 2) ** 2 - 25)
    inner = (slice(None), slice(RING + 1, -RING - 1), slice(RING + 1, -RING - 1))
    square, mean, ring = (one[inner].ravel() for one in (square, mean, ring))
    if bad is not None and bad.any():
        whole = _far_from(bad)[inner].ravel()
        square, mean, ring = (one[whole] for one in (square, mean, ring))
    if len(square) < FEWEST:
        return 0.0, 0.0, False
    typical = float(np.median(square)) * SCALE**2  # the median of the squares of normal numbers
    if not typical > 0:
        return 0.0, 0.0, False
    usual = ring <= np.quantile(ring, BRIGHTEST)
    expected = np.full_like(square, typical)
    for _ in range(PASSES):  # each knows better which pixels are hot
        kept = usual & (square < HOT * expected)
        chosen = square[kept], mean[kept], ring[kept]
        slope = _slope(*chosen)
        dark = chosen[2] <= np.median(chosen[2])  # a small error of the slope would be a large one there
        intercept = float(chosen[0][dark].mean() - slope * chosen[1][dark].mean())
        if not slope > 0:
            return typical, 0.0, False
        expected = np.maximum(typical, intercept + slope * mean)
    parts = [_slope(*(one[k::BLOCKS] for one in chosen)) for k in range(BLOCKS)]
    if not slope > SURE * np.std(parts, ddof=1) / math.sqrt(BLOCKS):
        return typical, 0.0, False
    return intercept, slope, True


def typical_variance(frames: np.ndarray, bad: np.ndarray) -> float:
    """Of the noise of half of the pixels of frames (f, h, w), without those near bad ones."""
    high = _separable(frames, DIFFERENCES / math.sqrt((DIFFERENCES**2).sum()))
    square = (high * high)[_far_from(bad)]
    return float(np.median(square)) * SCALE**2 if len(square) else 0.0


def _far_from(bad: np.ndarray) -> np.ndarray:
    """Pixels whose differences take in no bad one."""
    from scipy import ndimage

    return ~ndimage.maximum_filter(bad, (0, len(DIFFERENCES), len(DIFFERENCES)))


def _slope(square: np.ndarray, mean: np.ndarray, ring: np.ndarray) -> float:
    centred = ring - ring.mean()
    below = float(centred @ mean)
    return float(centred @ square) / below if below > 0 else math.nan


def _separable(frames: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return ndimage.convolve1d(
        ndimage.convolve1d(frames, kernel, axis=1, mode="nearest"), kernel, axis=2, mode="nearest"
    )


def width(frames: np.ndarray) -> float:
    """The stddev of spots, in pixels: their autocorrelation falls off as that of a Gaussian of √2 their width."""
    wide = max(31, min(frames.shape[1:]) // 4)
    found = _width_within(frames, wide)
    if AROUND * found > wide:  # of such spots the mean around takes a part
        found = _width_within(frames, math.ceil(AROUND * found))
    return found


def _width_within(frames: np.ndarray, wide: int) -> float:
    """The same by frames less their means over so many pixels.

    Only different pixels are compared, so white noise adds nothing; a pixel's square adds 1/12 to the variance.
    """
    from scipy import ndimage

    rest = frames - ndimage.uniform_filter(frames, (0, wide, wide))
    spread = SCALE * float(np.median(np.abs(rest - np.median(rest))))
    rest = np.clip(rest, -5 * spread, 50 * spread)
    lags = [float(np.mean(rest[:, :, k:] * rest[:, :, : -k or None]) + np.mean(rest[:, k:] * rest[:, : -k or None])) / 2
            for k in (1, 2, 3)]  # fmt: skip
    noise = spread**2 / math.sqrt(rest.size)
    if lags[0] < SURE * noise or not 0 < lags[1] < lags[0]:
        return ASSUMED_STDDEV
    falls = [3 / (4 * math.log(lags[0] / lags[1]))]
    if 0 < lags[2] < lags[1]:
        falls.append(8 / (4 * math.log(lags[0] / lags[2])))
    return math.sqrt(min(64.0, max(0.16, float(np.mean(falls)) - 1 / 12)))
