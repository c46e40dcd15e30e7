"""The arguments of mixtures: shapes that must agree, their common leading axes, and values that are refused."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import Unified
from gaussgrad.ops import batching

PARAMETERS = ("logits", "means", "log_stddevs", "atanh_correlations")


def component_count(logits: Any) -> int:
    """The number of components k, the last axis of the logits, or an error."""
    wanted = "of shape (..., k), one or more components on the last axis"
    if logits.ndim < 1 or logits.shape[-1] == 0:
        raise ValueError(checks.complain("logits", wanted, f"shape {tuple(logits.shape)}"))
    return int(logits.shape[-1])


def last_axes(argument: str, shape: Sequence[int], wanted: Sequence[int], letters: str, beside: str = "") -> None:
    """Refuse an array whose last axes are not the wanted ones."""
    count = len(wanted)
    if len(shape) < count or tuple(shape[len(shape) - count :]) != tuple(wanted):
        axes = ", ".join(map(str, wanted))
        raise ValueError(
            checks.complain(argument, f"of shape {letters} = (..., {axes}){beside}", f"shape {tuple(shape)}")
        )


def check_components(logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> int:
    """The number of components k of bivariate mixtures whose shapes agree, or an error."""
    k = component_count(logits)
    beside = f", as logits have k = {k} components"
    last_axes("means", means.shape, (k, 2), "(..., k, 2)", beside)
    last_axes("log_stddevs", log_stddevs.shape, (k, 2), "(..., k, 2)", beside)
    last_axes("atanh_correlations", atanh_correlations.shape, (k,), "(..., k)", beside)
    return k


def leading_axes(own_axes: dict[str, int], **arrays: Any) -> tuple[int, ...]:
    """The leading axes that all arrays broadcast to, each without its own last axes; or an error."""
    result: tuple[int, ...] = ()
    for name, array in arrays.items():
        leading = _leading(array, own_axes[name])
        if leading == result:
            continue
        try:
            result = checks.broadcast_shapes(result, leading)
        except ValueError:
            wanted = f"of leading axes that broadcast with {result}, those before it"
            cure = "Axes of size 1 broadcast."
            raise ValueError(checks.complain(name, wanted, f"shape {tuple(array.shape)}", cure)) from None
    return result


def _leading(array: Any, own_axes: int) -> tuple[int, ...]:
    shape = tuple(array.shape)
    return shape[: len(shape) - own_axes]


def flatten(xp: Any, own_axes: dict[str, int], **arrays: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The leading axes of the arrays, and the arrays stretched to them, these as one."""
    counts = [own_axes[name] for name in arrays]
    stretched: Iterable[Any] = arrays.values()
    found = [_leading(array, own_axes[name]) for name, array in arrays.items()]
    alike = all(other == found[0] for other in found)
    leading = found[0] if alike else leading_axes(own_axes, **arrays)
    if None in leading:  # a size that a traced program does not know yet
        leading, stretched = xp.stretch(stretched, counts)
    elif not alike:
        stretched = [_stretch(xp, array, leading, own) for array, own in zip(stretched, counts, strict=True)]
    if len(leading) == 1:
        return leading, tuple(stretched)
    return leading, tuple(
        batching.reshape(xp, array, (math.prod(leading), *array.shape[array.ndim - own :]))
        for array, own in zip(stretched, counts, strict=True)
    )


def _stretch(xp: Any, array: Any, leading: tuple[int, ...], own_axes: int) -> Any:
    if _leading(array, own_axes) == leading:
        return array
    return xp.broadcast_to(array, (*leading, *array.shape[array.ndim - own_axes :]))


def refuse_logits(logits: np.ndarray) -> None:
    """Refuse NaN and +infinity, and points all of whose logits are -infinity; a single -infinity is weight 0."""
    index = checks.first_offender(np.isnan(logits) | (logits == np.inf))
    if index is not None:
        raise ValueError(checks.complain("logits", "below infinity and not NaN", f"{logits[index]} at {_place(index)}"))
    index = checks.first_offender(np.all(np.isneginf(logits), axis=-1))
    if index is not None:
        got = f"-inf for all components at {_place((*index, 0))}"
        raise ValueError(checks.complain("logits", "above -infinity for at least one component", got))


def _place(index: tuple[int, ...]) -> str:
    return f"logits[{', '.join(map(str, index))}]"


def refuse_large(argument: str, values: np.ndarray, cure: str) -> None:
    """Refuse what is not finite, and exponents whose exponential, or its inverse, is no normal number."""
    checks.finite(argument, values)
    limit = largest_logarithm(values.dtype)
    index = checks.first_offender(np.abs(values) >= limit)
    if index is not None:
        got = f"{values[index]} at {argument}[{', '.join(map(str, index))}]"
        raise ValueError(checks.complain(argument, f"of magnitude below {limit:.1f} in {values.dtype}", got, cure))


def largest_logarithm(dtype: Any) -> float:
    """The magnitude from which on e^x or e^-x leaves the normal numbers."""
    return {4: 87.3, 8: 708.3}[np.dtype(dtype).itemsize]


def check_values(
    points: np.ndarray,
    logits: np.ndarray,
    means: np.ndarray,
    log_stddevs: np.ndarray,
    atanh_correlations: np.ndarray,
) -> None:
    """Refuse the first value of a bivariate mixture that is not allowed, naming it."""
    checks.finite("points", points)
    check_component_values(logits, means, log_stddevs, atanh_correlations)


def check_component_values(
    logits: np.ndarray, means: np.ndarray, log_stddevs: np.ndarray, atanh_correlations: np.ndarray
) -> None:
    """The same without points."""
    refuse_logits(logits)
    checks.finite("means", means)
    refuse_large("log_stddevs", log_stddevs, "They are logarithms: pass log(stddev).")
    refuse_large(
        "atanh_correlations", atanh_correlations, "It is the value before tanh; 20 is a correlation of 1 - 1e-17."
    )


def where_known(unified: Unified, check: Any, *arrays: Any) -> None:
    """Run a value check on the arrays as NumPy arrays, where all values are known."""
    values = [unified.framework.concrete(array) for array in arrays]
    if all(value is not None for value in values):
        check(*values)
