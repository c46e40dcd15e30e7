"""Blur: what a Gaussian becomes when an image of it is blurred, told by covariances or by Cholesky factors."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.covariance import packing
from gaussgrad.dispatch import unify


def blur(covariances: Any = None, stddev: Any = None, *, cholesky: Any = None) -> Any:
    """Covariances after a Gaussian blur, covariances + stddev^2 I; or their Cholesky factors, from Cholesky factors.

    The density-normalised Gaussian with the result is the old one convolved with an isotropic Gaussian.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2), optional
        Packed, positive definite, in pixels squared.
    stddev : array (...)
        Standard deviation of the blur in pixels, zero or more; broadcasts with the leading axes.
    cholesky : array (..., d(d+1)/2), optional
        In place of `covariances`: packed lower Cholesky factors by rows, [xx], [xx, yx, yy] or
        [xx, yx, yy, zx, zy, zz], of positive diagonal, in pixels.

    Returns
    -------
    covariances or cholesky : array (..., d(d+1)/2)
        What was given, after the blur. Differentiable in both arguments.

    Raises
    ------
    ValueError
        For covariances that are not positive definite, a Cholesky factor whose diagonal is not positive, or a negative
        stddev.
    TypeError
        For none or both of `covariances` and `cholesky`.

    Notes
    -----
    docs/maths.md, equation 36. A Cholesky factor L becomes that of L L^T + stddev^2 I by Givens rotations, which turn
    the columns of stddev I into L one after the other: Golub and Van Loan (2013), "Matrix computations", section 6.5.4.
    The covariance is never formed. Each row of the factor is exact to some roundings of its length, and so the width of
    a Gaussian that is much longer than wide is kept, which packed covariances lose.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.blur([4.0, 1.0, 9.0], 2.0).tolist()
    [8.0, 1.0, 13.0]
    >>> covariance.blur(cholesky=[3.0, 0.0, 5.0], stddev=[4.0, 12.0]).round(3).tolist()
    [[5.0, 0.0, 6.403], [12.369, 0.0, 13.0]]
    """
    name = checks.given_widths(covariances, cholesky)
    unified = unify(("covariances", "cholesky"), covariances=covariances, stddev=stddev, cholesky=cholesky)
    covariances, width, factors = unified.arrays
    given = covariances if factors is None else factors
    d = checks.dimensions_of_packed(name, given.shape) if factors is None else checks.dimensions_of_factors(given.shape)
    packing.check_broadcast(**{name: given.shape[:-1], "stddev": width.shape})
    if factors is None:
        packing.check_values(unified, name, given, checks.positive_definite)
    else:
        packing.check_factors(unified, given, d)
    packing.check_values(unified, "stddev", width, _refuse_negative)
    widen = _blurred_covariances if factors is None else _blurred_factors
    return unified.restore(widen(unified.namespace, given, width, d))


def _blurred_covariances(xp: Any, covariances: Any, stddev: Any, d: int) -> Any:
    """Equation 36."""
    rows = packing.symmetric_rows(covariances, d)
    for i in range(d):
        rows[i][i] = rows[i][i] + stddev * stddev
    return packing.pack(xp, rows)


def _blurred_factors(xp: Any, cholesky: Any, stddev: Any, d: int) -> Any:
    """The lower factor of L L^T + stddev^2 I."""
    return packing.pack_lower(xp, blurred_rows(xp, packing.lower_rows(cholesky, d), stddev))


def blurred_rows(xp: Any, rows: list[list[Any]], stddev: Any) -> list[list[Any]]:
    """The same of nested lists of (...) arrays; for a positive stddev the diagonal of L may have zeros too.

    Each rotation of column j of L and `added`, up to the sign of `added`, makes an entry of it 0; None stands for 0.
    The last axis comes first: then no diagonal entry that is divided by is below stddev.
    """
    rows = [list(row) for row in rows]
    d = len(rows)
    for axis in reversed(range(d)):
        added: list[Any] = [None] * d
        added[axis] = stddev
        for j in range(axis, d):
            diagonal = rows[j][j]
            # Not hypot: where both are equal, JAX gives it a second derivative of 0.
            rows[j][j] = length = xp.sqrt(diagonal * diagonal + added[j] * added[j])
            if j + 1 < d:
                cosine, sine = diagonal / length, added[j] / length
            for i in range(j + 1, d):
                entry, rest = rows[i][j], added[i]
                rows[i][j], added[i] = cosine * entry, sine * entry
                if rest is not None:
                    rows[i][j], added[i] = rows[i][j] + sine * rest, added[i] - cosine * rest
    return rows


def _refuse_negative(argument: str, values: np.ndarray) -> None:
    checks.finite(argument, values)
    packing.refuse_first(argument, values, values < 0, "zero or more")
