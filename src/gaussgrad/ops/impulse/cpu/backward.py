"""The backward kernel: each point collects its gradient, and each block of points that of the kernel."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.impulse.cpu.taps import kernel_row, taps_of


@simd.kernel
def gradients(
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
    row_y, row_z, upstream = np.empty_like(row), np.empty_like(row), np.empty_like(row)
    for owner in range(start, stop):
        b, part = owner // partial.shape[1], owner % partial.shape[1]
        grad_kernel = partial[b, part]
        grad_kernel[:] = 0
        for n in range(part * block, min((part + 1) * block, points.shape[1])):
            grad_points[b, n, :] = 0
            grad_weights[b, n, :] = 0
            x0, in_x = taps_of(points[b, n, 0], length_x, width, value[0], slope[0])
            y0, in_y = taps_of(points[b, n, 1], length_y, height, value[1], slope[1])
            z0, in_z = taps_of(points[b, n, 2], length_z, depth, value[2], slope[2])
            if not (in_x and in_y and in_z):
                continue
            left, right = max(x0 - 1, 0), min(x0 + length_x + 1, width)
            for z in range(max(z0 - 1, 0), min(z0 + length_z + 1, depth)):
                for y in range(max(y0 - 1, 0), min(y0 + length_y + 1, height)):
                    kernel_row(kernels[b], z - z0, y - y0, value[2], value[1], row)
                    kernel_row(kernels[b], z - z0, y - y0, value[2], slope[1], row_y)
                    kernel_row(kernels[b], z - z0, y - y0, slope[2], value[1], row_z)
                    line = (z * height + y) * width
                    pixels = grad[b, :, line + left : line + right]
                    _weigh_upstream(pixels, weights[b, n], left - x0 + 2, upstream)
                    _add_weight_gradient(pixels, left - x0 + 2, value[0], row, grad_weights[b, n])
                    _add_point_gradient(upstream, value[0], slope[0], row, row_y, row_z, grad_points[b, n])
                    _add_kernel_gradient(upstream, z - z0, y - y0, value, grad_kernel)


@simd.inner
def _weigh_upstream(pixels: np.ndarray, weights: np.ndarray, first: int, upstream: np.ndarray) -> None:
    """The image gradient (c, visible) along one line, weighted over channels, placed as a kernel row; zeros outside."""
    upstream[:] = 0
    for c in range(weights.size):
        for i in range(pixels.shape[1]):
            upstream[first + i] += weights[c] * pixels[c, i]


@simd.inner
def _add_weight_gradient(
    pixels: np.ndarray, first: int, taps: np.ndarray, row: np.ndarray, grad_weights: np.ndarray
) -> None:
    for c in range(grad_weights.size):
        for i in range(pixels.shape[1]):
            k = first + i
            grad_weights[c] += pixels[c, i] * (taps[1] * row[k] + taps[2] * row[k - 1])


@simd.inner
def _add_point_gradient(
    upstream: np.ndarray,
    value: np.ndarray,  # taps along x
    slope: np.ndarray,
    row: np.ndarray,
    row_y: np.ndarray,
    row_z: np.ndarray,
    grad_point: np.ndarray,
) -> None:
    for k in range(1, upstream.size - 1):
        grad_point[0] += upstream[k] * (slope[0] * row[k + 1] + slope[1] * row[k] + slope[2] * row[k - 1])
        grad_point[1] += upstream[k] * (value[1] * row_y[k] + value[2] * row_y[k - 1])
        grad_point[2] += upstream[k] * (value[1] * row_z[k] + value[2] * row_z[k - 1])


@simd.inner
def _add_kernel_gradient(upstream: np.ndarray, z: int, y: int, taps: np.ndarray, grad_kernel: np.ndarray) -> None:
    """What one line of it says to the kernel entries; `kernel_row` turned around."""
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
                grad_kernel[k_z, k_y, k_x] += share * (taps[0, 1] * upstream[k_x + 2] + taps[0, 2] * upstream[k_x + 3])
