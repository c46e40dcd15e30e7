"""The Keras layer of random numbers: the latent of a variational autoencoder."""

from typing import Any

import keras
from keras import ops

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.keras.base import register
from gaussgrad.ops.latent import kl_divergence, reparameterize


@register
class GaussianLatent(keras.layers.Layer):
    """Keras layer that samples a Gaussian latent: called with [mean, log_variance].

    Parameters
    ----------
    prior_mean, prior_variance : number
        The prior; the variance is positive.
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
        For options out of range, an input that is not a pair.

    Notes
    -----
    Input a pair of tensors (b, ...); output (b, ...). Differentiable to both: docs/latent.md, equations 2 and 6.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import GaussianLatent
    >>> mean = log_variance = keras.ops.zeros((4, 20))
    >>> tuple(GaussianLatent(seed=0)([mean, log_variance], training=True).shape)
    (4, 20)
    """

    def __init__(
        self,
        prior_mean: float = 0.0,
        prior_variance: float = 1.0,
        *,
        divergence_loss: bool = False,
        sample_in_eval: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prior_mean = checks.number("prior_mean", prior_mean, "a finite number", float("-inf"))
        self.prior_variance = checks.number("prior_variance", prior_variance, "a positive number", 5e-324)
        self.divergence_loss = checks.option("divergence_loss", divergence_loss, (False, True))
        self.sample_in_eval = checks.option("sample_in_eval", sample_in_eval, (False, True))
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, parameters: Any, training: bool | None = None) -> Any:
        """A sample (b, ...); in evaluation the mean in its place."""
        mean, log_variance = _pair(parameters)
        if self.divergence_loss:
            each = kl_divergence(mean, log_variance, self.prior_mean, self.prior_variance)
            self.add_loss(ops.mean(ops.sum(each, axis=tuple(range(1, len(each.shape))))))
        if not (training or self.sample_in_eval):
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.generator)
        return reparameterize(mean, log_variance, noise)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(_pair(input_shape)[0])

    def get_config(self) -> dict[str, Any]:
        names = ("prior_mean", "prior_variance", "divergence_loss", "sample_in_eval", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _pair(parameters: Any) -> tuple[Any, Any]:
    if not isinstance(parameters, (tuple, list)) or len(parameters) != 2:
        raise TypeError(complain("parameters", "a pair [mean, log_variance]", f"a {type(parameters).__name__}"))
    return parameters[0], parameters[1]
