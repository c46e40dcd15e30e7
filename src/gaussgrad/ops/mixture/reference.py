"""The dense mixture of bivariate Gaussians: short, differentiable to any order. The oracle of the kernels."""

import math
from typing import Any


def component_log_densities(xp: Any, points: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> Any:
    """Log densities (..., k) of points (..., 2) under each component; equations M2 to M4.

    The sign is a choice, not `sign`, whose derivative and value at 0 would give no gradient where networks start.
    """
    o = (points[..., None, :] - means) * xp.exp(-log_stddevs)
    o_x, o_y = o[..., 0], o[..., 1]
    one = xp.ones_like(atanh_correlations)
    sign = xp.where(atanh_correlations >= 0, one, -one)
    size = sign * atanh_correlations
    small = xp.exp(-size)
    d = (o_y - sign * o_x) * (small + xp.exp(size)) / 2 + sign * small * o_x
    log_q = math.log(2) - size - xp.log1p(small * small)
    return -math.log(2 * math.pi) - xp.sum(log_stddevs, axis=-1) - log_q - (o_x * o_x + d * d) / 2


def log_sum_exp(xp: Any, values: Any) -> Any:
    """Logarithm of the sum of exponentials along the last axis, one entry long then; -infinity counts as nothing."""
    top = xp.max(values, axis=-1, keepdims=True)
    top = xp.where(top > -math.inf, top, xp.zeros_like(top))
    total = xp.sum(xp.exp(values - top), axis=-1, keepdims=True)
    found = total > 0
    value = top + xp.log(xp.where(found, total, xp.ones_like(total)))
    return xp.where(found, value, xp.full_like(value, -math.inf))


def softmax(xp: Any, values: Any) -> Any:
    """Exponentials that sum to 1 along the last axis; -infinity counts as nothing."""
    shares = xp.exp(values - xp.max(values, axis=-1, keepdims=True))
    return shares / xp.sum(shares, axis=-1, keepdims=True)


def mixture_log_density(
    xp: Any,
    points: Any,  # (b, 2)
    logits: Any,  # (b, k)
    means: Any,  # (b, k, 2)
    log_stddevs: Any,  # (b, k, 2)
    atanh_correlations: Any,  # (b, k)
    *,
    start: int = 0,
    count: int | None = None,
) -> Any:
    """The log densities (b, 1), which have one position; equation M6."""
    densities = component_log_densities(xp, points, means, log_stddevs, atanh_correlations)
    values = log_sum_exp(xp, logits + densities) - log_sum_exp(xp, logits)
    return values if count is None else values[:, start : start + count]
