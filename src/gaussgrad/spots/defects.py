"""Hot pixels: brighter than their neighbours allow, whatever spots there are."""

import numpy as np

from gaussgrad import parallel
from gaussgrad.spots import evidence

HOT = 6.0  # standard deviations above the brightest that neighbours allow
NARROWER = 0.85  # times the width: a spot as narrow is not yet a hot pixel
# Too low a background only hides hot pixels; too high a one would make them of dense spots.
AROUND = 4  # pixels, to all sides, whose lowest is the background
SECONDS_PER_PIXEL = 5e-9  # roughly; only decides whether threads are worth it
LEAST = 1e-6  # photons


def hot(
    data: np.ndarray,
    noise: np.ndarray,
    used: np.ndarray,
    stddevs: tuple[float, float],
    gaussian: bool,
    threads: int = 1,
) -> np.ndarray:
    """Which pixels (f, h, w) are brighter than their neighbours allow: no sum of spots falls off so fast."""
    from gaussgrad.spots.pixels.neighbours import mark_brighter

    falls = [evidence.shares(NARROWER * stddev, 1) for stddev in stddevs]
    share = sum(float(fall[1] / fall[0]) for fall in falls) / 2  # how often brighter the middle may be
    found, beside, level = np.zeros(data.shape, dtype=bool), np.zeros(data.shape), np.zeros(data.shape)

    def task(start: int, stop: int) -> None:
        mark_brighter(start, stop, data, noise, used, share, AROUND, HOT, gaussian, found, beside, level)

    parallel.run(task, len(data), threads, data.size * SECONDS_PER_PIXEL)
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
