"""Keras layer and loss of mixture density networks."""

import math
from itertools import accumulate
from typing import Any

import keras
import numpy as np
from keras import ops

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers import mixtures
from gaussgrad.layers.clusters import FIRST_WEIGHTS, start_of_mixture
from gaussgrad.layers.keras.base import KernelLayer, register
from gaussgrad.layers.mixtures import Mixture
from gaussgrad.layers.options import MixtureOptions, mixture_options


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
        As of `gaussgrad.layers.torch.MixtureDensity`: added to every variance, covariances stay as they are.
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
        self.options = mixture_options(
            components, dimensions=dimensions, covariance=covariance, variance_floor=variance_floor
        )
        self.head = keras.layers.Dense(sum(self.options.lengths), dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        self.head.build(input_shape)

    def call(self, features: Any) -> Any:
        """Numbers (b, r) of features (b, f)."""
        numbers = self.head(features)
        if keras.backend.standardize_dtype(numbers.dtype) in ("float16", "bfloat16"):
            numbers = ops.cast(numbers, "float32")
        if not self.options.variance_floor:
            return numbers
        parts = mixtures.widened(self.split(numbers), self.options.variance_floor)
        given = [part for part in parts if part is not None]
        return ops.concatenate([ops.reshape(part, (-1, math.prod(part.shape[1:]))) for part in given], axis=-1)

    def split(self, numbers: Any) -> Mixture:
        """Logits (b, k), means and log_stddevs (b, k, d), atanh_correlations (b, k) or None, of numbers (b, r)."""
        return _split(numbers, self.options)

    def sample(self, numbers: Any, *, seed: Any, bias: float = 0.0) -> Any:
        """Points (b, d), one of each mixture of numbers (b, r); a bias above 0 prefers what is likely.

        `seed` is a `keras.random.SeedGenerator`, which goes on from call to call, or an int, which gives the same each
        time. Differentiable as `gaussgrad.sample_mixture`.
        """
        if not isinstance(seed, (int, keras.random.SeedGenerator)):
            raise TypeError(complain("seed", "a keras.random.SeedGenerator or an int", f"a {type(seed).__name__}"))
        bias = checks.number("bias", bias, "a number >= 0", 0.0)
        seed = keras.random.SeedGenerator(seed) if isinstance(seed, int) else seed
        mixture = self.split(ops.convert_to_tensor(numbers))
        leading, dtype = mixture.logits.shape[:-1], mixture.logits.dtype
        uniform = keras.random.uniform(leading, dtype=dtype, seed=seed)
        noise = keras.random.normal((*leading, self.options.dimensions), dtype=dtype, seed=seed)
        return mixtures.sample(mixture, uniform=uniform, noise=noise, bias=bias)

    def start_from(self, points: Any, *, seed: int) -> None:
        """Set the head so that it first gives, whatever the features, nearly the k-means clusters of points (n, d).

        Training from there does not collapse onto few components. The layer must have been built, by a call or in a
        model. Needs SciPy, and at least k different points.
        """
        if not self.built:
            raise ValueError(complain("layer", "built, by a call or in a model", "a layer that was never called"))
        k, d = self.options.components, self.options.dimensions
        start = start_of_mixture(np.asarray(points, np.float64), k, d, seed)
        self.head.kernel.assign(self.head.kernel * FIRST_WEIGHTS)
        self.head.bias.assign(start.numbers(with_correlations=self.options.correlated))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return *input_shape[:-1], self.head.units

    def get_config(self) -> dict[str, Any]:
        names = ("components", "dimensions", "covariance", "variance_floor")
        return {**super().get_config(), **{name: getattr(self.options, name) for name in names}}


@register
class MixtureLoss(keras.losses.Loss):
    """The negative log density, in nats, of points (b, d) under the mixtures that `MixtureDensity` gives as numbers.

    Parameters
    ----------
    components, dimensions, covariance
        Those of the layer.
    backend : {None, "reference", "cpu", "triton"}
        As of `gaussgrad.layers.torch.MixtureDensity`.
    **kwargs
        Of `keras.losses.Loss`, such as `reduction`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, points that do not fit.

    Notes
    -----
    Differentiable in the numbers and points. docs/mixtures.md, equation M6.

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
        backend: str | None = None,
        name: str = "mixture",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.options = mixture_options(components, dimensions=dimensions, covariance=covariance, backend=backend)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        mixture = _split(y_pred, self.options)
        return -mixtures.log_density(ops.cast(y_true, y_pred.dtype), mixture, self.options.backend)

    def get_config(self) -> dict[str, Any]:
        names = ("components", "dimensions", "covariance", "backend")
        return {**super().get_config(), **{name: getattr(self.options, name) for name in names}}


def _split(numbers: Any, options: MixtureOptions) -> Mixture:
    *ends, r = accumulate(options.lengths)
    parts = [numbers[..., start:end] for start, end in zip((0, *ends), (*ends, r), strict=True)]
    return mixtures.from_parts(parts, options, _reshape)


def _reshape(array: Any, shape: tuple[int | None, ...]) -> Any:
    """One size may be unknown."""
    return ops.reshape(array, [-1 if size is None else size for size in shape])
