"""Where a Gaussian stands, in float64 (docs/maths.md, equations 10 to 14), from covariances or Cholesky factors."""

import triton
import triton.language as tl


@triton.jit
def entry(array, k, at: tl.constexpr, entries: tl.constexpr):
    """Entry `at` of the items k, in float64."""
    return tl.load(array + k * entries + at).to(tl.float64)


@triton.jit
def of_covariances(widths, k, D: tl.constexpr):
    """(alpha, beta, gamma), (vx, vy, vz), the variances along the axes, and whether the covariance is definite."""
    zero = tl.zeros(k.shape, tl.float64)
    one = zero + 1.0
    if D == 1:
        xx = entry(widths, k, 0, 1)
        return (zero, zero, zero), (xx, one, one), (xx, one, one), (xx > 0) & (xx < float("inf"))
    if D == 2:
        xx, xy, yy = entry(widths, k, 0, 3), entry(widths, k, 1, 3), entry(widths, k, 2, 3)
        determinant = xx * yy - xy * xy
        definite = (yy > 0) & (xx < float("inf")) & (determinant > 0) & (determinant < float("inf"))
        return (zero, xy / yy, zero), (determinant / yy, yy, one), (xx, yy, one), definite
    xx, xy, xz = entry(widths, k, 0, 6), entry(widths, k, 1, 6), entry(widths, k, 2, 6)
    yy, yz, zz = entry(widths, k, 3, 6), entry(widths, k, 4, 6), entry(widths, k, 5, 6)
    minor = yy * zz - yz * yz
    determinant = xx * minor - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    definite = (zz > 0) & (minor > 0) & (determinant > 0) & (determinant < float("inf"))
    alpha = yz / zz
    vy = minor / zz
    return (alpha, (xy - xz * alpha) / vy, xz / zz), (determinant / minor, vy, zz), (xx, yy, zz), definite


@triton.jit
def length(a, b):
    """The length of (a, b); no square can overflow."""
    large = tl.maximum(tl.abs(a), tl.abs(b))
    safe = tl.where(large > 0, large, 1.0)
    return large * tl.sqrt((a / safe) * (a / safe) + (b / safe) * (b / safe))


@triton.jit
def factor(widths, k, D: tl.constexpr):
    """The rows (a), (b, c) and (e, f, g); those that D dimensions lack are those of the identity."""
    zero = tl.zeros(k.shape, tl.float64)
    one = zero + 1.0
    if D == 1:
        return (entry(widths, k, 0, 1),), (zero, one), (zero, zero, one)
    if D == 2:
        below, c = entry(widths, k, 1, 3), entry(widths, k, 2, 3)
        return (entry(widths, k, 0, 3),), (below, c), (zero, zero, one)
    below, c = entry(widths, k, 1, 6), entry(widths, k, 2, 6)
    last = entry(widths, k, 3, 6), entry(widths, k, 4, 6), entry(widths, k, 5, 6)
    return (entry(widths, k, 0, 6),), (below, c), last


@triton.jit
def turn(rows, D: tl.constexpr):
    """The lengths sy and sz, and the rows x, y and z of the rotation that makes a factor upper triangular.

    Equations 50 and 51; see factors.py beside the kernels of the CPU.
    """
    below, c, e, f, g = rows[1][0], rows[1][1], rows[2][0], rows[2][1], rows[2][2]
    zero = below * 0.0
    one = zero + 1.0
    h = length(below, c)
    sn, cs = below / h, c / h
    if D < 3:
        return (h, one), (cs, -sn, zero), (sn, cs, zero), (zero, zero, one)
    sz = length(length(e, f), g)
    p, q, r = e / sz, f / sz, g / sz
    kappa = sn * q - cs * p
    rho = length(r, kappa)
    x = (cs * r / rho, -sn * r / rho, kappa / rho)
    y = ((sn * r * r + q * kappa) / rho, (cs * r * r - p * kappa) / rho, -r * (sn * p + cs * q) / rho)
    return (h * rho, sz), x, y, (p, q, r)


@triton.jit
def squared(stddev, bound):
    """The square of a standard deviation, at the least 1 / bound."""
    return tl.maximum(stddev * stddev, 1 / bound)


@triton.jit
def limited(slope, bound):
    """The slope within [-bound, bound]."""
    return tl.minimum(tl.maximum(slope, -bound), bound)


@triton.jit
def bound_of(widths):
    """The largest slope and precision, which keeps both within the dtype of the image."""
    return tl.full([], 1e37 if widths.dtype.element_ty == tl.float32 else 1e150, tl.float64)


@triton.jit
def of_factors(widths, k, D: tl.constexpr):
    """What `of_covariances` gives, by equation 52, and whether entries are finite with a positive diagonal."""
    rows = factor(widths, k, D)
    a, below, c, e, f, g = rows[0][0], rows[1][0], rows[1][1], rows[2][0], rows[2][1], rows[2][2]
    stddevs, x, y, z = turn(rows, D)
    sy, sz = stddevs
    bound = bound_of(widths)
    alpha = limited((below * z[0] + c * z[1]) / sz, bound)
    beta = limited(a * y[0] / sy, bound)
    gamma = limited(a * z[0] / sz, bound)
    conditional = squared(a * x[0], bound), squared(sy, bound), squared(sz, bound)
    along_axes = squared(a, bound), squared(length(below, c), bound), squared(length(length(e, f), g), bound)
    finite = tl.abs(a) + tl.abs(below) + tl.abs(c) + tl.abs(e) + tl.abs(f) + tl.abs(g) < float("inf")
    return (alpha, beta, gamma), conditional, along_axes, finite & (a > 0) & (c > 0) & (g > 0)
