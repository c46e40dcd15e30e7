"""Keras layers that draw; images have their channels last."""

from typing import Any

import keras
import numpy as np
from keras import ops

from gaussgrad import checks, covariance
from gaussgrad.checks import complain
from gaussgrad.coordinates import to_pixels
from gaussgrad.layers.keras.base import KernelLayer, register
from gaussgrad.layers.row_layout import (
    COORDINATES,
    PARAMETRIZATIONS,
    Row,
    cut_shape,
    fixed_variance,
    layer_size,
    parse_row,
)
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.render import AMPLITUDES, COMPOSES, PIXELS, render


class _Drawing(KernelLayer):
    """What both layers share: rows cut from the input, and the axes of the image. Abstract."""

    def __init__(self, size: Any, row: str | None, coordinates: str, with_widths: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = layer_size(size)
        self.row: Row = parse_row(row, len(self.size), with_widths=with_widths)
        self.coordinates = checks.option("coordinates", coordinates, COORDINATES)

    def call(self, rows: Any) -> Any:
        """The image (b, *size, c) of rows (b, n, r) or (b, n * r)."""
        dtype = keras.backend.standardize_dtype(rows.dtype)
        shape = cut_shape(tuple(rows.shape), self.row, True)
        rows = ops.reshape(rows, [-1 if size is None else size for size in shape])
        if dtype in ("float16", "bfloat16"):
            rows = ops.cast(rows, "float32")  # once for all steps: rounding between them would cost more digits
        first_weight = self.row.length - self.row.weights
        weights = rows[..., first_weight:] if self.row.weights else None
        means = rows[..., : self.row.d]
        image = ops.cast(self._draw(means, rows[..., self.row.d : first_weight], weights), dtype)
        return ops.expand_dims(image, -1) if weights is None else ops.moveaxis(image, 1, -1)

    def _draw(self, means: Any, widths: Any, weights: Any) -> Any:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return cut_shape(tuple(input_shape), self.row, True)[0], *self.size, self.row.channels

    def get_config(self) -> dict[str, Any]:
        own = {"size": list(self.size), "row": self.row.text, "coordinates": self.coordinates}
        return {**super().get_config(), **own}


@register
class RenderGaussians(_Drawing):
    """Keras layer that draws each row of its input as a Gaussian: `gaussgrad.render` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (height, width); (width,) or an int for signals; (depth, height, width) for volumes. Pixels.
    row, variance, stddev, parametrization, coordinates, amplitude, compose, pixel, tolerance
        As of `gaussgrad.layers.torch.RenderGaussians`. `row` spells the numbers of one Gaussian, such as "x y",
        "x y xx xy yy" or "x y variance weight*3".
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`; for values only where they are known.

    Notes
    -----
    Input rows (b, n, r), r the numbers of one row, or flat (b, n * r), as `Dense` gives it; any may be symbolic.
    Output (b, *size, c), c = 1 without " weight*c". Differentiable to the rows. No weights to train; `get_config`
    holds all options.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import RenderGaussians
    >>> layers = [keras.layers.Dense(10 * 2), RenderGaussians((28, 28), row="x y", stddev=2.0)]
    >>> keras.Sequential([keras.Input((16,)), *layers]).output_shape
    (None, 28, 28, 1)
    """

    def __init__(
        self,
        size: tuple[int, ...] | int,
        row: str | None = None,
        *,
        variance: float | None = None,
        stddev: float | None = None,
        parametrization: str = "covariance",
        coordinates: str = "pixel",
        amplitude: str = "density",
        compose: str = "sum",
        pixel: str = "point",
        tolerance: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(size, row, coordinates, with_widths=True, **kwargs)
        self.variance = fixed_variance(self.row, variance, stddev)
        self.parametrization = checks.option("parametrization", parametrization, PARAMETRIZATIONS)
        if self.variance is not None and parametrization != "covariance":
            wanted = f"'covariance' for row={self.row.text!r}"
            cure = "Leave it out: the width is fixed."
            raise ValueError(complain("parametrization", wanted, repr(parametrization), cure))
        self.options = {
            "amplitude": checks.option("amplitude", amplitude, AMPLITUDES),
            "compose": checks.option("compose", compose, COMPOSES),
            "pixel": checks.option("pixel", pixel, PIXELS),
            "tolerance": checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0),
        }

    def _draw(self, means: Any, widths: Any, weights: Any) -> Any:
        normalized = self.coordinates == "normalized"
        if self.variance is not None:
            widths = covariance.isotropic(self.variance, self.row.d).tolist()
            means = to_pixels(means, size=self.size) if normalized else means
        else:
            widths = self._covariances(widths)
            means, widths = to_pixels(means, widths, size=self.size) if normalized else (means, widths)
        return render(means, widths, weights, size=self.size, **self.options)

    def _covariances(self, widths: Any) -> Any:
        """Packed covariances (..., n, d(d+1)/2) of the widths in the rows, in the units of the rows."""
        log_scale = self.parametrization == "cholesky"
        if self.row.widths == ("variance",):
            return covariance.isotropic(ops.exp(2 * widths[..., 0]) if log_scale else widths[..., 0], self.row.d)
        if not log_scale:
            return widths
        by_rows = ops.take(widths, [0, 1, 3, 2, 4, 5], axis=-1) if self.row.d == 3 else widths  # xx, yx, yy, zx, zy, zz
        return covariance.from_cholesky(by_rows, log_diagonal=True)

    def get_config(self) -> dict[str, Any]:
        own = {"variance": self.variance, "parametrization": self.parametrization}
        return {**super().get_config(), **own, **self.options}


@register
class RenderImpulses(_Drawing):
    """Keras layer that draws the kernel at each row of its input: `gaussgrad.render_impulses` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (width,) or an int for signals; (height, width); (depth, height, width). Pixels.
    kernel : array (k,), (k_y, k_x) or (k_z, k_y, k_x)
        What one impulse draws; fixed.
    row : str, optional
        The numbers of one impulse, "x", "x y" or "x y z"; each also with " weight", or " weight*3" for three channels.
    coordinates : {"pixel", "normalized"}
        The units of the coordinates. The kernel is in pixels always.
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`; for values only where they are known.

    Notes
    -----
    Input and output as of `RenderGaussians`. Differentiable to the rows.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import RenderImpulses
    >>> image = RenderImpulses(10, [0.25, 0.5, 0.25])(keras.ops.convert_to_tensor([[[3.0], [7.0]]]))
    >>> keras.ops.convert_to_numpy(image)[0, :, 0].tolist()
    [0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.25, 0.5, 0.25, 0.0]
    """

    def __init__(
        self,
        size: tuple[int, ...] | int,
        kernel: Any,
        row: str | None = None,
        *,
        coordinates: str = "pixel",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, row, coordinates, with_widths=False, **kwargs)
        self.kernel = np.asarray(kernel, dtype=np.float64).tolist()
        render_impulses(np.zeros((0, len(self.size))), self.kernel, size=self.size)  # refuses what is no kernel, now

    def _draw(self, means: Any, widths: Any, weights: Any) -> Any:
        means = to_pixels(means, size=self.size) if self.coordinates == "normalized" else means
        return render_impulses(means, self.kernel, weights, size=self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel": self.kernel}
