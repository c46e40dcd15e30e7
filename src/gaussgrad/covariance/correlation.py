"""Standard deviations and a correlation to and from packed 2-D covariances."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.covariance import packing
from gaussgrad.dispatch import unify


def from_correlation(stddevs: Any, correlation: Any) -> Any:
    """Packed 2-D covariances of standard deviations and a correlation.

    Parameters
    ----------
    stddevs : array (..., 2)
        Standard deviations along x and y in pixels, positive.
    correlation : array (...)
        In (-1, 1). Leading axes broadcast with those of `stddevs`.

    Returns
    -------
    covariances : array (..., 3)
        [xx, xy, yy] in pixels squared. Differentiable in both arguments.

    Raises
    ------
    ValueError
        For a stddev that is not positive, or a correlation that is not inside (-1, 1).

    Notes
    -----
    docs/maths.md, equation 34. Packing rounds: 1 - correlation^2 keeps a relative precision of
    epsilon / (1 - correlation^2), 6e-5 in float32 at 0.999.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> covariance.from_correlation([2.0, 3.0], 0.5).tolist()
    [4.0, 3.0, 9.0]
    """
    unified = unify(stddevs=stddevs, correlation=correlation)
    array, rho = unified.arrays
    packing.vector_dimensions("stddevs", array.shape, allowed=(2,))
    packing.check_broadcast(stddevs=array.shape[:-1], correlation=rho.shape)
    packing.check_values(unified, "stddevs", array, checks.positive)
    packing.check_values(unified, "correlation", rho, _refuse_outside)
    x, y = array[..., 0], array[..., 1]
    return unified.restore(packing.stack(unified.namespace, [x * x, rho * x * y, y * y]))


def to_correlation(covariances: Any) -> tuple[Any, Any]:
    """Standard deviations and correlation of packed 2-D covariances; the inverse of `from_correlation`.

    Parameters
    ----------
    covariances : array (..., 3)
        [xx, xy, yy], positive definite, in pixels squared.

    Returns
    -------
    stddevs : array (..., 2)
        Along x and y, in pixels.
    correlation : array (...)
        In (-1, 1), up to rounding. Both are differentiable in `covariances`.

    Raises
    ------
    ValueError
        For covariances that are not 2-D or not positive definite.

    Notes
    -----
    docs/maths.md, equation 34.

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> stddevs, correlation = covariance.to_correlation([4.0, 3.0, 9.0])
    >>> stddevs.tolist(), correlation.tolist()
    ([2.0, 3.0], 0.5)
    """
    unified = unify(covariances=covariances)
    (array,) = unified.arrays
    xp = unified.namespace
    checks.packed_covariances("covariances", array.shape, 2)
    packing.check_values(unified, "covariances", array, checks.positive_definite)
    x, y = xp.sqrt(array[..., 0]), xp.sqrt(array[..., 2])
    return unified.restore(packing.stack(xp, [x, y])), unified.restore(array[..., 1] / x / y)


def _refuse_outside(argument: str, values: np.ndarray) -> None:
    checks.finite(argument, values)
    cure = "Use tanh of a free number, or covariance.from_cholesky."
    packing.refuse_first(argument, values, np.abs(values) >= 1, "inside (-1, 1)", cure)
