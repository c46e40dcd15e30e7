"""How much brighter a pixel is than its neighbours allow, as `defects.hot` states it."""

import math

import numpy as np

from gaussgrad import simd

LEAST_VARIANCE = 1e-12
DOUBT = 4.0  # standard deviations that a count may lie beyond its light


@simd.inner
def _inside(place, length):
    """A place beyond the border, mirrored at the border itself: the outermost pixel comes twice."""
    while place < 0 or place >= length:
        place = -1 - place if place < 0 else 2 * length - 1 - place
    return place


@simd.inner
def _beside(frame, y, x):
    """The mean of the four neighbours; beyond the border, that on the other side."""
    height, width = frame.shape
    above, below = (y - 1 if y else 1), (y + 1 if y < height - 1 else height - 2)
    left, right = (x - 1 if x else 1), (x + 1 if x < width - 1 else width - 2)
    return (frame[above, x] + frame[y, left] + frame[y, right] + frame[below, x]) / 4


@simd.inner
def _level(frame, y, x, reach):
    """The least mean of 3 × 3 pixels whose middles are at most `reach` away along both axes."""
    height, width = frame.shape
    least = np.inf
    for v in range(y - reach, y + reach + 1):
        for u in range(x - reach, x + reach + 1):
            middle_row, middle_column = _inside(v, height), _inside(u, width)
            total = 0.0
            for b in range(-1, 2):
                for a in range(-1, 2):
                    total += frame[_inside(middle_row + b, height), _inside(middle_column + a, width)]
            least = min(least, total / 9)
    return least


@simd.inner
def _most(count, read, gaussian):
    """The light that may lie behind a count: with Poisson noise, m where m - DOUBT · √m is the count."""
    if gaussian:
        return max(count, 0.0) + DOUBT * math.sqrt(read)
    return max(count, 0.0) + DOUBT**2 / 2 + DOUBT * math.sqrt(max(count, 0.0) + read + DOUBT**2 / 4)


@simd.inner
def _steep(frame, y, x, read, steeps, gaussian):
    """Whether a pixel is brighter than `steeps` times the geometric mean of the two beside it, along x or y."""
    height, width = frame.shape
    variance = read if gaussian else read + max(frame[y, x], 0.0)
    least = frame[y, x] - DOUBT * math.sqrt(variance)
    if 0 < x < width - 1:
        around = _most(frame[y, x - 1], read, gaussian) * _most(frame[y, x + 1], read, gaussian)
        if least > steeps[0] * math.sqrt(around):
            return True
    if 0 < y < height - 1:
        around = _most(frame[y - 1, x], read, gaussian) * _most(frame[y + 1, x], read, gaussian)
        return least > steeps[1] * math.sqrt(around)
    return False


@simd.kernel
def mark_brighter(
    start, stop, data, noise, used, share, steeps, reach, deviations, gaussian, found, sure, beside, level
):
    """Mark pixels so many standard deviations above the brightest that neighbours allow; fill what is around those.

    `share` is how often brighter than its neighbours the middle of a spot may be, above the level around it: at least
    1, so a pixel that is not that much above its neighbours is passed over without a look around. `steeps` is how often
    brighter it may be than the geometric mean of two neighbours, along x and y; one that is more is `sure`.
    """
    height, width = data.shape[1:]
    for f in range(start, stop):
        frame = data[f]
        for y in range(height):
            for x in range(width):
                read = noise[y, x] * (1 + share * share / 4)
                near = _beside(frame, y, x)
                least = read if gaussian else read + max(near, 0.0)
                if not (used[f, y, x] and frame[y, x] - near > deviations * math.sqrt(least)):
                    continue
                if _steep(frame, y, x, noise[y, x], steeps, gaussian):
                    found[f, y, x] = sure[f, y, x] = True
                    continue
                if (y in (0, height - 1)) != (x in (0, width - 1)):
                    continue  # a spot beyond the border may fall off as fast across it
                around = _level(frame, y, x, reach)
                most = max(near - around, 0.0) * share
                variance = read
                if not gaussian:
                    variance += most * (1 + share / 4) + max(around, 0.0) * (1 + share * share / 4)
                if frame[y, x] - around - most > deviations * math.sqrt(max(variance, LEAST_VARIANCE)):
                    found[f, y, x], beside[f, y, x], level[f, y, x] = True, near, around
