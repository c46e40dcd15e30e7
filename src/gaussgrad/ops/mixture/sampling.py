"""Samples of mixtures of bivariate Gaussians, and their mean and covariance."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import unify
from gaussgrad.ops.mixture import arguments
from gaussgrad.ops.mixture.choice import choose, of_chosen
from gaussgrad.ops.mixture.reference import softmax


def sample_mixture(
    logits: Any,
    means: Any,
    log_stddevs: Any,
    atanh_correlations: Any,
    *,
    uniform: Any,
    noise: Any,
    bias: float = 0.0,
) -> Any:
    """Points drawn from mixtures of bivariate Gaussians by given random numbers; only the chosen component is drawn.

    Parameters
    ----------
    logits, means, log_stddevs, atanh_correlations : arrays (..., k), (..., k, 2), (..., k, 2), (..., k)
        As for `mixture_log_density`.
    uniform : array (...)
        Numbers in [0, 1) that choose the components. Leading axes of all arrays broadcast: uniform (s, 1) and noise
        (s, 1, 2) draw s points from each of n mixtures.
    noise : array (..., 2)
        Standard normal numbers that place the points in them.
    bias : float
        Not negative; 0 draws from the mixture, 1 and more what is likely: logits are multiplied by 1 + bias, standard
        deviations by e^-bias.

    Returns
    -------
    points : array (..., 2)
        Differentiable to the means, log_stddevs and atanh_correlations of the chosen component, and to `noise`. The
        choice is no differentiable function of the logits: their gradient is 0.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite or out of range, a negative bias.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    docs/mixtures.md, equations M9 and M10. The bias is that of Graves (2013), "Generating sequences with recurrent
    neural networks", section 5.4, equations 61 and 62. The same random numbers give the same points.

    Examples
    --------
    >>> import gaussgrad
    >>> means, zeros = [[-1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]
    >>> gaussgrad.sample_mixture([0.0, 0.0], means, zeros, [0.0, 0.0], uniform=0.75, noise=[0.5, 0.5]).tolist()
    [1.5, 0.5]
    """
    bias = checks.number("bias", bias, "a number >= 0", 0.0)
    unified = unify(
        logits=logits, means=means, log_stddevs=log_stddevs, atanh_correlations=atanh_correlations, uniform=uniform,
        noise=noise,
    )  # fmt: skip
    xp = unified.namespace
    *parameters, chance, normal = unified.arrays
    arguments.check_components(*parameters)
    arguments.last_axes("noise", normal.shape, (2,), "(..., 2)")
    arrays = dict(zip((*arguments.PARAMETERS, "uniform", "noise"), unified.arrays, strict=True))
    own_axes = {"logits": 1, "means": 2, "log_stddevs": 2, "atanh_correlations": 1, "uniform": 0, "noise": 1}
    leading = arguments.leading_axes(own_axes, **arrays)
    arguments.where_known(unified, arguments.check_component_values, *parameters)
    arguments.where_known(unified, _check_random_numbers, chance, normal)
    weights, centres, log_stddevs, a = parameters
    chosen = choose(xp, weights * (1 + bias), chance, leading)  # (..., 1)
    mean = of_chosen(xp, centres, chosen, leading)  # (..., 2)
    stddev = xp.exp(of_chosen(xp, log_stddevs, chosen, leading) - bias)
    rho, q = _correlation_and_rest(xp, of_chosen(xp, a[..., None], chosen, leading)[..., 0])
    first, second = normal[..., 0], normal[..., 1]
    x, y = xp.broadcast_arrays(first, rho * first + q * second)
    return unified.restore(mean + stddev * xp.stack([x, y], axis=-1))


def sample_diagonal_mixture(
    logits: Any, means: Any, log_stddevs: Any, *, uniform: Any, noise: Any, bias: float = 0.0
) -> Any:
    """Points (..., d) of mixtures (..., k) of Gaussians without correlations, as `sample_mixture` draws them."""
    unified = unify(logits=logits, means=means, log_stddevs=log_stddevs, uniform=uniform, noise=noise)
    xp = unified.namespace
    weights, centres, log_stddevs, chance, normal = unified.arrays
    leading = tuple(weights.shape[:-1])
    chosen = choose(xp, weights * (1 + bias), chance, leading)
    mean, log_stddev = (of_chosen(xp, values, chosen, leading) for values in (centres, log_stddevs))
    return unified.restore(mean + xp.exp(log_stddev - bias) * normal)


def mixture_moments(logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> tuple[Any, Any]:
    """Mean and packed covariance of mixtures of bivariate Gaussians, differentiable to all arguments.

    Parameters
    ----------
    logits, means, log_stddevs, atanh_correlations : arrays (..., k), (..., k, 2), (..., k, 2), (..., k)
        As for `mixture_log_density`; leading axes broadcast.

    Returns
    -------
    mean : array (..., 2)
        In the unit of the means.
    covariance : array (..., 3)
        [xx, xy, yy], that within the components and that between their means.

    Raises
    ------
    ValueError, TypeError
        As `mixture_log_density`.

    Notes
    -----
    docs/mixtures.md, equation M8.

    Examples
    --------
    >>> import gaussgrad
    >>> means, zeros = [[-1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]
    >>> mean, covariance = gaussgrad.mixture_moments([0.0, 0.0], means, zeros, [0.0, 0.0])
    >>> mean.tolist(), covariance.tolist()
    ([0.0, 0.0], [2.0, 0.0, 1.0])
    """
    unified = unify(logits=logits, means=means, log_stddevs=log_stddevs, atanh_correlations=atanh_correlations)
    xp = unified.namespace
    weights, centres, log_stddevs, a = unified.arrays
    arguments.check_components(*unified.arrays)
    own_axes = {"logits": 1, "means": 2, "log_stddevs": 2, "atanh_correlations": 1}
    arguments.leading_axes(own_axes, **dict(zip(arguments.PARAMETERS, unified.arrays, strict=True)))
    arguments.where_known(unified, arguments.check_component_values, *unified.arrays)
    shares = softmax(xp, weights)[..., None]  # (..., k, 1)
    mean = xp.sum(shares * centres, axis=-2)
    away, stddevs = centres - mean[..., None, :], xp.exp(log_stddevs)
    rho, _ = _correlation_and_rest(xp, a)
    squares = xp.sum(shares * (stddevs * stddevs + away * away), axis=-2)
    product = rho * stddevs[..., 0] * stddevs[..., 1] + away[..., 0] * away[..., 1]
    mixed = xp.sum(shares[..., 0] * product, axis=-1)
    covariance = xp.stack([squares[..., 0], mixed, squares[..., 1]], axis=-1)
    return unified.restore(mean), unified.restore(covariance)


def _correlation_and_rest(xp: Any, a: Any) -> tuple[Any, Any]:
    """tanh a and sech a, the latter with all its digits and without overflow."""
    one = xp.ones_like(a)
    small = xp.exp(-xp.where(a >= 0, one, -one) * a)
    return xp.tanh(a), 2 * small / (1 + small * small)


def _check_random_numbers(uniform: np.ndarray, noise: np.ndarray) -> None:
    bad = checks.first_offender(~((uniform >= 0) & (uniform < 1)))
    if bad is not None:
        raise ValueError(checks.complain("uniform", "in [0, 1)", f"{uniform[bad]}", "Draw it with numpy's random()."))
    checks.finite("noise", noise)
