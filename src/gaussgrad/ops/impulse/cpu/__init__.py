"""Impulses on the CPU: each point touches only the pixels under its kernel; docs/maths.md, equations 40 to 45.

1-D and 2-D are computed as 3-D, with leading axes of one pixel, one kernel entry and a coordinate of 0.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from gaussgrad import arrays, parallel, simd

SECONDS_PER_TOUCH = 3e-9  # one pixel of one point in one channel, measured; only decides whether threads are worth it
BLOCKS = 64  # most parts per batch element in which the kernel gradient is summed, whatever the number of threads
POINTS_PER_BLOCK = 64  # at least


def valid(means: np.ndarray, kernel: np.ndarray, weights: np.ndarray, threads: int = 1) -> bool:
    """Whether every value is finite; few values, one thread."""
    return all(bool(np.isfinite(array).all()) for array in (means, kernel, weights))


def forward(
    means: np.ndarray, kernel: np.ndarray, weights: np.ndarray, *, size: tuple[int, ...], threads: int
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The image (b, c, pixels), and nothing to save."""
    points, kernels, frame = _in_3d(means, kernel, size)
    b, _, c = weights.shape
    image = arrays.empty((b, c, math.prod(size)), means.dtype)

    def paint(start: int, stop: int) -> None:
        _paint(points, kernels, weights, frame, image, start, stop)

    parallel.run(paint, b * math.prod(size), threads, _seconds(kernel, weights))
    return image, ()


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

    def gather(start: int, stop: int) -> None:
        _gather(grad, points, kernels, weights, frame, grad_points, grad_weights, partial, block, start, stop)

    parallel.run(gather, b * partial.shape[1], threads, 4 * _seconds(kernel, weights))
    grad_kernel = partial.sum(axis=1).astype(kernel.dtype).reshape(kernel.shape)
    return np.ascontiguousarray(grad_points[..., :d]), grad_kernel, grad_weights


def _in_3d(means: np.ndarray, kernel: np.ndarray, size: tuple[int, ...]) -> tuple[Any, Any, tuple[int, int, int]]:
    """Points (b, n, 3), kernels (b, k_z, k_y, k_x) and the frame (depth, height, width)."""
    b, n, d = means.shape
    missing = (1,) * (3 - d)
    points = np.zeros((b, n, 3), means.dtype)
    points[..., :d] = means
    depth, height, width = (*missing, *size)
    return points, kernel.reshape(b, *missing, *kernel.shape[1:]), (depth, height, width)


def _seconds(kernel: np.ndarray, weights: np.ndarray) -> float:
    return SECONDS_PER_TOUCH * weights.size * math.prod(length + 1 for length in kernel.shape[1:])


@njit(nogil=True)
def _taps(mean: Any, length: int, extent: int, value: np.ndarray, slope: np.ndarray) -> tuple[int, bool]:
    """Pixel of kernel entry 0 left of the mean, and whether any pixel can be touched; equations 41 and 42.

    Fills `value` and `slope`, the share of a kernel entry at the pixels -1, 0, 1 from there, and its derivative.
    """
    whole = np.floor(mean)
    half = (length - 1) // 2
    if not (whole >= half - length and whole <= half + extent):  # decided in floats: the integer may overflow
        return 0, False
    part = mean - whole
    value[0], value[1], value[2] = 0, 1 - part, part
    slope[0], slope[1], slope[2] = 0, -1, 1
    if part == 0:  # the mean of the one-sided derivatives
        slope[0], slope[1], slope[2] = -0.5, 0, 0.5
    return int(whole) - half, True


@njit(nogil=True)
def _kernel_row(kernel: np.ndarray, z: int, y: int, z_taps: np.ndarray, y_taps: np.ndarray, row: np.ndarray) -> None:
    """Kernel entries along x at the offsets z, y, mixed by the taps of both axes; two zeros before and after."""
    row[:] = 0
    for i in range(3):
        k_z = z - (i - 1)
        if k_z < 0 or k_z >= kernel.shape[0] or z_taps[i] == 0:
            continue
        for j in range(3):
            k_y = y - (j - 1)
            if k_y < 0 or k_y >= kernel.shape[1] or y_taps[j] == 0:
                continue
            share = z_taps[i] * y_taps[j]
            for k_x in range(kernel.shape[2]):
                row[k_x + 2] += share * kernel[k_z, k_y, k_x]


@simd.kernel
def _paint(
    points: np.ndarray,  # (b, n, 3)
    kernels: np.ndarray,  # (b, k_z, k_y, k_x)
    weights: np.ndarray,  # (b, n, c)
    frame: tuple[int, int, int],
    image: np.ndarray,  # (b, c, pixels)
    start: int,
    stop: int,
) -> None:
    """Pixels [start, stop) of all images laid end to end, channels apart: each has this one owner; equation 40."""
    depth, height, width = frame
    pixels = depth * height * width
    _, length_z, length_y, length_x = kernels.shape
    value, slope = np.empty((3, 3), image.dtype), np.empty((3, 3), image.dtype)
    row, drawn = np.empty(length_x + 4, image.dtype), np.empty(length_x + 1, image.dtype)
    for b in range(start // pixels, (stop + pixels - 1) // pixels):
        first, last = max(start - b * pixels, 0), min(stop - b * pixels, pixels)
        image[b, :, first:last] = 0
        for n in range(points.shape[1]):
            x0, in_x = _taps(points[b, n, 0], length_x, width, value[0], slope[0])
            y0, in_y = _taps(points[b, n, 1], length_y, height, value[1], slope[1])
            z0, in_z = _taps(points[b, n, 2], length_z, depth, value[2], slope[2])
            if not (in_x and in_y and in_z):
                continue
            for z in range(max(z0, 0), min(z0 + length_z + 1, depth)):
                for y in range(max(y0, 0), min(y0 + length_y + 1, height)):
                    line = (z * height + y) * width
                    left, right = max(x0, first - line, 0), min(x0 + length_x + 1, last - line, width)
                    if left >= right:
                        continue
                    _kernel_row(kernels[b], z - z0, y - y0, value[2], value[1], row)
                    for k in range(length_x + 1):
                        drawn[k] = value[0, 1] * row[k + 2] + value[0, 2] * row[k + 1]
                    visible = drawn[left - x0 : right - x0]
                    for c in range(weights.shape[2]):
                        pixels_of_line = image[b, c, line + left : line + right]
                        weight = weights[b, n, c]
                        for i in range(visible.size):
                            pixels_of_line[i] += weight * visible[i]


@simd.kernel
def _gather(
    grad: np.ndarray,  # (b, c, pixels)
    points: np.ndarray,
    kernels: np.ndarray,
    weights: np.ndarray,
    frame: tuple[int, int, int],
    grad_points: np.ndarray,
    grad_weights: np.ndarray,
    partial: np.ndarray,  # (b, blocks, k_z, k_y, k_x), float64: there may be very many points
    block: int,
    start: int,
    stop: int,
) -> None:
    """Gradients of the points in the blocks [start, stop), and of the kernel by these points; equations 43 to 45."""
    depth, height, width = frame
    _, length_z, length_y, length_x = kernels.shape
    value, slope = np.empty((3, 3), grad.dtype), np.empty((3, 3), grad.dtype)
    row = np.empty(length_x + 4, grad.dtype)
    row_y, row_z, pull = np.empty_like(row), np.empty_like(row), np.empty_like(row)
    for owner in range(start, stop):
        b, part = owner // partial.shape[1], owner % partial.shape[1]
        grad_kernel = partial[b, part]
        grad_kernel[:] = 0
        for n in range(part * block, min((part + 1) * block, points.shape[1])):
            grad_points[b, n, :] = 0
            grad_weights[b, n, :] = 0
            x0, in_x = _taps(points[b, n, 0], length_x, width, value[0], slope[0])
            y0, in_y = _taps(points[b, n, 1], length_y, height, value[1], slope[1])
            z0, in_z = _taps(points[b, n, 2], length_z, depth, value[2], slope[2])
            if not (in_x and in_y and in_z):
                continue
            left, right = max(x0 - 1, 0), min(x0 + length_x + 1, width)
            for z in range(max(z0 - 1, 0), min(z0 + length_z + 1, depth)):
                for y in range(max(y0 - 1, 0), min(y0 + length_y + 1, height)):
                    _kernel_row(kernels[b], z - z0, y - y0, value[2], value[1], row)
                    _kernel_row(kernels[b], z - z0, y - y0, value[2], slope[1], row_y)
                    _kernel_row(kernels[b], z - z0, y - y0, slope[2], value[1], row_z)
                    line = (z * height + y) * width
                    pixels = grad[b, :, line + left : line + right]
                    _pull_row(pixels, weights[b, n], left - x0 + 2, pull)
                    _add_weight_gradient(pixels, left - x0 + 2, value[0], row, grad_weights[b, n])
                    _add_point_gradient(pull, value[0], slope[0], row, row_y, row_z, grad_points[b, n])
                    _add_kernel_gradient(pull, z - z0, y - y0, value, grad_kernel)


@njit(nogil=True)
def _pull_row(pixels: np.ndarray, weights: np.ndarray, first: int, pull: np.ndarray) -> None:
    """The image gradient (c, visible) along one line, weighted over channels, placed as a kernel row; zeros outside."""
    pull[:] = 0
    for c in range(weights.size):
        for i in range(pixels.shape[1]):
            pull[first + i] += weights[c] * pixels[c, i]


@njit(nogil=True)
def _add_weight_gradient(
    pixels: np.ndarray, first: int, taps: np.ndarray, row: np.ndarray, grad_weights: np.ndarray
) -> None:
    for c in range(grad_weights.size):
        for i in range(pixels.shape[1]):
            k = first + i
            grad_weights[c] += pixels[c, i] * (taps[1] * row[k] + taps[2] * row[k - 1])


@njit(nogil=True)
def _add_point_gradient(
    pull: np.ndarray,
    value: np.ndarray,  # taps along x
    slope: np.ndarray,
    row: np.ndarray,
    row_y: np.ndarray,
    row_z: np.ndarray,
    grad_point: np.ndarray,
) -> None:
    for k in range(1, pull.size - 1):
        grad_point[0] += pull[k] * (slope[0] * row[k + 1] + slope[1] * row[k] + slope[2] * row[k - 1])
        grad_point[1] += pull[k] * (value[1] * row_y[k] + value[2] * row_y[k - 1])
        grad_point[2] += pull[k] * (value[1] * row_z[k] + value[2] * row_z[k - 1])


@njit(nogil=True)
def _add_kernel_gradient(pull: np.ndarray, z: int, y: int, taps: np.ndarray, grad_kernel: np.ndarray) -> None:
    """One line's pull on the kernel entries; `_kernel_row` turned around."""
    for i in range(1, 3):
        k_z = z - (i - 1)
        if k_z < 0 or k_z >= grad_kernel.shape[0] or taps[2, i] == 0:
            continue
        for j in range(1, 3):
            k_y = y - (j - 1)
            if k_y < 0 or k_y >= grad_kernel.shape[1] or taps[1, j] == 0:
                continue
            share = taps[2, i] * taps[1, j]
            for k_x in range(grad_kernel.shape[2]):
                grad_kernel[k_z, k_y, k_x] += share * (taps[0, 1] * pull[k_x + 2] + taps[0, 2] * pull[k_x + 3])
