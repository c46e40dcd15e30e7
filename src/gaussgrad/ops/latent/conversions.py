"""Between variances, standard deviations and log-variances."""

from typing import Any

from gaussgrad import checks
from gaussgrad.dispatch import unify
from gaussgrad.ops.latent import arguments


def log_variance_to_stddev(log_variance: Any) -> Any:
    """Standard deviations exp(log_variance / 2).

    Parameters
    ----------
    log_variance : array (...)
        Natural logarithms of variances; any real numbers.

    Returns
    -------
    stddev : array (...)
        Differentiable in `log_variance`. Zero or infinite only where the standard deviation itself leaves the range
        of the dtype, below -206 or above 177 in float32, although its variance does so much earlier.

    Raises
    ------
    ValueError
        For values that are not finite.
    TypeError
        For integer tensors.

    Notes
    -----
    docs/latent.md, equation 1.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.log_variance_to_stddev([0.0, -2.0]).round(4).tolist()
    [1.0, 0.3679]
    """
    unified = unify(log_variance=log_variance)
    (array,) = unified.arrays
    arguments.check_values(unified, checks.finite, log_variance=array)
    return unified.restore(unified.namespace.exp(array / 2))


def log_variance_to_variance(log_variance: Any) -> Any:
    """Variances exp(log_variance); the inverse of `variance_to_log_variance`.

    Parameters
    ----------
    log_variance : array (...)
        Natural logarithms of variances; any real numbers.

    Returns
    -------
    variance : array (...)
        Differentiable in `log_variance`. Zero or infinite where the variance leaves the range of the dtype, below -103
        or above 88 in float32.

    Raises
    ------
    ValueError
        For values that are not finite.
    TypeError
        For integer tensors.

    Notes
    -----
    docs/latent.md, equation 1.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.log_variance_to_variance([0.0, -1.0]).round(4).tolist()
    [1.0, 0.3679]
    """
    unified = unify(log_variance=log_variance)
    (array,) = unified.arrays
    arguments.check_values(unified, checks.finite, log_variance=array)
    return unified.restore(unified.namespace.exp(array))


def variance_to_log_variance(variance: Any) -> Any:
    """Natural logarithms of variances; the inverse of `log_variance_to_variance`.

    Parameters
    ----------
    variance : array (...)
        Positive.

    Returns
    -------
    log_variance : array (...)
        Differentiable in `variance`.

    Raises
    ------
    ValueError
        For values that are not finite and positive.
    TypeError
        For integer tensors.

    Notes
    -----
    docs/latent.md, equation 1.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.variance_to_log_variance([1.0, 0.25]).round(4).tolist()
    [0.0, -1.3863]
    """
    unified = unify(variance=variance)
    (array,) = unified.arrays
    arguments.check_values(unified, checks.positive, variance=array)
    return unified.restore(unified.namespace.log(array))
