"""The light of spots, added to frames."""

import numpy as np

from gaussgrad import simd
from gaussgrad.spots.likelihood.profiles import SHARE, fill_profile
from gaussgrad.spots.likelihood.records import PHOTONS, X_STDDEV, Y_STDDEV, X, Y


@simd.kernel
def draw_frames(start, stop, order, starts, spots, radius, total):
    """Add the active spots of the frames [start, stop) to `total` (f, h, w), each in its window.

    The spots of frame f are order[starts[f] : starts[f + 1]].
    """
    height, width = total.shape[1:]
    along_x, along_y = np.empty((3, 2 * radius + 1)), np.empty((3, 2 * radius + 1))
    for f in range(start, stop):
        for k in range(starts[f], starts[f + 1]):
            s = order[k]
            if not spots.active[s]:
                continue
            numbers = spots.numbers[s]
            left, right = max(spots.centres[s, 0] - radius, 0), min(spots.centres[s, 0] + radius + 1, width)
            top, bottom = max(spots.centres[s, 1] - radius, 0), min(spots.centres[s, 1] + radius + 1, height)
            fill_profile(numbers[X], numbers[X_STDDEV], left, max(left, right), along_x)
            fill_profile(numbers[Y], numbers[Y_STDDEV], top, max(top, bottom), along_y)
            for y in range(top, bottom):
                bright = numbers[PHOTONS] * along_y[SHARE, y - top]
                for x in range(left, right):
                    total[f, y, x] += bright * along_x[SHARE, x - left]
