"""Keras layers that draw; images have their channels last."""

from abc import ABC, abstractmethod
from typing import Any

import keras
from keras import ops

from gaussgrad.layers.drawing import draw_gaussians, draw_impulses
from gaussgrad.layers.keras.base import HALF, KernelLayer, register
from gaussgrad.layers.options import (
    FRAME,
    NARROWEST,
    DrawingOptions,
    GaussianOptions,
    ImpulseOptions,
    gaussian_options,
    impulse_options,
)
from gaussgrad.layers.row_layout import cut_shape


class _Drawing(KernelLayer, ABC):
    """What both layers share: the axes and dtype of the image, and what is saved. Abstract."""

    def __init__(self, options: DrawingOptions, **kwargs: Any) -> None:
        super().__init__(options.backend, autocast=False, **kwargs)  # half precision would move coordinates
        self.options = options

    def call(self, rows: Any) -> Any:
        """The image (b, *size, c) of rows (b, n, r) or (b, n * r)."""
        given = keras.backend.standardize_dtype(rows.dtype)
        dtype = self._drawn_dtype(given)
        image = self._draw(rows if dtype == given else ops.cast(rows, dtype))
        return ops.moveaxis(image, 1, -1) if self.options.draws_channels else ops.expand_dims(image, -1)

    @abstractmethod
    def _draw(self, rows: Any) -> Any:
        """The image (b, *size), or (b, c, *size) of rows with weights."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        options = self.options
        batch, count, _ = cut_shape(tuple(input_shape), options.layout, True)
        return batch, *options.size, options.channels_of(count)

    def compute_output_spec(self, rows: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(rows.shape), dtype=self._drawn_dtype(rows.dtype))

    def _drawn_dtype(self, given: str) -> str:
        """That of the layer; where it is of half precision, float32, or that of rows which are so already."""
        if (given in HALF and self.compute_dtype in HALF) or not keras.backend.is_float_dtype(given):
            return given
        return "float32" if self.compute_dtype in HALF else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options.config()}


@register
class RenderGaussians(_Drawing):
    """Keras layer that draws each row of its input as a Gaussian: `gaussgrad.render` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (height, width); (width,) or an int for signals; (depth, height, width) for volumes. Pixels.
    row, variance, stddev, parametrization, narrowest, widest, coordinates, amplitude, compose, pixel, tolerance, maps
        As of `gaussgrad.layers.torch.RenderGaussians`. `row` spells the numbers of one Gaussian, such as "x y",
        "x y xx xy yy" or "x y variance weight*3".
    backend : {None, "reference", "cpu", "triton"}
        As in `gaussgrad.render`. "reference" is for exported models (docs/deployment.md).
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`; for values only where they are known.

    Notes
    -----
    Input rows (b, n, r), r the numbers of one row, or flat (b, n * r), as `Dense` gives it; any may be symbolic.
    A rank of two is always flat: the first axis is the batch. Output (b, *size, c), c = 1 without " weight*c",
    c = n for `maps="each"`.
    Differentiable in the rows. No weights to train; `get_config` holds all options.

    A half-precision policy leaves rows as they come, so that coordinates in float32 stay so. The layer before must give
    them so: `Dense(..., dtype="float32")` (docs/conventions.md, "Half precision").

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import RenderGaussians
    >>> layers = [keras.layers.Dense(10 * 2), RenderGaussians((28, 28), row="x y", stddev=2.0)]
    >>> keras.Sequential([keras.Input((16,)), *layers]).output_shape
    (None, 28, 28, 1)
    """

    options: GaussianOptions

    def __init__(
        self,
        size: tuple[int, ...] | int,
        row: str | None = None,
        *,
        variance: float | None = None,
        stddev: float | None = None,
        parametrization: str = "covariance",
        narrowest: float = NARROWEST,
        widest: float | str | None = FRAME,
        coordinates: str = "pixel",
        amplitude: str = "density",
        compose: str = "sum",
        pixel: str = "point",
        tolerance: float = 1e-4,
        maps: str = "sum",
        backend: str | None = None,
        **kwargs: Any,
    ) -> None:
        options = gaussian_options(
            size,
            row,
            variance=variance,
            stddev=stddev,
            parametrization=parametrization,
            narrowest=narrowest,
            widest=widest,
            coordinates=coordinates,
            amplitude=amplitude,
            compose=compose,
            pixel=pixel,
            tolerance=tolerance,
            maps=maps,
            backend=backend,
        )
        super().__init__(options, **kwargs)

    def _draw(self, rows: Any) -> Any:
        return draw_gaussians(rows, self.options, True)


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
    backend : {None, "reference", "cpu"}
        As of `RenderGaussians`.
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`; for values only where they are known.

    Notes
    -----
    Input and output as of `RenderGaussians`. Differentiable in the rows.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import RenderImpulses
    >>> image = RenderImpulses(10, [0.25, 0.5, 0.25])(keras.ops.convert_to_tensor([[[3.0], [7.0]]]))
    >>> keras.ops.convert_to_numpy(image)[0, :, 0].tolist()
    [0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.25, 0.5, 0.25, 0.0]
    """

    options: ImpulseOptions

    def __init__(
        self,
        size: tuple[int, ...] | int,
        kernel: Any,
        row: str | None = None,
        *,
        coordinates: str = "pixel",
        backend: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(impulse_options(size, kernel, row, coordinates=coordinates, backend=backend), **kwargs)

    def _draw(self, rows: Any) -> Any:
        return draw_impulses(rows, self.options, True)
