"""Cholesky factors and precisions: what triangular recursions give, without a linear algebra library."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.covariance import packing
from gaussgrad.dispatch import unify

Rows = list[list[Any]]


def from_cholesky(cholesky: Any, *, log_diagonal: bool = False) -> Any:
    """Packed covariances L L^T of packed lower Cholesky factors L.

    Parameters
    ----------
    cholesky : array (..., d(d+1)/2)
        Lower triangles packed by rows, [xx], [xx, yx, yy] or [xx, yx, yy, zx, zy, zz], in pixels. In 2-D these are the
        standard deviation along x, yx, and the standard deviation along y that is left when x is known.
    log_diagonal : bool
        False: diagonal entries are positive. True: they are natural logarithms, so that any real numbers are valid
        and raw outputs of a network train.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        Packed upper triangles, in pixels squared. Differentiable in `cholesky`.

    Raises
    ------
    ValueError
        For values that are not finite, or a diagonal entry that is not positive.

    Notes
    -----
    docs/maths.md, equations 22 and 24. Pinheiro and Bates (1996), "Unconstrained parametrizations for
    variance-covariance matrices", sections 2.1 and 2.2.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.from_cholesky([2.0, 1.0, 3.0]).tolist()
    [4.0, 2.0, 10.0]
    >>> covariance.from_cholesky([0.0, 1.0, 0.0], log_diagonal=True).tolist()
    [1.0, 1.0, 2.0]
    """
    log_diagonal = checks.option("log_diagonal", log_diagonal, (False, True))
    unified = unify(cholesky=cholesky)
    (array,) = unified.arrays
    xp = unified.namespace
    d = checks.dimensions_of_factors(array.shape)
    if log_diagonal:
        packing.check_values(unified, "cholesky", array, lambda name, values: _refuse_overflow(name, values, d))
    else:
        packing.check_factors(unified, array, d, "Use log_diagonal=True for numbers of any sign.")
    rows = packing.lower_rows(array, d)
    if log_diagonal:
        rows = [[xp.exp(entry) if i == j else entry for j, entry in enumerate(row)] for i, row in enumerate(rows)]
    return unified.restore(packing.pack(xp, _times_transposed(rows)))


def to_cholesky(covariances: Any, *, log_diagonal: bool = False) -> Any:
    """Packed lower Cholesky factors of packed covariances; the inverse of `from_cholesky`.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2)
        Packed upper triangles, positive definite, in pixels squared.
    log_diagonal : bool
        Whether to return the natural logarithms of the diagonal entries.

    Returns
    -------
    cholesky : array (..., d(d+1)/2)
        Lower triangles packed by rows, [xx], [xx, yx, yy] or [xx, yx, yy, zx, zy, zz]. Differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not positive definite.

    Notes
    -----
    docs/maths.md, equations 23 and 24. Towards singular covariances the last diagonal entry loses a factor
    1 / (1 - correlation^2) in relative precision: 500 at a correlation of 0.999.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.to_cholesky([4.0, 2.0, 10.0]).tolist()
    [2.0, 1.0, 3.0]
    """
    log_diagonal = checks.option("log_diagonal", log_diagonal, (False, True))
    unified, array, d = packing.open_covariances(covariances)
    xp = unified.namespace
    rows = _factor(xp, array, d)
    if log_diagonal:
        rows = [[xp.log(entry) if i == j else entry for j, entry in enumerate(row)] for i, row in enumerate(rows)]
    return unified.restore(packing.pack_lower(xp, rows))


def from_precision(precisions: Any) -> Any:
    """Packed covariances whose inverses are the packed precisions.

    Parameters
    ----------
    precisions : array (..., d(d+1)/2)
        Packed upper triangles of inverse covariances, positive definite, in 1 / pixels squared.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        Differentiable in `precisions`.

    Raises
    ------
    ValueError
        For precisions that are not positive definite.

    Notes
    -----
    docs/maths.md, equation 25. Towards singular matrices the relative error grows as their condition number.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.from_precision([4.0, 2.0, 2.0]).tolist()
    [0.5, -0.5, 1.0]
    """
    unified = unify(precisions=precisions)
    (array,) = unified.arrays
    d = checks.dimensions_of_packed("precisions", array.shape)
    packing.check_values(unified, "precisions", array, checks.positive_definite)
    return unified.restore(_inverse(unified.namespace, array, d))


def to_precision(covariances: Any) -> Any:
    """Packed precisions, the inverses of packed covariances; the inverse of `from_precision`.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2)
        Packed upper triangles, positive definite, in pixels squared.

    Returns
    -------
    precisions : array (..., d(d+1)/2)
        In 1 / pixels squared. Differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not positive definite.

    Notes
    -----
    docs/maths.md, equation 25. Towards singular matrices the relative error grows as their condition number.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.to_precision([4.0, 2.0, 2.0]).tolist()
    [0.5, -0.5, 1.0]
    """
    unified, array, d = packing.open_covariances(covariances)
    return unified.restore(_inverse(unified.namespace, array, d))


def _refuse_overflow(argument: str, values: np.ndarray, d: int) -> None:
    packing.refuse_overflow(argument, values, 2, packing.diagonal_places(d))


def _times_transposed(rows: Rows) -> Rows:
    """Equation 22, the upper triangle of L L^T; places below the diagonal are not filled."""
    d = len(rows)
    product: Rows = [[None] * d for _ in range(d)]
    for i, j in packing.UPPER[d]:
        product[i][j] = _dot(rows[i], rows[j][: i + 1])
    return product


def _factor(xp: Any, covariances: Any, d: int) -> Rows:
    """Equation 23."""
    sigma = packing.symmetric_rows(covariances, d)
    rows: Rows = []
    for i in range(d):
        rows.append([])
        for j in range(i + 1):
            rest = sigma[i][j] - _dot(rows[i][:j], rows[j][:j]) if j else sigma[i][0]
            rows[i].append(xp.sqrt(rest) if i == j else rest / rows[j][j])
    return rows


def _inverse(xp: Any, packed: Any, d: int) -> Any:
    """Equation 25: L^-T L^-1."""
    rows = _factor(xp, packed, d)
    inverse: Rows = []
    for i in range(d):
        inverse.append([])
        for j in range(i):
            inverse[i].append(-_dot(rows[i][j:i], [inverse[k][j] for k in range(j, i)]) / rows[i][i])
        inverse[i].append(1 / rows[i][i])
    product: Rows = [[None] * d for _ in range(d)]
    for i, j in packing.UPPER[d]:
        product[i][j] = _dot([inverse[k][i] for k in range(j, d)], [inverse[k][j] for k in range(j, d)])
    return packing.pack(xp, product)


def _dot(left: list[Any], right: list[Any]) -> Any:
    total = left[0] * right[0]
    for a, b in zip(left[1:], right[1:], strict=True):
        total = total + a * b
    return total
