"""Damped Gauss-Newton for the Gaussians of images: steps of least squares that cost little more than their gradients.

Each step draws all images once, with their gradients, by the kernels of `render`. The matrix of its equations has
integrals over pairs of Gaussians in the place of sums over pixels: they have a closed form, and only pairs that overlap
count. Conjugate gradients solve them, so there is no matrix of all numbers. `damped_steps` gives the step alone.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from gaussgrad import parallel

NUMBERS = {"means": (0, 1), "covariances": (2, 3, 4)}  # as a step counts them; the weights follow
SHAPE = 5
FIRST_DAMPING, FIRST_TIGHTENING = 1.0, 2.0
CHUNK = 2**19  # values of pixels that are drawn at once, or one image: they stay in the cache
TOGETHER = 16  # Gaussians of one vector, roughly
SECONDS_PER_PAIR, SECONDS_PER_VALUE = 5e-8, 8e-10  # roughly; they only decide whether threads are worth it

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # means (b, n, 2), Cholesky factors (b, n, 3), weights (b, n, c)
UNBOUNDED = (0.0, -math.inf, math.inf)


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
    """Change means (b, n, 2), Cholesky factors (b, n, 3) and weights (b, n, c) by damped steps, those that help.

    Targets (b, c, h, w) and background (c,) are kept. All arrays are contiguous and of one dtype. `narrowest` is the
    least diagonal entry of a factor and `weight_range` holds the weights, unless they were outside.
    """
    b, channels, height, width = targets.shape
    if 0 in (steps, len(moves), means.shape[1], targets.size):
        return
    order = _neighbours_together(means, height, width)
    sorted_, limits = _taken((means, factors, weights), order), (narrowest, *weight_range)
    size = max(1, CHUNK // (channels * height * width))
    for first in range(0, b, size):
        part = slice(first, first + size)
        wanted = targets[part] - background[:, None, None]
        arrays = (sorted_[0][part], sorted_[1][part], sorted_[2][part])
        _descend(wanted, arrays, _free(moves, channels, targets.dtype), limits, tolerance, steps, threads)
    for array, moved in zip((means, factors, weights), sorted_, strict=True):
        np.put_along_axis(array, order, moved, axis=1)


def damped_steps(
    gaussians: Arrays, gradients: Arrays, dampings: np.ndarray, *, size: tuple[int, int], threads: int = 1
) -> np.ndarray:
    """The steps (b, n, 5 + c) of Gaussians, each in coordinates of its own widths, at the dampings (b,).

    `gradients` are those of half the squared error to means, factors and weights. The first two numbers move a mean by
    L u, the next three, p, q and r, a factor to L E, and the others are added to the weights; a damping of 1 or more
    leaves little but the gradient over the diagonal. All arrays are contiguous and of one dtype, but for the dampings,
    which are float64.
    """
    from gaussgrad.fitting.gauss_newton.descent import propose_images

    means, _, weights = gaussians
    b, n, channels = weights.shape
    height, width = size
    order = _neighbours_together(means, height, width)
    sorted_, free = _taken(gaussians, order), np.ones(SHAPE + channels, means.dtype)
    steps, moved, predicted = np.empty((b, n, SHAPE + channels), means.dtype), _copied(sorted_), np.empty(b)
    pulls, frame = _taken(gradients, order), (float(height), float(width))

    def propose(start: int, stop: int) -> None:
        propose_images(start, stop, sorted_, pulls, dampings, free, frame, UNBOUNDED, steps, moved, predicted)

    parallel.run(propose, b, threads, _seconds(b, n))
    unsorted = np.empty_like(steps)
    np.put_along_axis(unsorted, order, steps, axis=1)
    return unsorted


def _free(moves: Sequence[str], channels: int, dtype: np.dtype) -> np.ndarray:
    """(5 + c,): 1 where a number may move, else 0."""
    free = np.zeros(SHAPE + channels, dtype)
    for name in moves:
        free[list(NUMBERS.get(name, range(SHAPE, SHAPE + channels)))] = 1
    return free


def _seconds(b: int, n: int) -> float:
    return b * n * min(n, 256) * SECONDS_PER_PAIR


def _neighbours_together(means: np.ndarray, height: int, width: int) -> np.ndarray:
    """An order (b, n, 1) in which neighbours stand together: strips of the frame, and each from left to right."""
    strips = math.ceil(math.sqrt(means.shape[1] / TOGETHER))
    strip = np.floor(means[..., 1] * (strips / height)).clip(0, strips - 1)
    return np.argsort(strip * width + means[..., 0].clip(0, width - 1), axis=1, kind="stable")[..., None]


def _taken(arrays: Arrays, order: np.ndarray) -> Arrays:
    first, second, third = (np.take_along_axis(array, order, axis=1) for array in arrays)
    return first, second, third


def _copied(arrays: Arrays) -> Arrays:
    return arrays[0].copy(), arrays[1].copy(), arrays[2].copy()


def _descend(
    targets: np.ndarray,
    gaussians: Arrays,
    free: np.ndarray,
    limits: tuple[float, float, float],
    tolerance: float,
    steps: int,
    threads: int,
) -> None:
    """The steps of a few images, whose backgrounds are taken off."""
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
    wanted, size = targets.reshape(b, -1), (float(targets.shape[2]), float(targets.shape[3]))
    losses, predicted, helped = np.full(b, math.inf), np.zeros(b), np.zeros(b, bool)
    dampings, tightenings = np.full(b, FIRST_DAMPING), np.full(b, FIRST_TIGHTENING)
    moved, gradients = _copied(gaussians), _copied(gaussians)
    proposed = np.empty((b, n, SHAPE + channels), targets.dtype)

    def propose(start: int, stop: int) -> None:
        propose_images(start, stop, gaussians, gradients, dampings, free, size, limits, proposed, moved, predicted)

    def judge(drawn: np.ndarray, start: int, stop: int) -> None:
        kept = (losses, predicted, dampings, tightenings, helped)
        judge_images(start, stop, drawn, wanted, gaussians, moved, *kept)

    for step in range(steps + 1):
        if step > 0:
            parallel.run(propose, b, threads, _seconds(b, n))
        image, _ = cpu.forward(*moved, **options)
        residual = image.reshape(b, -1)
        parallel.run(partial(judge, residual), b, threads, residual.size * SECONDS_PER_VALUE)
        if step < steps:  # the image has become what is drawn less what is wanted: the gradient of half its square
            for kept, new in zip(gradients, cpu.backward(image, (), *moved, **options), strict=True):
                np.copyto(kept, new, where=helped[:, None, None])
