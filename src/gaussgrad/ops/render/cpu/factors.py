"""Gaussians told by lower Cholesky factors, whose covariances are never formed.

A rotation W of the whitened coordinates makes the factor upper triangular, L = R W, and R holds what geometry.py draws
with: standard deviations and slopes (docs/maths.md, equations 49 to 54). With

    L = a            row y = h (sn, cs, 0),  h = |(b, c)|
        b  c         row z = sz (p, q, r),  sz = |(e, f, g)|
        e  f  g
"""

import math
from typing import NamedTuple

import numpy as np

from gaussgrad import simd

BOUND_FLOAT32, BOUND_FLOAT64 = 1e37, 1e150  # what keeps curvatures and slopes within the dtype of the image


class Factor(NamedTuple):
    """The rows (a), (b, c) and (e, f, g)."""

    a: float
    b: float
    c: float
    e: float
    f: float
    g: float


class Turn(NamedTuple):
    """The lengths sy and sz on the diagonal of R, and the rows of W."""

    sy: float
    sz: float
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    z: tuple[float, float, float]


@simd.inlined
def bound_of(widths):
    """The largest slope and precision."""
    return BOUND_FLOAT32 if widths.itemsize == 4 else BOUND_FLOAT64


@simd.inlined
def variance_of(stddev, bound):
    """The square of a standard deviation, at the least 1 / bound."""
    return max(stddev * stddev, 1 / bound)


@simd.inlined
def slope_of(value, bound):
    """The value within [-bound, bound]."""
    return min(max(value, -bound), bound)


@simd.inlined
def factor_of(widths, b, i, d):
    """The factor i of batch item b; rows that `d` dimensions lack are those of the identity."""
    below, c, e, f, g = 0.0, 1.0, 0.0, 0.0, 1.0
    a = np.float64(widths[b, i, 0])
    if d > 1:
        below, c = np.float64(widths[b, i, 1]), np.float64(widths[b, i, 2])
    if d == 3:
        e, f, g = np.float64(widths[b, i, 3]), np.float64(widths[b, i, 4]), np.float64(widths[b, i, 5])
    return Factor(a, below, c, e, f, g)


@simd.inlined
def is_factor(widths, b, i, d):
    """Whether the entries are finite and those on the diagonal positive: the criterion of checks.py."""
    factor = factor_of(widths, b, i, d)
    for entry in factor:
        if not np.isfinite(entry):
            return False
    return factor.a > 0 and factor.c > 0 and factor.g > 0


@simd.inlined
def turn(factor, d):
    """The rotation that makes a factor upper triangular (equations 50 and 51); no square can overflow."""
    h, sn, cs = 1.0, 0.0, 1.0
    sz, p, q, r = 1.0, 0.0, 0.0, 1.0
    kappa, rho = 0.0, 1.0
    if d > 1:
        h = math.hypot(factor.b, factor.c)
        sn, cs = factor.b / h, factor.c / h
    if d == 3:
        sz = math.hypot(math.hypot(factor.e, factor.f), factor.g)
        p, q, r = factor.e / sz, factor.f / sz, factor.g / sz
        kappa = sn * q - cs * p
        rho = math.hypot(r, kappa)
    x = (cs * r / rho, -sn * r / rho, kappa / rho)
    y = ((sn * r * r + q * kappa) / rho, (cs * r * r - p * kappa) / rho, -r * (sn * p + cs * q) / rho)
    return Turn(h * rho, sz, x, y, (p, q, r))


@simd.inlined
def slopes_and_variances(widths, b, i, d):
    """alpha, beta, gamma, vx, vy, vz of equations 10 and 11, by equation 52."""
    factor, bound = factor_of(widths, b, i, d), bound_of(widths)
    turned = turn(factor, d)
    alpha, beta, gamma, vy, vz = 0.0, 0.0, 0.0, 1.0, 1.0
    vx = variance_of(factor.a * turned.x[0], bound)
    if d > 1:
        beta = slope_of(factor.a * turned.y[0] / turned.sy, bound)
        vy = variance_of(turned.sy, bound)
    if d == 3:
        alpha = slope_of((factor.b * turned.z[0] + factor.c * turned.z[1]) / turned.sz, bound)
        gamma = slope_of(factor.a * turned.z[0] / turned.sz, bound)
        vz = variance_of(turned.sz, bound)
    return alpha, beta, gamma, vx, vy, vz


@simd.inlined
def variance_along(widths, b, i, axis):
    """The variance along the axis 0 (x), 1 or 2: the square of a row's length."""
    bound = bound_of(widths)
    if axis == 0:
        return variance_of(np.float64(widths[b, i, 0]), bound)
    if axis == 1:
        return variance_of(math.hypot(np.float64(widths[b, i, 1]), np.float64(widths[b, i, 2])), bound)
    length = math.hypot(np.float64(widths[b, i, 3]), np.float64(widths[b, i, 4]))
    return variance_of(math.hypot(length, np.float64(widths[b, i, 5])), bound)


@simd.inlined
def density_at_mean(widths, b, i, d):
    """(2 pi)^(-d/2) / det L, from the diagonal; see `bound_of`."""
    factor = factor_of(widths, b, i, d)
    return min((2 * math.pi) ** (-0.5 * d) / factor.a / factor.c / factor.g, bound_of(widths))


@simd.inlined
def form(symmetric, u, v):
    """u' S v of the symmetric S = (xx, xy, xz, yy, yz, zz)."""
    xx, xy, xz, yy, yz, zz = symmetric
    along_x = xx * v[0] + xy * v[1] + xz * v[2]
    along_y = xy * v[0] + yy * v[1] + yz * v[2]
    along_z = xz * v[0] + yz * v[1] + zz * v[2]
    return u[0] * along_x + u[1] * along_y + u[2] * along_z


@simd.inlined
def put_gradient(widths, b, i, d, symmetric, gradient):
    """Write the gradient to a factor from S - V I, the moments of standardised residuals (equations 53 and 54)."""
    factor = factor_of(widths, b, i, d)
    if d == 1:
        gradient[b, i, 0] = symmetric[0] / factor.a
        return
    x, y, z = turn(factor, d)[2:]
    first, second, third = (x[0], y[0], z[0]), (x[1], y[1], z[1]), (x[2], y[2], z[2])
    zx, zy = 0.0, 0.0
    if d == 3:  # the columns of L' X = T, from the last row up
        zx = form(symmetric, third, first) / factor.g
        zy = form(symmetric, third, second) / factor.g
        gradient[b, i, 3], gradient[b, i, 4] = zx, zy
        gradient[b, i, 5] = form(symmetric, third, third) / factor.g
    yx = (form(symmetric, second, first) - factor.f * zx) / factor.c
    gradient[b, i, 1] = yx
    gradient[b, i, 2] = (form(symmetric, second, second) - factor.f * zy) / factor.c
    gradient[b, i, 0] = (form(symmetric, first, first) - factor.b * yx - factor.e * zx) / factor.a
