"""Full symmetric matrices to and from packed covariances."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.covariance import packing
from gaussgrad.dispatch import Unified, unify


def from_matrix(matrices: Any) -> Any:
    """Packed covariances of full symmetric matrices.

    Parameters
    ----------
    matrices : array (..., d, d)
        Symmetric (to half the digits of their dtype) and positive definite; d is 1, 2 or 3.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        An off-diagonal entry is the mean of its two places, so that each of them gets half of its gradient.
        Differentiable in `matrices`.

    Raises
    ------
    ValueError
        For matrices that are not square, symmetric and positive definite.

    Notes
    -----
    docs/maths.md, equations 20 and 21.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.from_matrix([[4.0, 1.0], [1.0, 9.0]]).tolist()
    [4.0, 1.0, 9.0]
    """
    unified = unify(matrices=matrices)
    (array,) = unified.arrays
    d = _dimensions(array.shape)
    rows = [
        [(array[..., i, j] + array[..., j, i]) / 2 if i != j else array[..., i, i] for j in range(d)] for i in range(d)
    ]
    packed = packing.pack(unified.namespace, rows)
    packing.check_values(unified, "matrices", array, lambda name, values: _refuse_asymmetric(unified, name, values))
    packing.check_values(unified, "matrices", packed, checks.positive_definite)
    return unified.restore(packed)


def to_matrix(covariances: Any) -> Any:
    """Full symmetric matrices of packed covariances; the inverse of `from_matrix`.

    Parameters
    ----------
    covariances : array (..., d(d+1)/2)
        Packed, positive definite.

    Returns
    -------
    matrices : array (..., d, d)
        Differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not positive definite.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.to_matrix([4.0, 1.0, 9.0]).tolist()
    [[4.0, 1.0], [1.0, 9.0]]
    """
    unified, array, d = packing.open_covariances(covariances)
    xp = unified.namespace
    rows = [xp.stack(row, axis=-1) for row in packing.symmetric_rows(array, d)]
    return unified.restore(xp.stack(rows, axis=-2))


def _dimensions(shape: tuple[int, ...]) -> int:
    if len(shape) < 2 or shape[-1] != shape[-2] or not 1 <= shape[-1] <= 3:
        wanted = "of shape (..., d, d) with d of 1, 2 or 3"
        cure = "It looks packed already." if len(shape) and shape[-1] in (3, 6) else ""
        raise ValueError(checks.complain("matrices", wanted, f"shape {tuple(shape)}", cure))
    return shape[-1]


def _refuse_asymmetric(unified: Unified, argument: str, values: np.ndarray) -> None:
    checks.finite(argument, values)
    transposed = np.swapaxes(values, -1, -2)
    scale = np.abs(values).max(axis=(-1, -2), initial=0.0, keepdims=True)
    bad = (np.abs(values - transposed) > packing.rounding(unified) * scale).any(axis=(-1, -2))
    packing.refuse_first(argument, values, bad, "symmetric", "Use (m + m transposed) / 2.")
