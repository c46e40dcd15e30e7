"""How exact results must be, once per dtype, each with its reason; and the comparison that uses it."""

from typing import Any

import numpy as np

VALUES = {
    "float64": 1e-9,  # what is promised; some 1e6 roundings of 2e-16 fit, so this fails for a wrong formula only
    "float32": 5e-6,  # the rounding of 6e-8 is multiplied by q/2 <= 20 in exp and by 1/(1 - rho**2) <= 5 in the inverse
    "float16": 1e-3,  # computed in float32 and rounded once, by at most 2**-11 = 4.9e-4
    "area": 1e-7,  # float64 again: quadrature by kernel and reference leaves up to 1e-8 of the peak at each Gaussian
    "bfloat16": 8e-3,  # computed in float32 and rounded once, by at most 2**-8 = 3.9e-3
}
"""Largest error of a value, relative to the largest value of the image (union: relative to 1)."""

GRADIENTS = {
    "float64": 1e-6,  # against central differences, whose own error is about 1e-10 to 1e-7
    "float32": 1e-4,  # sums over pixels cancel: the largest term is about ten times the sum, and q enters once more
}
"""Largest error of a gradient, relative to the largest entry of that gradient."""
NO_GRADIENT = 1e-2
"""What it is relative to where all entries are 0, as those of the one logit: differences of terms of about 1."""


def dtype_name(array: Any) -> str:
    """The dtype of a NumPy array or torch tensor as a key of the tables."""
    return str(array.dtype).removeprefix("torch.")


def compare_values(actual: Any, expected: Any, *, scale: float | None = None, dtype: str | None = None) -> None:
    """Raise where a value is further off than its dtype allows, relative to `scale` or the largest expected value."""
    _compare(actual, expected, scale, VALUES[dtype or dtype_name(actual)])


def compare_gradients(actual: Any, expected: Any, *, scale: float | None = None, dtype: str | None = None) -> None:
    """Raise where a gradient is further off than its dtype allows, relative to `scale` or its largest entry."""
    if scale is None and not np.any(_as_float64(expected)):
        scale = NO_GRADIENT
    _compare(actual, expected, scale, GRADIENTS[dtype or dtype_name(actual)])


def _compare(actual: Any, expected: Any, scale: float | None, tolerance: float) -> None:
    actual, expected = _as_float64(actual), _as_float64(expected)
    if scale is None:
        scale = float(np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, strict=True)


def _as_float64(array: Any) -> np.ndarray:
    if hasattr(array, "detach"):  # torch, whose bfloat16 NumPy does not know
        array = array.detach().cpu().double().numpy()
    return np.asarray(array, dtype=np.float64)
