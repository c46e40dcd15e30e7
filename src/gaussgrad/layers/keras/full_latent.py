"""A Keras latent layer whose numbers depend on each other: Gaussians with full covariances."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from keras import ops

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers import full_gaussian
from gaussgrad.layers.keras.base import register
from gaussgrad.layers.keras.latent import LatentDistribution, repeat_for
from gaussgrad.layers.reductions import sum_last
from gaussgrad.ops.latent import kl_divergence_full, triangles


@final
@register
class FullGaussianLatent(LatentDistribution):
    """Keras layer that samples a Gaussian latent with a full covariance: called with [mean, cholesky].

    Parameters
    ----------
    prior_mean : d numbers, optional
        By default zero.
    prior_cholesky : d(d+1)/2 numbers, optional
        The lower Cholesky factor of the prior's covariance, packed by rows, its diagonal in natural logarithms. By
        default that of the identity.
    divergence_loss, sample_in_eval, seed
        As of `GaussianLatent`.
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that is not a pair, shapes that disagree.

    Notes
    -----
    Input a mean (b, ..., d) and a Cholesky factor (b, ..., d(d+1)/2): lower triangle packed by rows, its diagonal in
    natural logarithms, so that any real numbers are valid and the raw output of `Dense` trains. Output (b, ..., d).
    Differentiable in both. The divergence is one number per vector, (b, ...). docs/latent.md, equations 10 to 13.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import FullGaussianLatent
    >>> latent = FullGaussianLatent(seed=0)
    >>> pair = [keras.ops.zeros((4, 3)), keras.ops.zeros((4, 6))]
    >>> tuple(latent(pair, training=True).shape), float(latent.kl_divergence(pair, reduction="batch"))
    ((4, 3), 0.0)
    """

    names = ("mean", "cholesky")

    def __init__(
        self,
        prior_mean: Any = None,
        prior_cholesky: Any = None,
        *,
        divergence_loss: bool = False,
        sample_in_eval: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(divergence_loss, sample_in_eval, seed, **kwargs)
        self.prior_mean = _numbers("prior_mean", prior_mean)
        self.prior_cholesky = _numbers("prior_cholesky", prior_cholesky)

    def log_density(self, sample: Any, parameters: Any) -> Any:
        mean, cholesky = self._open(parameters)
        return sum_last(full_gaussian.log_density(sample, mean, cholesky, _solve), len(mean.shape) - 2)

    def prior_log_density(self, sample: Any, parameters: Any) -> Any:
        mean, cholesky = self._open(parameters)
        prior_mean = repeat_for(mean, 0.0 if self.prior_mean is None else self.prior_mean)
        prior_cholesky = repeat_for(cholesky, 0.0 if self.prior_cholesky is None else self.prior_cholesky)
        return sum_last(full_gaussian.log_density(sample, prior_mean, prior_cholesky, _solve), len(mean.shape) - 2)

    def _move_noise(self, mean: Any, width: Any, noise: Any) -> Any:
        return full_gaussian.move_noise(mean, width, noise)

    def _divergence(self, mean: Any, width: Any) -> Any:
        prior_mean = None if self.prior_mean is None else repeat_for(mean, self.prior_mean)
        prior_cholesky = None if self.prior_cholesky is None else repeat_for(width, self.prior_cholesky)
        return kl_divergence_full(
            mean, prior_mean=prior_mean, cholesky=width, prior_cholesky=prior_cholesky, log_diagonal=True
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = super().compute_output_shape(input_shape)
        self._check_shapes(*input_shape)
        return shape

    def _open(self, parameters: Any) -> tuple[Any, Any]:
        mean, cholesky = super()._open(parameters)
        self._check_shapes(mean.shape, cholesky.shape)
        return mean, cholesky

    def _check_shapes(self, mean: Sequence[Any], cholesky: Sequence[Any]) -> None:
        """Refuse a pair that disagrees, or does not fit the prior."""
        full_gaussian.check_shapes(mean, cholesky)
        d = mean[-1]
        if self.prior_mean is not None:
            checks.last_axis("prior_mean", (len(self.prior_mean),), d, f"of last axis {d}")
        if self.prior_cholesky is not None:
            triangles.dimensions("prior_cholesky", (len(self.prior_cholesky),), d)

    def get_config(self) -> dict[str, Any]:
        prior = {"prior_mean": self.prior_mean, "prior_cholesky": self.prior_cholesky}
        return {**super().get_config(), **prior}


def _numbers(name: str, values: Any) -> list[float] | None:
    """A plain list, which `get_config` can hold, or None."""
    if values is None:
        return None
    array = np.asarray(ops.convert_to_numpy(values) if ops.is_tensor(values) else values)
    wanted = "a list of numbers, or None"
    if array.dtype.kind not in "fiu":
        raise TypeError(complain(name, wanted, repr(values)))
    if array.ndim != 1 or not array.size:
        raise ValueError(complain(name, wanted, f"shape {array.shape}"))
    checks.finite(name, array)
    return array.astype(np.float64).tolist()


def _solve(root: Any, right: Any) -> Any:
    """root^-1 right of lower triangles (..., d, d); Keras wants equal leading axes."""
    return ops.solve_triangular(root + ops.zeros_like(right), right, lower=True)
