"""What the kernels of the likelihood read and write."""

from typing import Any, NamedTuple

X, Y, PHOTONS, X_STDDEV, Y_STDDEV = range(5)
NUMBERS = 5
PLACES_AND_LIGHT = 3  # numbers of a spot that are free where the widths are known


class Frames(NamedTuple):
    """Frames in photons, and what is known of their noise."""

    data: Any  # (f, h, w)
    total: Any  # (f, h, w): photons expected from the background and from spots as they were drawn
    noise: Any  # (h, w): Poisson: the variance of the read noise, in photons²; Gaussian: that of all noise
    used: Any  # (f, h, w): False where a pixel tells nothing, as a hot or a saturated one


class Spots(NamedTuple):
    """Spots in the order of their groups."""

    numbers: Any  # (n, NUMBERS)
    centres: Any  # (n, 2): x and y of the pixel in the middle of its window
    frame: Any  # (n,)
    active: Any  # (n,): False: its window counts, its light does not
    drawn: Any  # (n, NUMBERS): those whose light `Frames.total` holds; photons are 0 where it does not


class Groups(NamedTuple):
    """Groups of spots that are fitted together."""

    starts: Any  # (g + 1,): group i holds the spots [starts[i], starts[i + 1])
    shifts: Any  # (g,): photons for each pixel that its background has more than `Frames.total` knows


class Answers(NamedTuple):
    """What a fit fills in beside numbers and shifts."""

    errors: Any  # (n, NUMBERS): standard errors; NaN for what is not free
    deviances: Any  # (g,)
    spot_deviances: Any  # (n,): for each pixel of its window
