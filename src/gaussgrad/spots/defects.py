"""Hot pixels: brighter than their neighbours allow, whatever spots there are."""

import numpy as np
from scipy import ndimage

from gaussgrad.spots import evidence

HOT = 6.0  # standard deviations above the brightest that neighbours allow
NARROWER = 0.85  # times the width: a spot as narrow is not yet a hot pixel
AROUND = 9  # pixels
LEAST = 1e-6  # photons


def hot(
    data: np.ndarray, noise: np.ndarray, used: np.ndarray, stddevs: tuple[float, float], gaussian: bool
) -> np.ndarray:
    """Which pixels (f, h, w) are brighter than their neighbours allow: no sum of spots falls off so fast."""
    # Too low a background only hides hot pixels; too high a one would make them of dense spots.
    level = ndimage.minimum_filter(ndimage.uniform_filter(data, (0, 3, 3)), (0, AROUND, AROUND))
    cross = np.array([[[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]]) / 4
    beside = ndimage.correlate(data, cross, mode="mirror")
    falls = [evidence.shares(NARROWER * stddev, 1) for stddev in stddevs]
    share = sum(float(fall[1] / fall[0]) for fall in falls) / 2  # how often brighter the middle may be
    most = np.maximum(beside - level, 0) * share
    variance = noise * (1 + share**2 / 4)  # that of the mean of four, too
    if not gaussian:
        variance = variance + most * (1 + share / 4) + np.maximum(level, 0) * (1 + share**2 / 4)
    found = used & (data - level - most > HOT * np.sqrt(np.maximum(variance, 1e-12)))
    if not gaussian and found.any():
        read = np.broadcast_to(noise, data.shape)[found]
        middle, around, below = (np.maximum(one[found] + read, LEAST) for one in (data, beside, level))
        found[found] = _surprise(middle, around, below, share) > HOT**2
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
