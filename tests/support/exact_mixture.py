"""Mixtures of bivariate Gaussians in 60 digits, by the textbook formula with an inverse covariance."""

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 60
STEP = mp.mpf(10) ** -20  # of central differences, whose error is then some 1e-38


def log_density_of_one(x: Any, mean: Any, log_stddev: Any, atanh_correlation: Any) -> Any:
    """Bishop (2006), equation 2.43, with the covariance written out."""
    s, t = (mp.exp(value) for value in log_stddev)
    correlation = mp.tanh(atanh_correlation)
    xx, xy, yy = s * s, correlation * s * t, t * t
    determinant = xx * yy - xy * xy
    u, v = x[0] - mean[0], x[1] - mean[1]
    form = (yy * u * u - 2 * xy * u * v + xx * v * v) / determinant
    return -mp.log(2 * mp.pi) - mp.log(determinant) / 2 - form / 2


def log_density(x: Any, logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> Any:
    """Of one point under one mixture; logits of -infinity are left out."""
    densities, weights = [], []
    for logit, mean, log_stddev, a in zip(logits, means, log_stddevs, atanh_correlations, strict=True):
        if logit != -mp.inf:
            weights.append(mp.exp(logit))
            densities.append(mp.exp(logit + log_density_of_one(x, mean, log_stddev, a)))
    return mp.log(sum(densities)) - mp.log(sum(weights))


def exactly(array: Any) -> Any:
    """The numbers of an array as nested lists in 60 digits, none rounded."""
    return [exactly(item) for item in array] if np.ndim(array) else mp.mpf(float(array))


def gradient(function: Callable[..., Any], arguments: Sequence[Any]) -> list[np.ndarray]:
    """Central differences of a function of arrays, in 60 digits, as float64; 0 where a number is infinite."""
    values = [exactly(argument) for argument in arguments]
    results = []
    for position, argument in enumerate(arguments):
        result = np.zeros(np.shape(argument))
        for index in np.ndindex(*np.shape(argument)):
            if np.isfinite(argument[index]):
                result[index] = float(_difference(function, values, position, index))
        results.append(result)
    return results


def _difference(function: Callable[..., Any], values: list[Any], position: int, index: tuple[int, ...]) -> Any:
    holder = values[position]
    for i in index[:-1]:
        holder = holder[i]
    centre = holder[index[-1]]
    step = STEP * max(1, abs(centre))
    ends = []
    for moved in (centre + step, centre - step):
        holder[index[-1]] = moved
        ends.append(function(*values))
    holder[index[-1]] = centre
    return (ends[0] - ends[1]) / (2 * step)
