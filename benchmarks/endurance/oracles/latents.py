"""The functions of the latent layer: in long double where they cancel, so that no rounding is left."""

from typing import Any

import numpy as np

from benchmarks.endurance.oracles import Known
from benchmarks.endurance.oracles.drawing import conditions

LONG = np.longdouble
LOG_TWO_PI = np.log(2 * np.pi)


def kl_divergence(mean: Any, log_variance: Any, prior_mean: Any = 0.0, prior_variance: Any = 1.0) -> tuple:
    """(e^x - 1 - x + z^2) / 2, the first three terms as a series of enough terms where they cancel."""
    learned = np.ndim(prior_variance) > 0
    variance = np.asarray(prior_variance, LONG)
    log_prior = np.log(variance)
    x = np.asarray(log_variance, LONG) - log_prior
    z2 = (np.asarray(mean, LONG) - np.asarray(prior_mean, LONG)) ** 2 / variance
    series, term = np.zeros_like(x), x / 1
    for k in range(2, 26):
        term = term * x / k
        series = series + term
    remainder = np.where(np.abs(x) < 1, series, np.exp(x) - 1 - x)
    value = np.asarray((remainder + z2) / 2, float)
    moved = np.abs(x) * (np.abs(x) + (np.abs(log_prior) if learned else 0)) * np.exp(np.maximum(x, 0))
    return (Known(value, np.asarray(value + moved + (z2 if learned else 0), float), 1e-37),)


def kl_divergence_full(
    mean: Any, covariance: Any = None, prior_mean: Any = None, prior_covariance: Any = None, *,
    cholesky: Any = None, prior_cholesky: Any = None, log_diagonal: bool = False,
) -> tuple:  # fmt: skip
    d = mean.shape[-1]
    own, prior = _matrix(covariance, cholesky, d, log_diagonal), np.eye(d)
    if prior_covariance is not None or prior_cholesky is not None:
        prior = _matrix(prior_covariance, prior_cholesky, d, log_diagonal)
    away = mean - (0 if prior_mean is None else prior_mean)
    precision = np.linalg.inv(prior)
    trace = np.einsum("...ij,...ji->...", precision, own)
    form = np.einsum("...i,...ij,...j->...", away, precision, away)
    logs = np.linalg.slogdet(prior)[1] - np.linalg.slogdet(own)[1]
    grown = conditions(prior, precision) ** 2 * conditions(own, np.linalg.inv(own))
    return (Known((trace - d + form + logs) / 2, (1 + trace + form + np.abs(logs) + d) * grown * d),)


def _matrix(packed: Any, factor: Any, d: int, log_diagonal: bool) -> np.ndarray:
    matrices = np.zeros((*(factor if packed is None else packed).shape[:-1], d, d))
    if packed is not None:
        matrices[..., *np.triu_indices(d)] = matrices[..., *np.triu_indices(d)[::-1]] = packed
        return matrices
    matrices[..., *np.tril_indices(d)] = factor
    if log_diagonal:
        matrices[..., range(d), range(d)] = np.exp(matrices[..., range(d), range(d)])
    return matrices @ np.swapaxes(matrices, -1, -2)


def density(x: Any, mean: Any, variance: Any) -> tuple:
    form = (x - mean) ** 2 / variance
    value = np.exp(-form / 2) / np.sqrt(2 * np.pi * variance)
    return (Known(value, value * (1 + form), 1e-37 * (1 + 1 / np.sqrt(variance))),)


def entropy(log_variance: Any) -> tuple:
    value = (1 + LOG_TWO_PI + log_variance) / 2
    return (Known(value, np.abs(log_variance) + np.abs(value)),)


def reparameterize(mean: Any, log_variance: Any = None, noise: Any = None, *, stddev: Any = None) -> tuple:
    scale = np.exp(log_variance / 2) if stddev is None else stddev
    grown = 1 + (0 if stddev is not None else np.abs(log_variance))
    return (Known(mean + scale * noise, np.abs(mean) + np.abs(scale * noise) * grown, 1e-37),)


def log_variance_to_stddev(log_variance: Any) -> tuple:
    value = np.exp(log_variance / 2)
    return (Known(value, value * (1 + np.abs(log_variance))),)


def log_variance_to_variance(log_variance: Any) -> tuple:
    value = np.exp(log_variance)
    return (Known(value, value * (1 + np.abs(log_variance))),)


def variance_to_log_variance(variance: Any) -> tuple:
    return (Known(np.log(variance), np.abs(np.log(variance)) + 1e-3),)
