"""The forward kernel: each pixel is painted by its one owner."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.impulse.cpu.taps import kernel_row, taps_of


@simd.kernel
def paint(
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
            x0, in_x = taps_of(points[b, n, 0], length_x, width, value[0], slope[0])
            y0, in_y = taps_of(points[b, n, 1], length_y, height, value[1], slope[1])
            z0, in_z = taps_of(points[b, n, 2], length_z, depth, value[2], slope[2])
            if not (in_x and in_y and in_z):
                continue
            for z in range(max(z0, 0), min(z0 + length_z + 1, depth)):
                for y in range(max(y0, 0), min(y0 + length_y + 1, height)):
                    line = (z * height + y) * width
                    left, right = max(x0, first - line, 0), min(x0 + length_x + 1, last - line, width)
                    if left >= right:
                        continue
                    kernel_row(kernels[b], z - z0, y - y0, value[2], value[1], row)
                    for k in range(length_x + 1):
                        drawn[k] = value[0, 1] * row[k + 2] + value[0, 2] * row[k + 1]
                    visible = drawn[left - x0 : right - x0]
                    for c in range(weights.shape[2]):
                        pixels_of_line = image[b, c, line + left : line + right]
                        weight = weights[b, n, c]
                        for i in range(visible.size):
                            pixels_of_line[i] += weight * visible[i]
