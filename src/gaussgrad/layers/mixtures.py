"""What the numbers of a mixture density network mean, written once for every framework."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gaussgrad.dispatch import unify
from gaussgrad.layers.options import MixtureOptions
from gaussgrad.ops.mixture import gaussian_mixture_log_density, mixture_log_density, sample_mixture
from gaussgrad.ops.mixture.floor import widen, widen_diagonal
from gaussgrad.ops.mixture.sampling import sample_diagonal_mixture


class Mixture(NamedTuple):
    """The numbers of mixtures of Gaussians: k components in d dimensions.

    Attributes
    ----------
    logits : array (..., k)
        Of the weights; their softmax sums to 1.
    means : array (..., k, d)
        In the unit of the points.
    log_stddevs : array (..., k, d)
        Logarithms of standard deviations.
    atanh_correlations : array (..., k), or None
        None where the components are diagonal.

    Examples
    --------
    >>> import gaussgrad
    >>> mixture = Mixture([0.0, 0.0], [[-1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0])
    >>> mean, covariance = gaussgrad.mixture_moments(*mixture)
    >>> mean.tolist(), covariance.tolist()
    ([0.0, 0.0], [2.0, 0.0, 1.0])
    """

    logits: Any  # (..., k)
    means: Any  # (..., k, d)
    log_stddevs: Any  # (..., k, d)
    atanh_correlations: Any | None  # (..., k)


def from_parts(
    parts: Sequence[Any], options: MixtureOptions, reshape: Callable[[Any, tuple[Any, ...]], Any]
) -> Mixture:
    """The mixtures of numbers (..., r), which come cut by `options.lengths`; `reshape` is the framework's own."""
    logits, means, log_stddevs, correlations = parts
    shape = (*logits.shape[:-1], options.components, options.dimensions)
    return Mixture(
        logits, reshape(means, shape), reshape(log_stddevs, shape), correlations if options.correlated else None
    )


def widened(mixture: Mixture, variance: float) -> Mixture:
    """The mixtures with this positive number added to every variance, their covariances as they are."""
    logits, means, log_stddevs, correlations = mixture
    xp = unify(log_stddevs=log_stddevs).namespace
    if correlations is None:
        return Mixture(logits, means, widen_diagonal(xp, log_stddevs, variance), None)
    return Mixture(logits, means, *widen(xp, log_stddevs, correlations, variance))


def log_density(points: Any, mixture: Mixture, backend: str | None) -> Any:
    """Log densities (...) of points (..., d), in nats."""
    logits, means, log_stddevs, correlations = mixture
    if correlations is None:
        return gaussian_mixture_log_density(points, logits, means, log_stddevs=log_stddevs)
    return mixture_log_density(points, logits, means, log_stddevs, correlations, backend=backend)


def sample(mixture: Mixture, *, uniform: Any, noise: Any, bias: float) -> Any:
    """Points (..., d), one of each mixture, from random numbers (...) and (..., d); see `gaussgrad.sample_mixture`."""
    logits, means, log_stddevs, correlations = mixture
    if correlations is None:
        return sample_diagonal_mixture(logits, means, log_stddevs, uniform=uniform, noise=noise, bias=bias)
    return sample_mixture(*mixture, uniform=uniform, noise=noise, bias=bias)
