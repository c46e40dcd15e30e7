"""Eigenvalues and rotations of small symmetric matrices, elementwise, with derivatives of any order.

A library eigh would do for the values. Its derivative is NaN where eigenvalues coincide, and isotropic covariances are
where most training starts; it also runs one matrix at a time.
"""

import math
from typing import Any

from gaussgrad.covariance import packing

# 4 sweeps reach float64 rounding in values and in derivatives to third order (see equation 32); one more is the margin.
SWEEPS = 5
# Eigenvalues closer than this many roundings of their mean have no axes of their own that could be told from noise.
COINCIDENCE = 8
_PAIRS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))  # (p, q, axis of the rotation from p to q)

Quaternion = list[Any]


def decompose_2d(xp: Any, covariances: Any) -> tuple[list[Any], Any]:
    """Eigenvalues, the larger first, and the angle of its axis in (-pi/2, pi/2]. Equations 27 and 33."""
    xx, xy, yy = (covariances[..., k] for k in range(3))
    half = (xx - yy) / 2
    circle = (half == 0) & (xy == 0)
    safe_half = xp.where(circle, xp.ones_like(half), half)  # so that neither hypot nor atan2 meets its singular point
    safe_xy = xp.where(circle, xp.zeros_like(xy), xy)
    radius = xp.where(circle, half, xp.hypot(safe_half, safe_xy))
    larger = (xx + yy) / 2 + radius
    smaller = (xx * yy - xy * xy) / larger  # the difference, mean - radius, would lose it beside a large one
    return [larger, smaller], xp.atan2(safe_xy, safe_half) / 2


def decompose_3d(xp: Any, covariances: Any) -> tuple[list[Any], Quaternion]:
    """Eigenvalues, the largest first, and the unit quaternion that turns x, y, z into their axes. Equations 30-33."""
    sigma = packing.symmetric_rows(covariances, 3)
    one, zero = xp.ones_like(sigma[0][0]), xp.zeros_like(sigma[0][0])
    quaternion: Quaternion = [one, zero, zero, zero]
    for _ in range(SWEEPS):
        for pair in _PAIRS:
            quaternion = _jacobi_rotation(xp, sigma, quaternion, pair)
    values = [sigma[i][i] for i in range(3)]
    for pair in (_PAIRS[0], _PAIRS[1], _PAIRS[0]):
        quaternion = _order(xp, values, quaternion, pair)
    negative = quaternion[0] < 0
    return values, [xp.where(negative, -part, part) for part in quaternion]


def rotation_matrix(quaternion: Quaternion) -> list[list[Any]]:
    """The rotation of a quaternion of any length but zero. Equation 28."""
    w, x, y, z = quaternion
    s = 2 / (w * w + x * x + y * y + z * z)
    return [
        [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
        [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
        [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
    ]


def _jacobi_rotation(xp: Any, sigma: Any, quaternion: Quaternion, pair: tuple[int, int, int]) -> Quaternion:
    """Turn p against q until `sigma[p][q]` is zero: changes `sigma`, returns the quaternion. Equations 30-33."""
    p, q, r = pair
    off, half = sigma[p][q], (sigma[q][q] - sigma[p][p]) / 2
    limit = COINCIDENCE * xp.finfo(off.dtype).eps * (sigma[p][p] + sigma[q][q])
    coincide = (abs(off) <= limit) & (abs(half) <= limit)
    off = xp.where(coincide, xp.zeros_like(off), off)
    half = xp.where(coincide, xp.ones_like(half), half)
    radius = xp.hypot(half, off)
    tangent = off / (half + xp.where(half < 0, -radius, radius))
    cosine = 1 / xp.sqrt(1 + tangent * tangent)
    sine = tangent * cosine
    shift = tangent * off
    rp, rq = sigma[r][p], sigma[r][q]
    sigma[p][p], sigma[q][q] = sigma[p][p] - shift, sigma[q][q] + shift
    sigma[p][q] = sigma[q][p] = xp.where(coincide, sigma[p][q], xp.zeros_like(off))
    sigma[r][p] = sigma[p][r] = cosine * rp - sine * rq
    sigma[r][q] = sigma[q][r] = sine * rp + cosine * rq
    half_cosine = xp.sqrt((1 + cosine) / 2)
    return _turn(quaternion, pair, half_cosine, -sine / (2 * half_cosine))


def _order(xp: Any, values: list[Any], quaternion: Quaternion, pair: tuple[int, int, int]) -> Quaternion:
    """Put the larger of values p and q first, by a quarter turn: changes `values`, returns the quaternion."""
    p, q, _ = pair
    swap = values[q] > values[p]
    turned = _turn(quaternion, pair, math.sqrt(0.5), -math.sqrt(0.5))
    values[p], values[q] = xp.where(swap, values[q], values[p]), xp.where(swap, values[p], values[q])
    return [xp.where(swap, new, old) for new, old in zip(turned, quaternion, strict=True)]


def _turn(quaternion: Quaternion, pair: tuple[int, int, int], cosine: Any, sine: Any) -> Quaternion:
    """The quaternion times (cosine, sine about the axis r). Equation 32."""
    p, q, r = (axis + 1 for axis in pair)
    result = list(quaternion)
    result[0] = cosine * quaternion[0] - sine * quaternion[r]
    result[r] = cosine * quaternion[r] + sine * quaternion[0]
    result[p] = cosine * quaternion[p] + sine * quaternion[q]
    result[q] = cosine * quaternion[q] - sine * quaternion[p]
    return result
