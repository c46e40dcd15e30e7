"""Covariances aligned with the axes, and their inverses."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.covariance import packing
from gaussgrad.dispatch import Unified, unify


def isotropic(variance: Any, dimensions: int) -> Any:
    """Packed covariances variance * I.

    Parameters
    ----------
    variance : array (...)
        Variances in pixels squared, positive.
    dimensions : {1, 2, 3}
        The number d of dimensions.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        Differentiable in `variance`.

    Raises
    ------
    ValueError
        For a variance that is not finite and positive, or another number of dimensions.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.isotropic(4.0, 2).tolist()
    [4.0, 0.0, 4.0]
    """
    d = checks.option("dimensions", dimensions, (1, 2, 3))
    unified = unify(variance=variance)
    (value,) = unified.arrays
    packing.check_values(unified, "variance", value, checks.positive)
    return unified.restore(_pack_diagonal(unified, [value] * d))


def to_isotropic(covariances: Any) -> Any:
    """Variances of isotropic covariances; the inverse of `isotropic`.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2)
        Packed, positive definite, multiples of the identity (to half the digits of their dtype).

    Returns
    -------
    variance : array (...)
        The mean of the diagonal, in pixels squared. Differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not positive definite or not isotropic.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.to_isotropic([4.0, 0.0, 4.0]).tolist()
    4.0
    """
    unified, array, d = packing.open_covariances(covariances)
    _check_diagonal(unified, array, d)
    entries = _diagonal_entries(array, d)
    packing.check_values(unified, "covariances", array, lambda name, values: _refuse_unequal(unified, name, values, d))
    return unified.restore(sum(entries[1:], entries[0]) / d)


def diagonal(variances: Any) -> Any:
    """Packed covariances with these variances along the axes.

    Parameters
    ----------
    variances : array (..., d)
        Variances along x, y, z in pixels squared, positive; d is 1, 2 or 3.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        Differentiable in `variances`.

    Raises
    ------
    ValueError
        For a variance that is not finite and positive, or a last axis of another length.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.diagonal([4.0, 9.0]).tolist()
    [4.0, 0.0, 9.0]
    """
    unified = unify(variances=variances)
    (array,) = unified.arrays
    d = packing.vector_dimensions("variances", array.shape)
    packing.check_values(unified, "variances", array, checks.positive)
    return unified.restore(_pack_diagonal(unified, [array[..., i] for i in range(d)]))


def to_diagonal(covariances: Any) -> Any:
    """Variances along the axes of diagonal covariances; the inverse of `diagonal`.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2)
        Packed, positive definite, with off-diagonal entries of zero (to half the digits of their dtype).

    Returns
    -------
    variances : array (..., d)
        Along x, y, z in pixels squared. Differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not positive definite or not diagonal.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.to_diagonal([4.0, 0.0, 9.0]).tolist()
    [4.0, 9.0]
    """
    unified, array, d = packing.open_covariances(covariances)
    _check_diagonal(unified, array, d)
    return unified.restore(packing.stack(unified.namespace, _diagonal_entries(array, d)))


def from_log_variance(log_variances: Any) -> Any:
    """Packed covariances with exp(log_variances) along the axes; any real numbers are valid.

    Parameters
    ----------
    log_variances : array (..., d)
        Natural logarithms of the variances along x, y, z; d is 1, 2 or 3.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        Differentiable in `log_variances`.

    Raises
    ------
    ValueError
        For values that are not finite, or a last axis of another length.

    Notes
    -----
    docs/maths.md, equation 35.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.from_log_variance([0.0, 0.0]).tolist()
    [1.0, 0.0, 1.0]
    """
    unified = unify(log_variances=log_variances)
    (array,) = unified.arrays
    d = packing.vector_dimensions("log_variances", array.shape)
    packing.check_values(unified, "log_variances", array, lambda name, values: packing.refuse_overflow(name, values, 1))
    variances = unified.namespace.exp(array)
    return unified.restore(_pack_diagonal(unified, [variances[..., i] for i in range(d)]))


def to_log_variance(covariances: Any) -> Any:
    """Log-variances along the axes of diagonal covariances; the inverse of `from_log_variance`.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2)
        Packed, positive definite, with off-diagonal entries of zero (to half the digits of their dtype).

    Returns
    -------
    log_variances : array (..., d)
        Natural logarithms. Differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not positive definite or not diagonal.

    Notes
    -----
    docs/maths.md, equation 35.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.to_log_variance([1.0, 0.0, 1.0]).tolist()
    [0.0, 0.0]
    """
    unified, array, d = packing.open_covariances(covariances)
    _check_diagonal(unified, array, d)
    xp = unified.namespace
    return unified.restore(xp.log(packing.stack(xp, _diagonal_entries(array, d))))


def _pack_diagonal(unified: Unified, variances: list[Any]) -> Any:
    zero = unified.namespace.zeros_like(variances[0])
    d = len(variances)
    rows = [[variances[i] if i == j else zero for j in range(d)] for i in range(d)]
    return packing.pack(unified.namespace, rows)


def _diagonal_entries(covariances: Any, d: int) -> list[Any]:
    rows = packing.symmetric_rows(covariances, d)
    return [rows[i][i] for i in range(d)]


def _check_diagonal(unified: Unified, covariances: Any, d: int) -> None:
    packing.check_values(
        unified, "covariances", covariances, lambda name, values: _refuse_correlated(unified, name, values, d)
    )


def _refuse_correlated(unified: Unified, argument: str, values: np.ndarray, d: int) -> None:
    rows = packing.symmetric_rows(values, d)
    bad = np.zeros(values.shape[:-1], dtype=bool)
    for i, j in packing.UPPER[d]:
        if i != j:
            bad |= np.abs(rows[i][j]) > packing.rounding(unified) * np.sqrt(rows[i][i] * rows[j][j])
    cure = "Use covariance.to_cholesky or covariance.to_scale_rotation, which keep them."
    packing.refuse_first(argument, values, bad, "diagonal, with off-diagonal entries of zero", cure)


def _refuse_unequal(unified: Unified, argument: str, values: np.ndarray, d: int) -> None:
    variances = np.stack(_diagonal_entries(values, d))
    bad = np.ptp(variances, axis=0) > packing.rounding(unified) * variances.max(axis=0)
    packing.refuse_first(argument, values, bad, "isotropic, with equal variances", "Use covariance.to_diagonal.")
