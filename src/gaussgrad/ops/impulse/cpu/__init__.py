"""Impulses on the CPU: each point touches only the pixels under its kernel; docs/maths.md, equations 40 to 45.

1-D and 2-D are computed as 3-D, with leading axes of one pixel, one kernel entry and a coordinate of 0.
"""

import math
from typing import Any

import numpy as np

from gaussgrad import arrays, parallel
from gaussgrad.ops.impulse.cpu.backward import gradients
from gaussgrad.ops.impulse.cpu.forward import paint

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

SECONDS_PER_TOUCH = 3e-9  # one pixel of one point in one channel, measured; only decides whether threads are worth it
BLOCKS = 64  # most parts per batch element in which the kernel gradient is summed, whatever the number of threads
POINTS_PER_BLOCK = 64  # at least


def valid(means: np.ndarray, kernel: np.ndarray, weights: np.ndarray, **_: Any) -> bool:
    """Whether every value is finite; few values, one thread."""
    return all(bool(np.isfinite(array).all()) for array in (means, kernel, weights))


def forward(
    means: np.ndarray, kernel: np.ndarray, weights: np.ndarray, *, size: tuple[int, ...], threads: int
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The image (b, c, pixels), and nothing to save."""
    points, kernels, frame = _in_3d(means, kernel, size)
    b, _, c = weights.shape
    image = arrays.empty((b, c, math.prod(size)), means.dtype)

    def task(start: int, stop: int) -> None:
        paint(points, kernels, weights, frame, image, start, stop)

    parallel.run(task, b * math.prod(size), threads, _seconds(kernel, weights))
    return image, ()


def forward_if_valid(
    means: np.ndarray, kernel: np.ndarray, weights: np.ndarray, *, threads: int, **options: Any
) -> tuple[np.ndarray, tuple[np.ndarray, ...]] | None:
    """The same; None where a value is not valid."""
    if not valid(means, kernel, weights):
        return None
    return forward(means, kernel, weights, threads=threads, **options)


def backward(
    grad: np.ndarray,
    saved: tuple[np.ndarray, ...],
    means: np.ndarray,
    kernel: np.ndarray,
    weights: np.ndarray,
    *,
    size: tuple[int, ...],
    threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of means (b, n, d), kernel (b, *k) and weights (b, n, c)."""
    points, kernels, frame = _in_3d(means, kernel, size)
    grad_points, grad_weights = arrays.empty_like(points), arrays.empty_like(weights)
    b, n, d = means.shape
    block = max(POINTS_PER_BLOCK, -(-n // BLOCKS))
    partial = np.empty((b, -(-n // block), *kernels.shape[1:]))

    def task(start: int, stop: int) -> None:
        gradients(grad, points, kernels, weights, frame, grad_points, grad_weights, partial, block, start, stop)

    parallel.run(task, b * partial.shape[1], threads, 4 * _seconds(kernel, weights))
    grad_kernel = partial.sum(axis=1).astype(kernel.dtype).reshape(kernel.shape)
    return np.ascontiguousarray(grad_points[..., :d]), grad_kernel, grad_weights


def _in_3d(means: np.ndarray, kernel: np.ndarray, size: tuple[int, ...]) -> tuple[Any, Any, tuple[int, int, int]]:
    """Points (b, n, 3), kernels (b, k_z, k_y, k_x) and the frame (depth, height, width)."""
    b, n, d = means.shape
    missing: tuple[int, ...] = (1,) * (3 - d)
    points = np.zeros((b, n, 3), means.dtype)
    points[..., :d] = means
    depth, height, width = missing + tuple(size)
    return points, kernel.reshape((b, *missing, *kernel.shape[1:])), (depth, height, width)


def _seconds(kernel: np.ndarray, weights: np.ndarray) -> float:
    return SECONDS_PER_TOUCH * weights.size * math.prod(length + 1 for length in kernel.shape[1:])
