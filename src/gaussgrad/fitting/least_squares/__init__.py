"""Least squares: Gaussians moved until their image is that of the target, for NumPy arrays, in place."""

import math
from collections.abc import Sequence

import numpy as np

from gaussgrad import parallel

NUMBERS = {"means": (0, 1), "covariances": (2, 3, 4), "weights": (5, 6, 7)}  # as the equations count them
MOST_CHANNELS = len(NUMBERS["weights"])
SECONDS_PER_PIXEL = 1e-8  # of one Gaussian in one step, roughly; only decides whether threads are worth it
LEAST_SHAPE = 1e-7  # of a Gaussian that is drawn where the tolerance is 0


def descend(
    targets: np.ndarray,
    background: np.ndarray,
    means: np.ndarray,
    factors: np.ndarray,
    weights: np.ndarray,
    *,
    moves: Sequence[str],
    compose: str,
    tolerance: float,
    narrowest: float,
    weight_range: tuple[float, float],
    steps: int,
    threads: int,
) -> None:
    """Change means (b, n, 2), Cholesky factors (b, n, 3) and weights (b, n, c) by steps of Levenberg-Marquardt.

    Targets (b, c, h, w) and background (c,) are kept; c is at most 3. All arrays are contiguous and of one dtype.
    `narrowest` is the least diagonal entry of a factor and `weight_range` holds the weights, unless they were outside.
    """
    from gaussgrad.fitting.least_squares.descent import descend_images
    from gaussgrad.ops.render.cpu.modes import MODES

    b, channels, height, width = targets.shape
    numbers = [k for name in moves for k in NUMBERS[name]]
    free = np.array(sorted(k for k in numbers if k < NUMBERS["weights"][0] + channels), dtype=np.int64)
    if 0 in (steps, len(free), means.shape[1]):
        return
    level, cut = targets.dtype.type(tolerance), -2 * math.log(max(tolerance, LEAST_SHAPE))
    given = (targets, background, (means, factors, weights), free, MODES[compose], level, cut)

    def task(start: int, stop: int) -> None:
        descend_images(start, stop, *given, (narrowest, *weight_range), steps)

    seconds = b * means.shape[1] * height * width * (steps + 1) * SECONDS_PER_PIXEL
    parallel.run(task, b, threads, seconds)
