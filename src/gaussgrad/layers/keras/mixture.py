"""Keras layer and loss of mixture density networks."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.dispatch import unify
from gaussgrad.layers.clusters import FIRST_WEIGHTS, start_of_mixture
from gaussgrad.layers.keras.base import KernelLayer, register
from gaussgrad.ops.mixture import gaussian_mixture_log_density, mixture_log_density, sample_mixture
from gaussgrad.ops.mixture.floor import widen, widen_diagonal
from gaussgrad.ops.mixture.sampling import sample_diagonal_mixture

COVARIANCES = ("full", "diagonal")


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
    variance_floor : float
        As of `gaussgrad.layers.torch.mixture.MixtureDensity`: added to every variance, covariances stay as they are.
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    Notes
    -----
    Input features (b, f); output the numbers (b, r) of one mixture each, which `MixtureLoss` scores, `split` cuts, and
    `sample` draws from; float32 where the layer computes in half precision. docs/mixtures.md, equations M2 to M12;
    Bishop (1994), "Mixture density networks", section 3.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import MixtureDensity
    >>> head = MixtureDensity(5)
    >>> [tuple(part.shape) for part in head.split(head(keras.ops.ones((8, 16))))]
    [(8, 5), (8, 5, 2), (8, 5, 2), (8, 5)]
    """

    def __init__(
        self,
        components: int,
        *,
        dimensions: int = 2,
        covariance: str | None = None,
        variance_floor: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.components, self.dimensions, self.covariance = _mixture(components, dimensions, covariance)
        self.variance_floor = checks.number("variance_floor", variance_floor, "a number >= 0", 0.0)
        per_component = 1 + 2 * self.dimensions + (self.covariance == "full")
        self.head = keras.layers.Dense(self.components * per_component, dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        self.head.build(input_shape)

    def call(self, features: Any) -> Any:
        """Numbers (b, r) of features (b, f)."""
        numbers = self.head(features)
        if keras.backend.standardize_dtype(numbers.dtype) in ("float16", "bfloat16"):
            numbers = ops.cast(numbers, "float32")
        return self._widened(numbers) if self.variance_floor else numbers

    def _widened(self, numbers: Any) -> Any:
        logits, means, log_stddevs, correlations = self.split(numbers)
        xp = unify(log_stddevs=log_stddevs).namespace
        if correlations is None:
            parts = [logits, means, widen_diagonal(xp, log_stddevs, self.variance_floor)]
        else:
            parts = [logits, means, *widen(xp, log_stddevs, correlations, self.variance_floor)]
        return ops.concatenate([ops.reshape(part, (-1, math.prod(part.shape[1:]))) for part in parts], axis=-1)

    def split(self, numbers: Any) -> tuple[Any, Any, Any, Any]:
        """Logits (b, k), means and log_stddevs (b, k, d), atanh_correlations (b, k) or None, of numbers (b, r)."""
        return split_mixture(numbers, self.components, self.dimensions, self.covariance)

    def sample(self, numbers: Any, *, seed: Any, bias: float = 0.0) -> Any:
        """Points (b, d), one of each mixture of numbers (b, r); a bias above 0 prefers what is likely.

        `seed` is a `keras.random.SeedGenerator`, which goes on from call to call, or an int, which gives the same each
        time. Differentiable as `gaussgrad.sample_mixture`.
        """
        if not isinstance(seed, (int, keras.random.SeedGenerator)):
            raise TypeError(complain("seed", "a keras.random.SeedGenerator or an int", f"a {type(seed).__name__}"))
        bias = checks.number("bias", bias, "a number >= 0", 0.0)
        seed = keras.random.SeedGenerator(seed) if isinstance(seed, int) else seed
        logits, means, log_stddevs, correlations = self.split(ops.convert_to_tensor(numbers))
        uniform = keras.random.uniform(logits.shape[:-1], dtype=logits.dtype, seed=seed)
        noise = keras.random.normal((*logits.shape[:-1], self.dimensions), dtype=logits.dtype, seed=seed)
        random = {"uniform": uniform, "noise": noise, "bias": bias}
        if correlations is None:
            return sample_diagonal_mixture(logits, means, log_stddevs, **random)
        return sample_mixture(logits, means, log_stddevs, correlations, **random)

    def start_from(self, points: Any, *, seed: int) -> None:
        """Set the head so that it first gives, whatever the features, nearly the k-means clusters of points (n, d).

        Training from there does not collapse onto few components. The layer must have been built, by a call or in a
        model. Needs SciPy, and at least k different points.
        """
        if not self.built:
            raise ValueError(complain("layer", "built, by a call or in a model", "one that does not know its input"))
        start = start_of_mixture(np.asarray(points, np.float64), self.components, self.dimensions, seed)
        self.head.kernel.assign(self.head.kernel * FIRST_WEIGHTS)
        self.head.bias.assign(start.numbers(with_correlations=self.covariance == "full"))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return *input_shape[:-1], self.head.units

    def get_config(self) -> dict[str, Any]:
        names = ("components", "dimensions", "covariance", "variance_floor")
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
    >>> from gaussgrad.layers.keras import MixtureLoss
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
