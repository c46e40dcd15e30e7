"""Keras layers that sample: the latent of a variational autoencoder, with its divergence from a prior."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, final

import keras
import numpy as np
from keras import ops

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.keras.base import register
from gaussgrad.layers.reductions import reduce_divergence, sum_last
from gaussgrad.ops.latent import elementwise_log_density, kl_divergence, reparameterize


class LatentDistribution(keras.layers.Layer, ABC):
    """A distribution q(z | x) with parameters that a network gives, beside a fixed prior p(z). Abstract.

    Called with the parameters it samples in training, and gives the mean in evaluation unless told otherwise. The first
    axis of the mean counts examples, all others belong to the latent of one example; samples may have axes before.
    Options as of `GaussianLatent`.

    Examples
    --------
    A training loop that takes any latent:

    >>> import keras
    >>> from gaussgrad.layers.keras import GaussianLatent, LatentDistribution
    >>> def divergence(latent: LatentDistribution, parameters: list) -> float:
    ...     return float(latent.kl_divergence(parameters, reduction="batch", beta=0.5))
    >>> divergence(GaussianLatent(), [keras.ops.ones((4, 2)), keras.ops.zeros((4, 2))])
    0.5
    """

    names: tuple[str, str]

    def __init__(self, divergence_loss: bool, sample_in_eval: bool, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.divergence_loss = checks.option("divergence_loss", divergence_loss, (False, True))
        self.sample_in_eval = checks.option("sample_in_eval", sample_in_eval, (False, True))
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, parameters: Any, training: bool | None = None) -> Any:
        """A sample (b, ...); in evaluation the mean in its place."""
        mean, _ = self._open(parameters)
        if self.divergence_loss:
            self.add_loss(self.kl_divergence(parameters, reduction="batch"))
        return self.sample(parameters) if training or self.sample_in_eval else mean

    def sample(self, parameters: Any, *, samples: int | None = None) -> Any:
        """A sample (b, ...), or `samples` of them (samples, b, ...), differentiable in the parameters."""
        mean, width = self._open(parameters)
        shape = ops.shape(mean) if samples is None else (checks.count("samples", samples), *ops.shape(mean))
        noise = keras.random.normal(shape, dtype=mean.dtype, seed=self.generator)
        return self._move_noise(mean, width, noise)

    def kl_divergence(
        self,
        parameters: Any,
        *,
        reduction: str,
        free_bits: float = 0.0,
        free_bits_of: str = "example",
        beta: Any = 1.0,
    ) -> Any:
        """The divergence of q(z | x) from the prior, in nats; see `gaussgrad.layers.reductions.reduce_divergence`."""
        each = self._divergence(*self._open(parameters))
        return reduce_divergence(each, reduction, free_bits=free_bits, free_bits_of=free_bits_of, beta=beta)

    @abstractmethod
    def log_density(self, sample: Any, parameters: Any) -> Any:
        """log q(sample | x), (b,) for samples (b, ...), (samples, b) for (samples, b, ...), in nats."""

    @abstractmethod
    def prior_log_density(self, sample: Any, parameters: Any) -> Any:
        """log p(sample), of the shape of `log_density`, in nats; the parameters tell the axes only."""

    @abstractmethod
    def _move_noise(self, mean: Any, width: Any, noise: Any) -> Any:
        """The sample that standard normal numbers of the shape of the mean make."""

    @abstractmethod
    def _divergence(self, mean: Any, width: Any) -> Any:
        """The divergence from the prior before it is reduced, (b, ...)."""

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        mean, _ = self._pair(input_shape)
        if not isinstance(mean, (tuple, list)):  # the shape of a single tensor
            raise self._no_pair("one tensor")
        return tuple(mean)

    def get_config(self) -> dict[str, Any]:
        names = ("divergence_loss", "sample_in_eval", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _open(self, parameters: Any) -> tuple[Any, Any]:
        """The pair as tensors, or an error."""
        mean, width = self._pair(parameters)
        return ops.convert_to_tensor(mean), ops.convert_to_tensor(width)

    def _pair(self, parameters: Any) -> tuple[Any, Any]:
        if not isinstance(parameters, (tuple, list)) or len(parameters) != 2:
            raise self._no_pair(f"a {type(parameters).__name__}")
        return parameters[0], parameters[1]

    def _no_pair(self, got: str) -> TypeError:
        return TypeError(complain("parameters", f"a pair [{', '.join(self.names)}]", got))


@final
@register
class GaussianLatent(LatentDistribution):
    """Keras layer that samples a Gaussian latent: called with [mean, log_variance].

    Parameters
    ----------
    prior_mean, prior_variance : number, or array
        The prior; variances are positive. Plain numbers keep all their digits; arrays and lists broadcast with the
        latent.
    divergence_loss : bool
        Whether the layer adds the divergence from the prior, summed over the latent and averaged over the batch, to the
        losses of the model (`add_loss`). Off by default, so that none is counted twice.
    sample_in_eval : bool
        Whether to sample in evaluation too, where the mean is given otherwise.
    seed : int, optional
        Of the layer's own generator.
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that is not a pair, a prior that does not broadcast with it.

    Notes
    -----
    Input a pair of tensors (b, ...); output (b, ...). Differentiable in both: docs/latent.md, equations 2 and 6.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import GaussianLatent
    >>> mean = log_variance = keras.ops.zeros((4, 20))
    >>> tuple(GaussianLatent(seed=0)([mean, log_variance], training=True).shape)
    (4, 20)
    """

    names = ("mean", "log_variance")

    def __init__(
        self,
        prior_mean: Any = 0.0,
        prior_variance: Any = 1.0,
        *,
        divergence_loss: bool = False,
        sample_in_eval: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(divergence_loss, sample_in_eval, seed, **kwargs)
        self.prior_mean = _numbers("prior_mean", prior_mean, checks.finite)
        self.prior_variance = _numbers("prior_variance", prior_variance, checks.positive)

    @property
    def prior_stddev(self) -> Any:
        """The standard deviation of the prior, a number or an array as the variance is."""
        variance = self.prior_variance
        return math.sqrt(variance) if isinstance(variance, float) else np.sqrt(variance)

    def log_density(self, sample: Any, parameters: Any) -> Any:
        mean, log_variance = self._open(parameters)
        return sum_last(elementwise_log_density(sample, mean, log_variance), len(mean.shape) - 1)

    def prior_log_density(self, sample: Any, parameters: Any) -> Any:
        mean, _ = self._open(parameters)
        prior = (self.prior_mean, np.log(self.prior_variance))
        each = elementwise_log_density(sample, *(repeat_for(mean, numbers) for numbers in prior))
        return sum_last(each, len(mean.shape) - 1)

    def _move_noise(self, mean: Any, width: Any, noise: Any) -> Any:
        return reparameterize(mean, width, noise)

    def _divergence(self, mean: Any, width: Any) -> Any:
        prior = (self.prior_mean, self.prior_variance)
        return kl_divergence(mean, width, *(_like(mean, numbers) for numbers in prior))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = super().compute_output_shape(input_shape)
        self._check_prior(shape)
        return shape

    def _open(self, parameters: Any) -> tuple[Any, Any]:
        mean, log_variance = super()._open(parameters)
        self._check_prior(tuple(mean.shape))
        return mean, log_variance

    def _check_prior(self, mean: tuple[int | None, ...]) -> None:
        """Refuse a prior that is wider than a mean of this shape; None is a size that is not known yet."""
        for name in ("prior_mean", "prior_variance"):
            shape = np.shape(getattr(self, name))
            sizes = zip(reversed(shape), reversed(mean), strict=False)
            if len(shape) > len(mean) or any(own not in (1, other) and other is not None for own, other in sizes):
                raise ValueError(
                    complain(name, f"of a shape that broadcasts to that of mean, {mean}", f"shape {shape}")
                )

    def get_config(self) -> dict[str, Any]:
        prior = {name: np.asarray(getattr(self, name)).tolist() for name in ("prior_mean", "prior_variance")}
        return {**super().get_config(), **prior}


def repeat_for(array: Any, numbers: Any) -> Any:
    """The numbers once per vector, of the dtype and shape of the array."""
    return ops.zeros_like(array) + ops.convert_to_tensor(numbers, dtype=array.dtype)


def _numbers(name: str, values: Any, check: Callable[[str, np.ndarray], None]) -> Any:
    """A float, or an array in float64; anything else is refused."""
    array = np.asarray(ops.convert_to_numpy(values) if ops.is_tensor(values) else values)
    if array.dtype.kind not in "fiu":
        raise TypeError(complain(name, "a number, or an array of them", repr(values)))
    array = array.astype(np.float64)
    check(name, array)
    return array if array.ndim else float(array)


def _like(array: Any, numbers: Any) -> Any:
    """A number as it is, with all its digits; an array as a tensor."""
    return numbers if isinstance(numbers, float) else ops.convert_to_tensor(numbers, dtype=array.dtype)
