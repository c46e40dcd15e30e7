"""Keras 3 layers of random numbers: the latent of a variational autoencoder, and the end of a mixture network."""

from typing import Any

import keras
from keras import ops

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.keras import KernelLayer, register
from gaussgrad.ops.latent import kl_divergence, reparameterize
from gaussgrad.ops.mixture import gaussian_mixture_log_density, mixture_log_density

COVARIANCES = ("full", "diagonal")


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
    >>> from gaussgrad.layers.keras_random import GaussianLatent
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


@register
class MixtureDensity(KernelLayer):
    """Keras layer that ends a mixture density network: a dense head that gives the numbers of mixtures of Gaussians.

    Parameters
    ----------
    components : int
        Gaussians per mixture, k.
    dimensions : int
        Of the points, d.
    covariance : {"full", "diagonal"}, optional
        "full": with a correlation, in 2-D only. "diagonal": any d. By default full in 2-D, else diagonal.
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    Notes
    -----
    Input features (b, f); output the raw numbers (b, r) of one mixture each, which `MixtureLoss` scores, `split` cuts,
    and `gaussgrad.sample_mixture` samples. docs/mixtures.md, equations M2 to M7; Bishop (1994), "Mixture density
    networks", section 3.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras_random import MixtureDensity
    >>> head = MixtureDensity(5)
    >>> [tuple(part.shape) for part in head.split(head(keras.ops.ones((8, 16))))]
    [(8, 5), (8, 5, 2), (8, 5, 2), (8, 5)]
    """

    def __init__(self, components: int, *, dimensions: int = 2, covariance: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.components, self.dimensions, self.covariance = _mixture(components, dimensions, covariance)
        per_component = 1 + 2 * self.dimensions + (self.covariance == "full")
        self.head = keras.layers.Dense(self.components * per_component)

    def build(self, input_shape: Any) -> None:
        self.head.build(input_shape)

    def call(self, features: Any) -> Any:
        return self.head(features)

    def split(self, numbers: Any) -> tuple[Any, Any, Any, Any]:
        """Logits (b, k), means and log_stddevs (b, k, d), atanh_correlations (b, k) or None, of numbers (b, r)."""
        return split_mixture(numbers, self.components, self.dimensions, self.covariance)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return *input_shape[:-1], self.head.units

    def get_config(self) -> dict[str, Any]:
        names = ("components", "dimensions", "covariance")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@register
class MixtureLoss(keras.losses.Loss):
    """The negative log density, in nats, of points (b, d) under the mixtures that `MixtureDensity` gives as numbers.

    Parameters
    ----------
    components, dimensions, covariance
        Those of the layer.
    **kwargs
        Of `keras.losses.Loss`, such as `reduction`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, points that do not fit.

    Notes
    -----
    Differentiable to the numbers and points. docs/mixtures.md, equation M6.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras_random import MixtureLoss
    >>> round(float(MixtureLoss(1)(keras.ops.zeros((3, 2)), keras.ops.zeros((3, 6)))), 4)  # log 2 pi
    1.8379
    """

    def __init__(
        self,
        components: int,
        *,
        dimensions: int = 2,
        covariance: str | None = None,
        name: str = "mixture",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.components, self.dimensions, self.covariance = _mixture(components, dimensions, covariance)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        logits, means, log_stddevs, rest = split_mixture(y_pred, self.components, self.dimensions, self.covariance)
        points = ops.cast(y_true, y_pred.dtype)
        if rest is None:
            return -gaussian_mixture_log_density(points, logits, means, log_stddevs=log_stddevs)
        return -mixture_log_density(points, logits, means, log_stddevs, rest)

    def get_config(self) -> dict[str, Any]:
        names = ("components", "dimensions", "covariance")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def split_mixture(numbers: Any, k: int, d: int, covariance: str) -> tuple[Any, Any, Any, Any]:
    """Logits (b, k), means and log_stddevs (b, k, d), atanh_correlations (b, k) or None, of numbers (b, r)."""
    means, log_stddevs = (ops.reshape(numbers[..., start : start + k * d], (-1, k, d)) for start in (k, k + k * d))
    return numbers[..., :k], means, log_stddevs, numbers[..., k + 2 * k * d :] if covariance == "full" else None


def _mixture(components: Any, dimensions: Any, covariance: Any) -> tuple[int, int, str]:
    k, d = checks.count("components", components), checks.count("dimensions", dimensions)
    covariance = checks.option("covariance", covariance or ("full" if d == 2 else "diagonal"), COVARIANCES)
    if covariance == "full" and d != 2:
        raise ValueError(complain("covariance", f"'diagonal' in {d}-D", "'full'"))
    return k, d, covariance
