"""Samples as a differentiable function of mean, width and noise."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import unify
from gaussgrad.ops.latent import arguments


def reparameterize(mean: Any, log_variance: Any = None, noise: Any = None, *, stddev: Any = None) -> Any:
    """Samples mean + exp(log_variance / 2) * noise, differentiable in the mean and the width.

    The noise is an argument: draw it from a standard normal distribution, with any generator you like.
    `gaussgrad.layers.torch.latent.GaussianLatent` draws it for you.

    Parameters
    ----------
    mean : array (...)
        Means of the samples.
    log_variance : array (...)
        Natural logarithms of the variances, of the shape of `mean`. Or leave it out and give `stddev`.
    noise : array (..., ...)
        Standard normal draws. Its shape broadcasts with that of `mean`: leading axes are several samples.
    stddev : array (...), optional
        Standard deviations, zero or more, instead of `log_variance`.

    Returns
    -------
    samples : array (..., ...)
        Of the broadcast shape. The derivative with respect to `mean` is 1, to `stddev` the noise, and to `log_variance`
        stddev * noise / 2.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite, a negative stddev.
    TypeError
        For integer tensors, mixed dtypes, a missing noise, or a width given twice or not at all.

    Notes
    -----
    docs/latent.md, equation 2. Kingma and Welling (2014), "Auto-encoding variational Bayes", section 2.4.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.reparameterize([5.0, 5.0], [0.0, -2.0], [1.0, -1.0]).round(4).tolist()
    [6.0, 4.6321]
    >>> gaussgrad.reparameterize([5.0, 5.0], stddev=[1.0, 2.0], noise=[1.0, -1.0]).tolist()
    [6.0, 3.0]
    """
    if (log_variance is None) == (stddev is None):
        got = "neither" if stddev is None else "both"
        raise TypeError(checks.complain("exactly one of log_variance and stddev", "given", got))
    name, width = ("log_variance", log_variance) if stddev is None else ("stddev", stddev)
    unified = unify(**{"mean": mean, name: width, "noise": noise})
    mean, width, noise = unified.arrays
    arguments.check_same_shape(**{"mean": mean, name: width})
    arguments.check_broadcast("mean", (mean if mean.ndim else width).shape, noise=noise)
    arguments.check_values(unified, checks.finite, mean=mean, noise=noise)
    if stddev is None:
        arguments.check_values(unified, checks.finite, log_variance=width)
        width = unified.namespace.exp(width / 2)
    else:
        arguments.check_values(unified, _not_negative, stddev=width)
    return unified.restore(mean + width * noise)


def _not_negative(argument: str, values: np.ndarray) -> None:
    checks.finite(argument, values)
    index = checks.first_offender(values < 0)
    if index is not None:
        raise ValueError(checks.complain(argument, "zero or more", f"{values[index]} at {argument}{list(index)}"))
