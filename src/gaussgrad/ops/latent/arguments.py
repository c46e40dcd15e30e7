"""Arguments of the latent functions: shapes that agree, values that are known, and plain numbers without rounding."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import Unified

LARGEST = {"float32": 2.0**128 - 2.0**104, "float64": float(np.finfo(np.float64).max)}
_VELTKAMP = 2.0**29 + 1  # leaves the 24 digits of float32


def is_number(value: Any) -> bool:
    """Whether the value is a plain number, whose digits beyond those of the arrays shall count."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def known_number(argument: str, value: Any, dtype: str) -> float:
    """A finite Python float that an array of this dtype can hold, or an error."""
    wanted = f"a finite number in the range of {dtype}"
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(checks.complain(argument, wanted, "one beyond float64")) from None
    if not abs(number) <= LARGEST[dtype]:
        raise ValueError(checks.complain(argument, wanted, repr(value)))
    return number


def split(number: float, dtype: str) -> tuple[float, float]:
    """High and low part: the number rounded to the dtype, and what that left out. docs/latent.md, equation 8."""
    if dtype == "float64" or number == 0:
        return number, 0.0
    shifted = _VELTKAMP * number
    high = shifted - (shifted - number)
    return high, number - high


def subtract(array: Any, parts: tuple[float, float]) -> Any:
    """array - (high + low), the high part first: where the array is near, that difference is exact."""
    high, low = parts
    difference = array - high if high else array
    return difference - low if low else difference


def check_same_shape(**arrays: Any) -> None:
    """Refuse arrays of different shapes; one without axes fits all."""
    shapes = [(name, tuple(array.shape)) for name, array in arrays.items() if array.ndim]
    for name, shape in shapes[1:]:
        owner, wanted = shapes[0]
        if shape != wanted:
            cure = "Broadcast them yourself where that is meant."
            raise ValueError(checks.complain(name, f"of the shape of {owner}, {wanted}", f"{shape}", cure))


def check_broadcast(owner: str, owners_shape: Sequence[int], **arrays: Any) -> None:
    """Refuse arrays that do not broadcast with the first."""
    for name, array in arrays.items():
        try:
            checks.broadcast_shapes(tuple(owners_shape), tuple(array.shape))
        except ValueError:
            wanted = f"of a shape that broadcasts with that of {owner}, {tuple(owners_shape)}"
            raise ValueError(checks.complain(name, wanted, f"{tuple(array.shape)}")) from None


def check_leading(owner: str, owners_shape: Sequence[int], **arrays: Any) -> None:
    """Refuse arrays whose axes before the last do not broadcast with those of the first."""
    for name, array in arrays.items():
        try:
            checks.broadcast_shapes(tuple(owners_shape)[:-1], tuple(array.shape)[:-1])
        except ValueError:
            wanted = f"of leading axes that broadcast with those of {owner}, {tuple(owners_shape)[:-1]}"
            raise ValueError(checks.complain(name, wanted, f"{tuple(array.shape)[:-1]}")) from None


def check_values(unified: Unified, check: Callable[[str, np.ndarray], None], **arrays: Any) -> None:
    """Run a value check of `checks` on each array whose values are known."""
    for name, array in arrays.items():
        values = unified.framework.concrete(array)
        if values is not None:
            check(name, values)


def refuse_boolean(**values: Any) -> None:
    """Refuse True and False, which Python takes for integers."""
    for name, value in values.items():
        if isinstance(value, (bool, np.bool_)):
            raise TypeError(checks.complain(name, "a number or an array", repr(value)))


def positive_number(argument: str, value: Any, dtype: str) -> float:
    """A positive Python float whose square root and its inverse an array of this dtype can hold, or an error."""
    number = known_number(argument, value, "float64")
    smallest = 1 / LARGEST[dtype]
    if not number > 0:
        raise ValueError(checks.complain(argument, "positive", repr(value)))
    if not smallest <= math.sqrt(number) <= LARGEST[dtype]:
        raise ValueError(checks.complain(argument, f"a number whose square root {dtype} can hold", repr(value)))
    return number
