"""The Kullback-Leibler divergence between Gaussians with a variance per number."""

import math
from typing import Any

from gaussgrad import checks
from gaussgrad.dispatch import Unified, unify
from gaussgrad.ops.latent import arguments

NEAR = 0.5  # below, e^x - 1 - x is a series; from here on the subtraction loses at most two bits
_LAST_POWER = {"float32": 11, "float64": 17}  # so that the second derivative has all digits of the dtype, too


def kl_divergence(mean: Any, log_variance: Any, prior_mean: Any = 0.0, prior_variance: Any = 1.0) -> Any:
    """Divergence of N(mean, exp(log_variance)) from N(prior_mean, prior_variance), elementwise, never negative.

    Parameters
    ----------
    mean, log_variance : array (...)
        Of one shape, or a number each. Log-variances are natural logarithms, any real numbers.
    prior_mean, prior_variance : number, or array (...)
        The prior. Numbers keep all their digits; arrays broadcast with `mean` and may be learned. Variances are
        positive.

    Returns
    -------
    divergence : array (...)
        In nats; zero exactly where both Gaussians are equal. Differentiable in everything that is an array, to any
        order.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite, a prior variance that is not positive.
    TypeError
        For integer tensors, mixed dtypes or frameworks, priors that are no numbers.

    Notes
    -----
    docs/latent.md, equations 6 to 9. Kingma and Welling (2014), "Auto-encoding variational Bayes", appendix B.

    With x = log_variance - log(prior_variance): for priors given as numbers, the relative error in float32 is at most
    1e-6, near the prior too; for large x it is that of rounding `log_variance` itself, 6e-8 `|x|`. For priors given as
    arrays, the logarithm of the prior is rounded. Then x is off by up to 6e-8 `|log prior_variance|` in float32 (1e-16
    in float64), and the divergence by half of that times `|x|`; if the prior variance is 1, by nothing.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.kl_divergence([0.0, 1.0], [0.0, -1.0]).round(6).tolist()
    [0.0, 0.68394]
    >>> gaussgrad.kl_divergence([3.0], [-1.5], prior_mean=3, prior_variance=0.25).round(6).tolist()
    [0.003113]
    """
    arguments.refuse_boolean(prior_mean=prior_mean, prior_variance=prior_variance)
    priors = {"prior_mean": prior_mean, "prior_variance": prior_variance}
    learned = {name: value for name, value in priors.items() if not arguments.is_number(value)}
    unified = unify(mean=mean, log_variance=log_variance, **learned)
    arrays = dict(zip(("mean", "log_variance", *learned), unified.arrays, strict=True))
    _check(unified, arrays)
    dtype = unified.framework.dtype_name(arrays["mean"])
    z = _standardized(unified, arrays, priors, dtype)
    x = _log_ratio(unified, arrays, priors, dtype)
    return unified.restore((exponential_remainder(unified.namespace, x, dtype) + z * z) / 2)


def exponential_remainder(xp: Any, x: Any, dtype: str) -> Any:
    """e^x - 1 - x, to all digits, with derivatives of any order. docs/latent.md, equation 7."""
    near = xp.abs(x) < NEAR
    small = xp.where(near, x, xp.zeros_like(x))  # the other branch must stay finite: 0 * inf is NaN in a gradient
    coefficients = [1 / math.factorial(k) for k in range(_LAST_POWER[dtype], 1, -1)]
    series = small * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        series = series * small + coefficient
    return xp.where(near, small * small * series, xp.expm1(x) - x)


def _check(unified: Unified, arrays: dict[str, Any]) -> None:
    mean, log_variance, *_ = arrays.values()
    arguments.check_same_shape(mean=mean, log_variance=log_variance)
    own = {"mean": mean, "log_variance": log_variance}
    learned = {name: array for name, array in arrays.items() if name not in own}
    arguments.check_broadcast("mean", (mean if mean.ndim else log_variance).shape, **learned)
    arguments.check_values(unified, checks.finite, **own)
    for name, array in learned.items():
        arguments.check_values(unified, checks.positive if name == "prior_variance" else checks.finite, **{name: array})


def _standardized(unified: Unified, arrays: dict[str, Any], priors: dict[str, Any], dtype: str) -> Any:
    """(mean - prior_mean) / prior_stddev. docs/latent.md, equation 9."""
    if "prior_mean" in arrays:
        difference = arrays["mean"] - arrays["prior_mean"]
    else:
        number = arguments.known_number("prior_mean", priors["prior_mean"], dtype)
        difference = arguments.subtract(arrays["mean"], arguments.split(number, dtype))
    if "prior_variance" in arrays:
        return difference / unified.namespace.sqrt(arrays["prior_variance"])
    variance = arguments.positive_number("prior_variance", priors["prior_variance"], dtype)
    return difference if variance == 1 else difference * (1 / math.sqrt(variance))


def _log_ratio(unified: Unified, arrays: dict[str, Any], priors: dict[str, Any], dtype: str) -> Any:
    """log_variance - log(prior_variance). docs/latent.md, equation 8."""
    if "prior_variance" in arrays:
        return arrays["log_variance"] - unified.namespace.log(arrays["prior_variance"])
    variance = arguments.positive_number("prior_variance", priors["prior_variance"], dtype)
    return arguments.subtract(arrays["log_variance"], arguments.split(math.log(variance), dtype))
