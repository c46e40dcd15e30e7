"""Densities and entropy of Gaussians with a variance per number."""

import math
from typing import Any

from gaussgrad import checks
from gaussgrad.dispatch import unify
from gaussgrad.ops.latent import arguments

LOG_TWO_PI = math.log(2 * math.pi)


def density(x: Any, mean: Any, variance: Any) -> Any:
    """Probability density of a Gaussian at x, elementwise; takes the variance, not its logarithm.

    Parameters
    ----------
    x : array (...)
        Where. Broadcasts with `mean`.
    mean, variance : array (...)
        Of one shape, or a number each; variances positive.

    Returns
    -------
    density : array (...)
        Per unit of `x`. Differentiable in all three.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite, a variance that is not positive.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    docs/latent.md, equation 3. For products of densities use logarithms: `GaussianLatent.log_density` gives them.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.density([0.0, 1.0], 0.0, 1.0).round(6).tolist()
    [0.398942, 0.241971]
    """
    unified = unify(x=x, mean=mean, variance=variance)
    x, mean, variance = unified.arrays
    xp = unified.namespace
    arguments.check_same_shape(mean=mean, variance=variance)
    arguments.check_broadcast("x", x.shape, mean=mean, variance=variance)
    arguments.check_values(unified, checks.finite, x=x, mean=mean)
    arguments.check_values(unified, checks.positive, variance=variance)
    stddev = xp.sqrt(variance)
    z = (x - mean) / stddev
    return unified.restore(xp.exp(-z * z / 2) / (stddev * math.sqrt(2 * math.pi)))


def elementwise_log_density(x: Any, mean: Any, log_variance: Any) -> Any:
    """Logarithm of the density of a Gaussian at x, elementwise.

    Parameters
    ----------
    x : array (...)
        Where. Broadcasts with `mean`.
    mean, log_variance : array (...)
        Of one shape, or a number each.

    Returns
    -------
    log_density : array (...)
        In nats. Differentiable in all three.

    Raises
    ------
    ValueError, TypeError
        As `density`.

    Notes
    -----
    docs/latent.md, equation 4.

    Examples
    --------
    >>> elementwise_log_density([0.0, 1.0], 0.0, 0.0).round(6).tolist()
    [-0.918939, -1.418939]
    """
    unified = unify(x=x, mean=mean, log_variance=log_variance)
    x, mean, log_variance = unified.arrays
    xp = unified.namespace
    arguments.check_same_shape(mean=mean, log_variance=log_variance)
    arguments.check_broadcast("x", x.shape, mean=mean, log_variance=log_variance)
    arguments.check_values(unified, checks.finite, x=x, mean=mean, log_variance=log_variance)
    z = (x - mean) / xp.exp(log_variance / 2)
    return unified.restore(-(z * z + log_variance + LOG_TWO_PI) / 2)


def entropy(log_variance: Any) -> Any:
    """Differential entropy of a Gaussian, elementwise: (1 + log 2 pi + log_variance) / 2.

    Parameters
    ----------
    log_variance : array (...)
        Natural logarithms of variances; any real numbers.

    Returns
    -------
    entropy : array (...)
        In nats; negative for narrow Gaussians. Differentiable in `log_variance`.

    Raises
    ------
    ValueError
        For values that are not finite.
    TypeError
        For integer tensors.

    Notes
    -----
    docs/latent.md, equation 5. The constant is subtracted in two parts, so that the entropy keeps its digits near 0.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.entropy([0.0, -2.0]).round(6).tolist()
    [1.418939, 0.418939]
    """
    unified = unify(log_variance=log_variance)
    (array,) = unified.arrays
    arguments.check_values(unified, checks.finite, log_variance=array)
    constant = arguments.split(-1 - LOG_TWO_PI, unified.framework.dtype_name(array))
    return unified.restore(arguments.subtract(array, constant) / 2)
