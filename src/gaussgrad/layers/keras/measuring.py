"""The Keras layer that measures maps; these have their channels last."""

from typing import Any

import keras
from keras import ops

from gaussgrad.checks import complain
from gaussgrad.layers.keras.base import HALF, KernelLayer, register
from gaussgrad.layers.measuring import measure_rows
from gaussgrad.layers.options import moments_options


@register
class Moments(KernelLayer):
    """Keras layer that reads each channel of its input as a Gaussian: `gaussgrad.moments`, as rows.

    Parameters
    ----------
    row, softmax, coordinates
        As of `gaussgrad.layers.torch.Moments`.
    backend : {None, "reference", "cpu"}
        As in `gaussgrad.moments`. "reference" is for exported models (docs/deployment.md).
    **kwargs
        Of `keras.layers.Layer`, such as `name`.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that is not (b, h, w, c), and as `gaussgrad.moments`; for values only where
        they are known.

    Notes
    -----
    Input (b, h, w, c), of which b may be symbolic; output (b, c, r), r the numbers of one row. Differentiable in the
    input. Under a half-precision policy the rows are in float32, as coordinates need the digits.

    Examples
    --------
    >>> import keras
    >>> from gaussgrad.layers.keras import Moments
    >>> layers = [keras.layers.Conv2D(17, 3, padding="same"), Moments(softmax=1.0)]
    >>> keras.Sequential([keras.Input((32, 24, 3)), *layers]).output_shape
    (None, 17, 5)
    """

    def __init__(
        self,
        row: str = "x y xx xy yy",
        *,
        softmax: float | None = None,
        coordinates: str = "pixel",
        backend: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backend, autocast=False, **kwargs)  # half precision would round the maps first
        self.options = moments_options(row, softmax=softmax, coordinates=coordinates, backend=backend)

    def call(self, images: Any) -> Any:
        """The rows (b, c, r) of maps (b, h, w, c)."""
        _check_rank(images.shape)
        given = keras.backend.standardize_dtype(images.dtype)
        dtype = self._measured_dtype(given)
        return measure_rows(ops.moveaxis(images if dtype == given else ops.cast(images, dtype), -1, 1), self.options)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        _check_rank(input_shape)
        return input_shape[0], input_shape[-1], self.options.layout.length

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(images.shape), dtype=self._measured_dtype(images.dtype))

    def _measured_dtype(self, given: str) -> str:
        if not keras.backend.is_float_dtype(given):
            return given  # to be refused
        return "float32" if self.compute_dtype in HALF else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options.config()}


def _check_rank(shape: Any) -> None:
    if len(shape) != 4:
        raise ValueError(complain("images", "of shape (b, h, w, c)", f"shape {tuple(shape)}"))
