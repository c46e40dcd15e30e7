"""Where an impulse between pixel centres puts its shares of the kernel."""

from typing import Any

import numpy as np

from gaussgrad import simd


@simd.inner
def taps_of(mean: Any, length: int, extent: int, value: np.ndarray, slope: np.ndarray) -> tuple[int, bool]:
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


@simd.inner
def kernel_row(kernel: np.ndarray, z: int, y: int, z_taps: np.ndarray, y_taps: np.ndarray, row: np.ndarray) -> None:
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
