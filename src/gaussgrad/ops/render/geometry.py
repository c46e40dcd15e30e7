"""Where a Gaussian stands and which pixels it touches: the scalar arithmetic of the kernels, in float64.

Lower dimensions are drawn as three with one slice or one row. The squared distance is written as a sum of squares of
residuals, each coordinate given the ones after it (docs/maths.md, equations 10 to 14):

    ez = dz,   ey = dy - alpha dz,   ex = dx - beta ey - gamma dz,   q = ex^2/vx + ey^2/vy + ez^2/vz
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit


class Gaussian(NamedTuple):
    """Centre, slopes of the conditional means and conditional variances of one Gaussian."""

    x: float
    y: float
    z: float
    alpha: float
    beta: float
    gamma: float
    vx: float
    vy: float
    vz: float


@njit(nogil=True, error_model="numpy")
def gaussian(means, covariances, b, i):
    """The Gaussian i of batch item b; missing coordinates are 0 with variance 1."""
    m, c = means[b, i], covariances[b, i]
    x = np.float64(m[0])
    xx = np.float64(c[0])
    if m.size == 1:
        return Gaussian(x, 0.0, 0.0, 0.0, 0.0, 0.0, xx, 1.0, 1.0)
    y = np.float64(m[1])
    xy = np.float64(c[1])
    if m.size == 2:
        yy = np.float64(c[2])
        return Gaussian(x, y, 0.0, 0.0, xy / yy, 0.0, (xx * yy - xy * xy) / yy, yy, 1.0)
    xz, yy, yz, zz = np.float64(c[2]), np.float64(c[3]), np.float64(c[4]), np.float64(c[5])
    minor = yy * zz - yz * yz
    determinant = xx * minor - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    vy = minor / zz
    return Gaussian(
        x, y, np.float64(m[2]), yz / zz, (xy - xz * yz / zz) / vy, xz / zz, determinant / minor, vy, zz
    )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def factor(g, dimensions, density):
    """What multiplies the weight: 1, or the density at the mean."""
    if not density:
        return 1.0
    return (2 * math.pi) ** (-0.5 * dimensions) / math.sqrt(g.vx) / math.sqrt(g.vy) / math.sqrt(g.vz)


@njit(nogil=True, error_model="numpy")
def span(centre, half, start, stop):
    """The first and one past the last pixel of [centre - half, centre + half] inside [start, stop)."""
    low = max(math.ceil(centre - half), np.float64(start))
    high = min(math.floor(centre + half) + 1.0, np.float64(stop))
    if not low < high:
        return start, start
    return int(low), int(high)


@njit(nogil=True, error_model="numpy")
def touched(covariances, cut, size):
    """About how many pixels the Gaussians touch: a few hundred of them, and in proportion."""
    total, count = 0.0, 0
    batch, n, entries = covariances.shape
    for k in range(0, batch * n, max(1, batch * n // 256)):
        c = covariances[k // n, k % n]
        width = 2 * math.sqrt(cut * c[0]) + 1
        pixels = min(width, size[2])
        if entries == 3:
            pixels *= min(2 * math.sqrt(cut * c[2]) + 1, size[1])
        if entries == 6:
            pixels *= min(2 * math.sqrt(cut * c[3]) + 1, size[1]) * min(2 * math.sqrt(cut * c[5]) + 1, size[0])
        total += pixels
        count += 1
    return total * batch * n / max(count, 1)
