"""The formulas of the latent layer in arithmetic with 60 digits, as they stand in textbooks, for inputs as given."""

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 60


def exactly(value: Any) -> Any:
    """A float of any width without rounding."""
    return mp.mpf(float(value))


def kl_divergence(mean: Any, log_variance: Any, prior_mean: Any, prior_variance: Any) -> Any:
    mean, log_variance, prior_mean, prior_variance = map(exactly, (mean, log_variance, prior_mean, prior_variance))
    ratio = mp.exp(log_variance) / prior_variance
    return (ratio - 1 - mp.log(ratio) + (mean - prior_mean) ** 2 / prior_variance) / 2


def kl_gradient(mean: Any, log_variance: Any, prior_mean: Any, prior_variance: Any) -> tuple[Any, Any, Any, Any]:
    """To mean, log-variance, prior mean and prior variance."""
    mean, log_variance, prior_mean, prior_variance = map(exactly, (mean, log_variance, prior_mean, prior_variance))
    excess = mp.exp(log_variance) / prior_variance - 1
    pull = (mean - prior_mean) / prior_variance
    return pull, excess / 2, -pull, -(excess / prior_variance + pull**2) / 2


def entropy(log_variance: Any) -> Any:
    return (1 + mp.log(2 * mp.pi) + exactly(log_variance)) / 2


def density(x: Any, mean: Any, variance: Any) -> Any:
    x, mean, variance = map(exactly, (x, mean, variance))
    return mp.exp(-((x - mean) ** 2) / (2 * variance)) / mp.sqrt(2 * mp.pi * variance)


def kl_full(mean: Sequence[Any], lower: Any, prior_mean: Sequence[Any], prior_lower: Any) -> Any:
    """Of means (d,) and full lower Cholesky factors, matrices of mpmath."""
    d = len(mean)
    covariance, prior = lower * lower.T, prior_lower * prior_lower.T
    precision = prior**-1
    difference = mp.matrix([exactly(a) - exactly(b) for a, b in zip(mean, prior_mean, strict=True)])
    trace = mp.fsum((precision * covariance)[i, i] for i in range(d))
    log_ratio = mp.log(mp.det(covariance) / mp.det(prior))
    return (trace - d - log_ratio + (difference.T * precision * difference)[0]) / 2


def lower_factor(packed: Sequence[Any], d: int, log_diagonal: bool) -> Any:
    """The full lower Cholesky factor of one packed by rows."""
    factor = mp.zeros(d)
    entries = iter(packed)
    for i in range(d):
        for j in range(i + 1):
            entry = exactly(next(entries))
            factor[i, j] = mp.exp(entry) if log_diagonal and i == j else entry
    return factor


def largest_relative_error(given: Any, function: Callable[..., Any], *inputs: Any) -> float:
    """Of an array against a function of its inputs, element by element; an exact zero must be met exactly."""
    worst = 0.0
    for value, *arguments in zip(np.ravel(given), *map(np.ravel, np.broadcast_arrays(*inputs)), strict=True):
        wanted = function(*arguments)
        error = abs(exactly(value) - wanted) / (abs(wanted) if wanted else 1)
        worst = max(worst, float(error) if np.isfinite(value) else float("inf"))
    return worst
