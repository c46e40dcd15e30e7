"""Damped Gauss-Newton for the Gaussians of images: steps of least squares whose cost grows with the overlaps alone.

Of many images at once, each step draws all pixels once, with their gradients, by the kernels of `render`. The equations
are those of integrals over pairs of Gaussians, which have a closed form, and conjugate gradients solve them: there is
no matrix of all numbers, and memory grows with the number of Gaussians. `propose_images` gives the step alone.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gaussgrad import parallel

NUMBERS = {"means": (0, 1), "covariances": (2, 3, 4)}  # as a step counts them; weights follow
FIRST_DAMPING = 1.0
CHUNK = 2**19  # values of pixels that are drawn at once, or one image: they stay in the cache
SECONDS_PER_PAIR, SECONDS_PER_VALUE = 5e-8, 8e-10  # roughly; they only decide whether threads are worth it


def descend(
    targets: np.ndarray,
    background: np.ndarray,
    means: np.ndarray,
    factors: np.ndarray,
    weights: np.ndarray,
    *,
    moves: Sequence[str],
    tolerance: float,
    narrowest: float,
    weight_range: tuple[float, float],
    steps: int,
    threads: int,
) -> None:
    """Change means (b, n, 2), Cholesky factors (b, n, 3) and weights (b, n, c) by damped steps that help.

    Targets (b, c, h, w) and background (c,) are kept. All arrays are contiguous and of one dtype. `narrowest` is the
    least diagonal entry of a factor and `weight_range` holds the weights, unless they were outside.
    """
    b, channels, height, width = targets.shape
    free = np.zeros(5 + channels, targets.dtype)
    for name in moves:
        free[list(NUMBERS.get(name, range(5, 5 + channels)))] = 1
    if 0 in (steps, len(moves), means.shape[1], targets.size):
        return
    order = _neighbours_together(means, height, width)
    together = [np.take_along_axis(array, order, axis=1) for array in (means, factors, weights)]
    size = max(1, CHUNK // (channels * height * width))
    limits = (narrowest, *weight_range)
    for first in range(0, b, size):
        part = slice(first, first + size)
        wanted = targets[part] - background[:, None, None]
        arrays = tuple(array[part] for array in together)
        _descend(wanted, arrays, free, limits, tolerance, steps, threads)
    for array, moved in zip((means, factors, weights), together, strict=True):
        np.put_along_axis(array, order, moved, axis=1)


def _neighbours_together(means: np.ndarray, height: int, width: int) -> np.ndarray:
    """An order (b, n, 1) in which neighbours stand together: strips of the image, and along each from left to right."""
    strips = math.ceil(math.sqrt(means.shape[1] / 16))
    strip = np.floor(means[..., 1] * (strips / height)).clip(0, strips - 1)
    return np.argsort(strip * width + means[..., 0].clip(0, width - 1), axis=1, kind="stable")[..., None]


def _descend(
    targets: np.ndarray,
    gaussians: tuple[np.ndarray, ...],
    free: np.ndarray,
    limits: tuple[float, float, float],
    tolerance: float,
    steps: int,
    threads: int,
) -> None:
    from gaussgrad.fitting.gauss_newton.descent import judge_images, propose_images
    from gaussgrad.ops.render import cpu

    b, n, channels = gaussians[2].shape
    options: dict[str, Any] = {
        "size": targets.shape[2:],
        "amplitude": "peak",
        "compose": "sum",
        "pixel": "point",
        "tolerance": tolerance,
        "form": "cholesky",
        "threads": threads,
    }
    targets = targets.reshape(b, -1)
    losses, predicted, tightenings = np.full(b, math.inf), np.zeros(b), np.full(b, 2.0)
    dampings, helped = np.full(b, FIRST_DAMPING), np.zeros(b, bool)
    moved = tuple(array.copy() for array in gaussians)
    gradients = tuple(np.zeros_like(array) for array in gaussians)
    proposed = np.empty((b, n, 5 + channels), targets.dtype)

    def propose(start: int, stop: int) -> None:
        propose_images(
            start, stop, gaussians, gradients, dampings, free, limits, proposed, moved, predicted
        )

    def judge(start: int, stop: int) -> None:
        judge_images(
            start, stop, drawn, targets, gaussians, moved, losses, predicted, dampings, tightenings, helped
        )

    for step in range(steps + 1):
        if step > 0:
            parallel.run(propose, b, threads, b * n * min(n, 256) * SECONDS_PER_PAIR)
        image, _ = cpu.forward(*moved, **options)
        drawn = image.reshape(b, -1)
        parallel.run(judge, b, threads, targets.size * SECONDS_PER_VALUE)
        if step < steps:
            for kept, new in zip(gradients, cpu.backward(image, (), *moved, **options), strict=True):
                np.copyto(kept, new, where=helped[:, None, None])
