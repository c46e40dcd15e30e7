"""The log density of mixtures of bivariate Gaussians as people write it, and the truth in 60 digits."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import torch

import gaussgrad

EPSILON = 1e-10  # of the copied form

Arrays = tuple[
    torch.Tensor, ...
]  # points (n, 2), logits (n, k), means, log stddevs (n, k, 2), atanh correlations (n, k)

mp = mpmath.mp.clone()
mp.dps = 60


def copied(points: torch.Tensor, logits: torch.Tensor, means: torch.Tensor, log_stddevs: torch.Tensor, a: torch.Tensor):
    """Density before logarithm, 1e-10 in each denominator and no negative quadratic form: Graves (2013), as copied."""
    stddevs, rho = log_stddevs.exp(), torch.tanh(a)
    o = (points[..., None, :] - means) / (stddevs + EPSILON)
    x, y = o.unbind(-1)
    form = torch.clamp((x - y) ** 2 + 2 * (1 - rho) * x * y, min=0)
    normalizer = 2 * math.pi * stddevs.prod(-1) * torch.sqrt(1 - rho**2 + EPSILON) + EPSILON
    density = torch.exp(-form / (2 * (1 - rho**2) + EPSILON)) / normalizer
    return torch.log(torch.sum(torch.softmax(logits, -1) * density, -1))


def closed(points: torch.Tensor, logits: torch.Tensor, means: torch.Tensor, log_stddevs: torch.Tensor, a: torch.Tensor):
    """The closed form in logarithms, eager."""
    rho = torch.tanh(a)
    x, y = ((points[..., None, :] - means) * torch.exp(-log_stddevs)).unbind(-1)
    rest = 1 - rho * rho
    form = (x * x + y * y - 2 * rho * x * y) / rest
    densities = -math.log(2 * math.pi) - log_stddevs.sum(-1) - 0.5 * torch.log(rest) - 0.5 * form
    return torch.logsumexp(torch.log_softmax(logits, -1) + densities, -1)


def distributions(
    points: torch.Tensor, logits: torch.Tensor, means: torch.Tensor, log_stddevs: torch.Tensor, a: torch.Tensor
):
    """torch.distributions, by Cholesky factors and without validation: its fastest way."""
    stddevs, rho = log_stddevs.exp(), torch.tanh(a)
    s, t = stddevs.unbind(-1)
    factors = torch.stack([s, torch.zeros_like(s), rho * t, torch.sqrt(1 - rho * rho) * t], -1).unflatten(-1, (2, 2))
    components = torch.distributions.MultivariateNormal(means, scale_tril=factors, validate_args=False)
    weights = torch.distributions.Categorical(logits=logits, validate_args=False)
    return torch.distributions.MixtureSameFamily(weights, components, validate_args=False).log_prob(points)


FORMS: dict[str, Callable[..., torch.Tensor]] = {
    "copied, with 1e-10": copied,
    "closed form in logarithms": closed,
    "torch.distributions": distributions,
    "gaussgrad": gaussgrad.mixture_log_density,
}


def truth(point: Any, mean: Any, log_stddev: Any, a: Any) -> tuple[float, float]:
    """The log density of one Gaussian and its derivative to a = atanh of the correlation; the numbers are exact."""
    u, v = (
        (mp.mpf(float(x)) - mp.mpf(float(m))) / mp.exp(float(s))
        for x, m, s in zip(point, mean, log_stddev, strict=True)
    )
    number = mp.mpf(float(a))

    def log_density(number: Any) -> Any:
        rho = mp.tanh(number)
        rest = 1 - rho * rho
        form = (u * u - 2 * rho * u * v + v * v) / rest
        return -mp.log(2 * mp.pi) - sum(mp.mpf(float(s)) for s in log_stddev) - mp.log(rest) / 2 - form / 2

    step = mp.mpf(10) ** -20
    return float(log_density(number)), float((log_density(number + step) - log_density(number - step)) / (2 * step))


def draws(a: float, count: int) -> Arrays:
    """Points in float32 from Gaussians of one component each, of stddevs e^-1 to e, and of both signs of a."""
    rng = np.random.default_rng(0)
    sign = np.where(np.arange(count) % 2, 1, -1)
    means, log_stddevs = rng.normal(size=(count, 1, 2)), rng.uniform(-1, 1, size=(count, 1, 2))
    normal = rng.normal(size=(count, 2))
    normal[:, 1] = np.tanh(sign * a) * normal[:, 0] + normal[:, 1] / np.cosh(a)
    points = means[:, 0] + np.exp(log_stddevs[:, 0]) * normal
    arrays = (points, np.zeros((count, 1)), means, log_stddevs, (sign * a)[:, None])
    return tuple(torch.tensor(array, dtype=torch.float32) for array in arrays)


def heads(points: int, components: int) -> Arrays:
    """What a network of mixtures gives, in float32: a mixture of its own for every point."""
    rng = np.random.default_rng(0)
    shape = (points, components)
    arrays = [rng.normal(size=size) for size in ((points, 2), shape, (*shape, 2), (*shape, 2), shape)]
    return tuple(torch.tensor(array, dtype=torch.float32) for array in arrays)
