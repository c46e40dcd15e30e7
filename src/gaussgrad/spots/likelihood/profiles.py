"""The light of a spot along one axis: its share in each pixel, and how that changes with its place and width.

A pixel takes in all the light that falls on it, so its share is the difference of two values of the error function
(Smith 2010, supplement; Huang 2011, equation 3).
"""

import math

from gaussgrad import simd

ROOT_TWO, ROOT_TWO_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)
SHARE, BY_PLACE, BY_WIDTH = 0, 1, 2  # rows of a profile


@simd.inner
def fill_profile(mean, stddev, first, stop, profile):
    """Rows SHARE, BY_PLACE and BY_WIDTH (3, side) for the pixels [first, stop)."""
    place = (first - 0.5 - mean) / stddev
    below = 0.5 * math.erf(place / ROOT_TWO)
    slope = math.exp(-0.5 * place * place) / (ROOT_TWO_PI * stddev)
    for k in range(stop - first):
        next_place = (first + k + 0.5 - mean) / stddev
        above = 0.5 * math.erf(next_place / ROOT_TWO)
        next_slope = math.exp(-0.5 * next_place * next_place) / (ROOT_TWO_PI * stddev)
        profile[SHARE, k] = above - below
        profile[BY_PLACE, k] = slope - next_slope
        profile[BY_WIDTH, k] = place * slope - next_place * next_slope
        place, below, slope = next_place, above, next_slope
