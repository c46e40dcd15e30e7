"""From any real numbers to Cholesky factors that can be drawn, written once for every framework."""

import math
from typing import Any

import numpy as np

from gaussgrad.covariance import packing
from gaussgrad.covariance.blurring import blurred_rows
from gaussgrad.dispatch import Unified
from gaussgrad.layers.options import GaussianOptions

LOWER_BY_ROWS = (0, 1, 3, 2, 4, 5)  # where the entries xx, yx, yy, zx, zy, zz of a factor stand in xx xy xz yy yz zz
HARMLESS = 40.0  # logarithms below have exponentials whose square float32 holds
SATURATED = 40.0  # a logarithm: e^40 times the bound is the bound, to the last digit of float64
OUT_OF_SIGHT = 100.0  # widths: no dtype holds what a Gaussian is so far from its mean


def factors_of_raw(unified: Unified, widths: Any, options: GaussianOptions) -> Any:
    """Packed lower factors (b, n, d(d+1)/2) in pixels from raw widths (b, n, k): docs/maths.md, equations 56 and 57.

    Where one of the bounds is off, logarithms whose exponential has no square in the dtype are refused.
    """
    xp, widest = unified.namespace, options.widest
    raw = _lower_triangle(xp, widths, options)
    if widest is None or options.narrowest == 0:
        _refuse_overflow(unified, raw, options)
    factors = _entries(unified, raw, options)
    if widest is not None:
        factors = widest * _below_one(xp, factors)
    if options.narrowest == 0:
        return factors
    rows = blurred_rows(xp, packing.lower_rows(factors, options.layout.d), options.narrowest)
    return xp.stack([entry for row in rows for entry in row], axis=-1)


def means_in_sight(xp: Any, means: Any, options: GaussianOptions) -> Any:
    """The means in pixels; one so far off that nothing reaches the frame goes where squares are safe, as far off."""
    if options.widest is None:
        return means
    limit = max(options.size) + OUT_OF_SIGHT * (options.widest + options.narrowest)
    return xp.where(xp.abs(means) > limit, xp.full_like(means, limit), means)


def _entries(unified: Unified, raw: Any, options: GaussianOptions) -> Any:
    """The entries of a factor in pixels, or where they are to be bounded in units of the bound; none overflows then."""
    xp, framework, d = unified.namespace, unified.framework, options.layout.d
    halves = [length / 2 if options.normalized else 1.0 for length in reversed(options.size)]
    units = [halves[i] / (options.widest or 1.0) for i, _ in packing.LOWER[d]]
    on_diagonal = [i == j for i, j in packing.LOWER[d]]

    def constant(diagonal: list[float], below: list[float]) -> Any:
        numbers = [a if on else b for on, a, b in zip(on_diagonal, diagonal, below, strict=True)]
        return framework.from_list(numbers, framework.dtype_name(raw), raw)

    ones, zeros = [1.0] * len(units), [0.0] * len(units)
    raw = raw * constant(ones, units) + constant([math.log(unit) for unit in units], zeros)
    diagonal = constant(ones, zeros) > 0
    logarithms = xp.where(diagonal, raw, xp.zeros_like(raw))  # an exponential of other entries may overflow
    if options.widest is not None:
        logarithms = xp.where(logarithms > SATURATED, xp.full_like(raw, SATURATED), logarithms)
    return xp.where(diagonal, xp.exp(logarithms), raw)


def _below_one(xp: Any, ratio: Any) -> Any:
    """ratio / sqrt(1 + ratio^2): beyond 1 by the inverse, whose square does not overflow."""
    one = xp.ones_like(ratio)
    beyond = xp.abs(ratio) > 1
    inverse = one / xp.where(beyond, ratio, one)
    part = xp.where(beyond, inverse, ratio)
    numerator = xp.where(beyond, xp.where(ratio > 0, one, -one), ratio)
    return numerator / xp.sqrt(one + part * part)


def _lower_triangle(xp: Any, widths: Any, options: GaussianOptions) -> Any:
    """The raw numbers in the order of a lower triangle by rows; the logarithm of a "variance" along the diagonal."""
    d = options.layout.d
    if options.layout.widths == ("variance",):
        logarithm, nothing = widths[..., 0], xp.zeros_like(widths[..., 0])
        return xp.stack([logarithm if i == j else nothing for i, j in packing.LOWER[d]], axis=-1)
    return xp.stack([widths[..., place] for place in LOWER_BY_ROWS], axis=-1) if d == 3 else widths


def _refuse_overflow(unified: Unified, raw: Any, options: GaussianOptions) -> None:
    values = unified.framework.concrete(raw)
    if values is None or np.abs(values).max(initial=0.0) < HARMLESS:
        return
    try:
        packing.refuse_overflow("cholesky", values, 2, packing.diagonal_places(options.layout.d))  # they are squared
    except ValueError as error:
        cure = "cholesky are the widths in the rows. With both narrowest and widest, any finite number is drawn."
        raise ValueError(f"{error} {cure}") from None
