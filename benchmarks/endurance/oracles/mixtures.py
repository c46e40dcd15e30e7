"""Mixtures of Gaussians by textbook formulas, in a form without cancellation."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from benchmarks.endurance.oracles import Known
from benchmarks.endurance.oracles.drawing import conditions, conditions_of_factors


def components(points: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> tuple[np.ndarray, np.ndarray]:
    """Log densities (..., k) of bivariate Gaussians, and how exact they can be.

    With u and v the standardised offsets, u^2 - 2 r u v + v^2 over 1 - r^2 is the mean of (u + v)^2 / (1 + r) and
    (u - v)^2 / (1 - r), and 2 / (1 + r) = 1 + e^(-2a) for r = tanh a.
    """
    a = np.asarray(atanh_correlations)
    u, v = np.moveaxis((points[..., None, :] - means) / np.exp(log_stddevs), -1, 0)
    size, along, across = np.abs(u) + np.abs(v), 1 + np.exp(-2 * a), 1 + np.exp(2 * a)
    form = (along * (u + v) ** 2 + across * (u - v) ** 2) / 4
    log_q = np.log(2) - np.logaddexp(a, -a)  # of 1 / cosh a
    sizes = np.abs(log_stddevs).sum(axis=-1)
    values = -np.log(2 * np.pi) - log_stddevs.sum(axis=-1) - log_q - form / 2
    moved = size * (along * np.abs(u + v) + across * np.abs(u - v))
    moved = moved + 1e-7 * size**2 * (along + across)  # in float32 the second order counts too
    return values, 2 + sizes + 2 * np.abs(a) + (1 + np.abs(a) + sizes) * (form + moved)


def mixed(joint: np.ndarray, scale: np.ndarray, logits: np.ndarray) -> Known:
    """The log of the weighted mean of densities, from logits + log densities (..., k)."""
    total, whole = logsumexp(joint, axis=-1), logsumexp(logits, axis=-1)
    shares = np.exp(joint - total[..., None])
    size = np.max(np.where(np.isfinite(logits), np.abs(logits), 0), axis=-1)
    return Known(total - whole, 2 + size + np.abs(whole) + np.abs(total) + np.sum(shares * scale, axis=-1))


def mixture_log_density(points: Any, logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> tuple:
    values, scale = components(points, means, log_stddevs, atanh_correlations)
    values, scale, logits = np.broadcast_arrays(values, scale, logits)
    return (mixed(logits + values, scale, logits),)


def responsibilities(points: Any, logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> tuple:
    values, scale = components(points, means, log_stddevs, atanh_correlations)
    joint = values + logits
    shares = np.exp(joint - logsumexp(joint, axis=-1, keepdims=True))
    size = scale + np.where(np.isfinite(logits), np.abs(logits), 0)
    return (Known(shares, shares * (1 + size + np.sum(shares * size, axis=-1, keepdims=True)), 1e-37),)


def log_densities(
    points: Any, means: Any, covariances: Any = None, cholesky: Any = None, log_stddevs: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Log densities (..., n) of Gaussians in d dimensions, and how exact they can be."""
    d = means.shape[-1]
    offsets = points[..., None, :] - means
    if covariances is not None:
        matrices = np.empty((*covariances.shape[:-1], d, d))
        matrices[..., *np.triu_indices(d)] = matrices[..., *np.triu_indices(d)[::-1]] = covariances
        precisions, log_determinant = np.linalg.inv(matrices), np.linalg.slogdet(matrices)[1]
        kappa = conditions(matrices, precisions) ** (2 if d > 2 else 1)
    else:
        factors = np.zeros((*(log_stddevs if cholesky is None else cholesky).shape[:-1], d, d))
        if cholesky is None:
            factors[..., range(d), range(d)] = np.exp(log_stddevs)
        else:
            factors[..., *np.tril_indices(d)] = cholesky
        inverse = np.linalg.inv(factors)
        precisions = np.swapaxes(inverse, -1, -2) @ inverse
        diagonal = np.linalg.diagonal(factors)
        log_determinant, kappa = 2 * np.log(diagonal).sum(axis=-1), conditions_of_factors(factors)
        if cholesky is None:
            kappa = kappa * (1 + np.abs(log_stddevs).max(axis=-1))
    q = np.einsum("...i,...ij,...j->...", offsets, precisions, offsets)
    values = -(d * np.log(2 * np.pi) + log_determinant + q) / 2
    return values, d + np.abs(log_determinant) + kappa * (1 + q)


def log_density(points: Any, means: Any, covariances: Any = None, *, cholesky: Any = None) -> tuple:
    return (Known(*log_densities(points, means, covariances, cholesky)),)


def gaussian_mixture_log_density(points: Any, logits: Any, means: Any, **widths: Any) -> tuple:
    values, scale = np.broadcast_arrays(*log_densities(points, means, **widths))
    values, scale, logits = np.broadcast_arrays(values, scale, logits)
    return (mixed(logits + values, scale, logits),)


def bivariate_density(x: Any, mean: Any, stddev: Any, correlation: Any, *, derivatives: bool = False) -> Any:
    """Densities, and the derivatives of their logarithms by the textbook's inverse covariance."""
    r = correlation[..., 0]
    u, v = np.moveaxis((x - mean) / stddev, -1, 0)
    rest = (1 - r) * (1 + r)
    form = ((u + v) ** 2 / (1 + r) + (u - v) ** 2 / (1 - r)) / 2
    density = np.exp(-form / 2) / (2 * np.pi * np.sqrt(rest) * stddev[..., 0] * stddev[..., 1])
    size = (1 + u * u + v * v) / rest
    known = Known(density, density * (1 + size) * 2, 1e-30)
    if not derivatives:
        return (known,)
    to_u, to_v = (u - r * v) / rest, (v - r * u) / rest
    along = np.stack([to_u, to_v], axis=-1)
    turn = r + (u * v * (1 + r * r) - r * (u * u + v * v)) / rest
    scale = 1 + size[..., None] / rest[..., None]
    o = np.stack(np.broadcast_arrays(u, v), axis=-1)
    to_mean = Known(along / stddev, scale / stddev + np.zeros_like(along))
    return known, to_mean, Known(o * along - 1, scale * (1 + np.abs(o))), Known(turn[..., None], scale)


def sample_mixture(
    logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any, *, uniform: Any, noise: Any, bias: float = 0.0
) -> tuple:
    """Points of the component in whose share of [0, 1) the uniform number falls."""
    tempered = logits * (1 + bias)
    shares = np.exp(tempered - logsumexp(tempered, axis=-1, keepdims=True))
    steps = np.cumsum(shares, axis=-1)
    last = shares.shape[-1] - 1 - np.argmax(shares[..., ::-1] > 0, axis=-1)
    chosen = np.minimum(np.sum(steps <= np.asarray(uniform)[..., None], axis=-1), last)
    nearest = np.min(np.abs(steps - np.asarray(uniform)[..., None]), axis=-1)
    shape = np.broadcast_shapes(chosen.shape, noise.shape[:-1], means.shape[:-2])
    chosen = np.broadcast_to(chosen, shape)[..., None]
    a = np.take_along_axis(np.broadcast_to(atanh_correlations, (*shape, means.shape[-2])), chosen, -1)[..., 0]
    mean, log_stddev = (
        np.take_along_axis(np.broadcast_to(each, (*shape, *means.shape[-2:])), chosen[..., None], -2)[..., 0, :]
        for each in (means, log_stddevs)
    )
    placed = np.stack(np.broadcast_arrays(noise[..., 0], np.tanh(a) * noise[..., 0] + noise[..., 1] / np.cosh(a)), -1)
    stddev = np.exp(log_stddev - bias)
    size = np.abs(mean) + stddev * (1 + np.abs(log_stddev) + bias + np.abs(a)[..., None]) * (
        1 + np.abs(noise).sum(-1)[..., None]
    )
    unsure = np.broadcast_to(nearest < 1e-5, shape)[..., None]  # rounding may choose the neighbour
    return (Known(mean + stddev * placed, size, np.where(unsure, np.inf, 0.0)),)


def mixture_moments(logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> tuple:
    shares = np.exp(logits - logsumexp(logits, axis=-1, keepdims=True))[..., None]
    mean = np.sum(shares * means, axis=-2)
    stddevs = np.exp(log_stddevs)
    away = means - mean[..., None, :]
    product = np.tanh(atanh_correlations) * stddevs[..., 0] * stddevs[..., 1]
    rows = np.stack([away[..., 0] ** 2 + stddevs[..., 0] ** 2, away[..., 0] * away[..., 1] + product,
                     away[..., 1] ** 2 + stddevs[..., 1] ** 2], axis=-1)  # fmt: skip
    logs = 1 + np.where(np.isfinite(logits), np.abs(logits), 0).max(axis=-1)[..., None]
    grown = 1 + np.abs(log_stddevs).max(axis=(-1, -2))[..., None]
    size = np.sum(shares * (means**2 + stddevs**2), axis=(-1, -2))[..., None]
    sizes = np.sum(shares * np.abs(means), axis=-2) * logs
    return Known(mean, sizes, 1e-37), Known(np.sum(shares * rows, axis=-2), size * logs * grown + np.zeros(3), 1e-37)
