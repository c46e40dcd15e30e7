"""Shape, option and value checks with one error style: which argument, what was wanted, what came, what to do."""

import math
import operator
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

MOST_PIXELS = 2**48
COVARIANCE_ENTRIES = {1: ("xx",), 2: ("xx", "xy", "yy"), 3: ("xx", "xy", "xz", "yy", "yz", "zz")}
_SIZE_NAMES = {1: "(width,)", 2: "(height, width)", 3: "(depth, height, width)"}


def complain(argument: str, wanted: str, got: object, cure: str = "") -> str:
    """The one sentence of every refusal."""
    if cure:
        return f"{argument} must be {wanted}; got {got}. {cure}"
    return f"{argument} must be {wanted}; got {got}."


def image_size(size: Any) -> tuple[int, ...]:
    """`size` as a tuple of one to three positive ints, or an error."""
    wanted = "a tuple (width,), (height, width) or (depth, height, width) of positive integers"
    try:
        axes = tuple(operator.index(axis) for axis in size)
    except TypeError:
        raise TypeError(complain("size", wanted, repr(size))) from None
    if not 1 <= len(axes) <= 3 or min(axes) < 1:
        raise ValueError(complain("size", wanted, repr(size)))
    if math.prod(axes) > MOST_PIXELS:
        raise ValueError(complain("size", "of at most 2^48 pixels", "more", "No machine holds them."))
    return axes


def option(argument: str, value: Any, choices: Sequence[Any]) -> Any:
    """`value` if it is one of `choices`, of the same type too, or an error."""
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
    names = ", ".join(repr(choice) for choice in choices)
    raise ValueError(complain(argument, f"one of {names}", repr(value)))


def number(argument: str, value: Any, wanted: str, low: float, high: float = float("inf")) -> float:
    """A finite Python float with low <= value < high, or an error that says `wanted`."""
    try:
        if isinstance(value, str):
            raise TypeError
        result = float(value)
    except OverflowError:
        raise ValueError(complain(argument, wanted, "one beyond float64")) from None
    except (TypeError, ValueError):
        raise TypeError(complain(argument, wanted, repr(value))) from None
    if not low <= result < high:
        raise ValueError(complain(argument, wanted, repr(value)))
    return result


def count(argument: str, value: Any) -> int:
    """A positive int, or an error."""
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(complain(argument, "an integer of at least 1", repr(value))) from None
    if result < 1:
        raise ValueError(complain(argument, "an integer of at least 1", repr(value)))
    return result


def thread_count(threads: Any) -> int:
    """0 for None (the framework's own number of threads), else a positive int, or an error."""
    if threads is None:
        return 0
    try:
        count = operator.index(threads)
    except TypeError:
        raise TypeError(complain("threads", "a positive integer or None", repr(threads))) from None
    if count < 1:
        raise ValueError(complain("threads", "a positive integer or None", repr(threads)))
    return count


def last_axis(argument: str, shape: Sequence[int], length: int, wanted: str, cure: str = "") -> None:
    """Refuse an array whose last axis has not `length` entries."""
    if len(shape) < 1 or shape[-1] != length:
        raise ValueError(complain(argument, wanted, f"shape {tuple(shape)}", cure))


def broadcast_shapes(*shapes: Sequence[int | None]) -> tuple[int, ...]:
    """As of NumPy; None is a size that a traced program does not know yet, and fits any other.

    Sizes that torch knows as symbols stay symbols.
    """
    result: list[Any] = []
    for axis in zip_longest(*map(reversed, shapes), fillvalue=1):
        sizes = [size for size in axis if size is not None and size != 1]
        if any(size != sizes[0] for size in sizes):
            raise ValueError(f"shapes {shapes} do not broadcast")
        unknown = any(size is None for size in axis)
        result.append(sizes[0] if sizes else None if unknown else 1)
    return tuple(reversed(result))


def points(argument: str, shape: Sequence[int], size: tuple[int, ...]) -> None:
    """Refuse points that are not (..., n, d) with d = len(size)."""
    d = len(size)
    coordinates = ", ".join("xyz"[:d])
    wanted = f"of shape (..., n, {d}), the last axis ({coordinates}), for size={size}"
    if len(shape) < 2 or shape[-1] != d:
        raise ValueError(complain(argument, wanted, f"shape {tuple(shape)}", _size_cure(shape)))


def _size_cure(shape: Sequence[int]) -> str:
    if len(shape) >= 2 and shape[-1] in _SIZE_NAMES:
        return f"{shape[-1]}-D points need size={_SIZE_NAMES[shape[-1]]}."
    return "Add the missing axis, or slice the coordinates out."


def packed_covariances(argument: str, shape: Sequence[int], d: int) -> None:
    """Refuse covariances whose last axis is not the packed upper triangle in d dimensions."""
    entries = COVARIANCE_ENTRIES[d]
    wanted = f"packed, its last axis ({', '.join(entries)}), in {d}-D"
    if len(shape) >= 2 and shape[-1] == d and shape[-2] == d and d > 1:  # in this order: n may be a symbol
        raise ValueError(complain(argument, wanted, f"shape {tuple(shape)}", "Use covariance.from_matrix."))
    last_axis(argument, shape, len(entries), wanted)


def dimensions_of_packed(argument: str, shape: Sequence[int]) -> int:
    """The number of dimensions d of packed covariances (..., d(d+1)/2), or an error."""
    for d, entries in COVARIANCE_ENTRIES.items():
        if len(shape) >= 1 and shape[-1] == len(entries):
            return d
    wanted = "packed, its last axis of 1 (xx), 3 (xx, xy, yy) or 6 (xx, xy, xz, yy, yz, zz) entries"
    cure = "Use covariance.from_matrix." if len(shape) >= 2 and shape[-1] == shape[-2] == 2 else ""
    raise ValueError(complain(argument, wanted, f"shape {tuple(shape)}", cure))


def dimensions_of_factors(shape: Sequence[int], d: int | None = None) -> int:
    """The number of dimensions of packed lower Cholesky factors (..., d(d+1)/2), which must be `d` if given."""
    for dimensions in COVARIANCE_ENTRIES if d is None else (d,):
        if len(shape) >= 1 and shape[-1] == len(COVARIANCE_ENTRIES[dimensions]):
            return dimensions
    orders = {1: "[xx]", 2: "[xx, yx, yy]", 3: "[xx, yx, yy, zx, zy, zz]"}
    order = " or ".join(orders.values()) if d is None else f"{orders[d]}, in {d}-D"
    wanted = f"packed lower triangles by rows, the last axis {order}"
    raise ValueError(complain("cholesky", wanted, f"shape {tuple(shape)}"))


def given_widths(covariances: Any, cholesky: Any) -> str:
    """Which of the two is given, "covariances" or "cholesky", or an error where it is not exactly one."""
    if (covariances is None) != (cholesky is None):
        return "cholesky" if covariances is None else "covariances"
    got, cure = ("neither", "Pass one of them.") if cholesky is None else ("both", "Leave one of them out.")
    raise TypeError(complain("covariances", "given, or cholesky in their place", got, cure))


def first_offender(bad: np.ndarray) -> tuple[int, ...] | None:
    """The index of the first True, or None."""
    if not bad.any():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))


def finite(argument: str, values: np.ndarray, axes: Sequence[str] = ()) -> None:
    """Refuse NaN and infinity, naming the first; `axes` names its leading indices where the user does not know them."""
    if not np.isfinite(values).all():
        index = first_offender(~np.isfinite(values)) or ()
        raise ValueError(complain(argument, "finite", f"{values[index]} at {_place(argument, index, axes)}"))


def positive(argument: str, values: np.ndarray) -> None:
    """Refuse values that are not finite and above zero, naming the first."""
    finite(argument, values)
    index = first_offender(values <= 0)
    if index is not None:
        raise ValueError(complain(argument, "positive", f"{values[index]} at {_place(argument, index)}"))


def positive_definite(argument: str, packed: np.ndarray, axes: Sequence[str] = ()) -> None:
    """Refuse packed covariances (..., d(d+1)/2) that are not positive definite, naming the first; see `finite`."""
    finite(argument, packed, axes)
    if packed.size == 0:
        return
    index = first_offender(~definite(packed))
    if index is not None:
        cure = "Raise the variances, lower the covariances, or build it with covariance.from_cholesky."
        got = f"{packed[index].tolist()} at {_place(argument, index, axes)}"
        raise ValueError(complain(argument, "positive definite", got, cure))


def positive_diagonal(argument: str, packed: np.ndarray, axes: Sequence[str] = ()) -> None:
    """Refuse packed lower Cholesky factors (..., d(d+1)/2) whose diagonal is not positive, naming the first."""
    finite(argument, packed, axes)
    diagonal = packed[..., [i * (i + 3) // 2 for i in range(3) if i * (i + 3) // 2 < packed.shape[-1]]]
    index = first_offender(np.asarray((diagonal <= 0).any(axis=-1)))
    if index is not None:
        got = f"{packed[index].tolist()} at {_place(argument, index, axes)}"
        raise ValueError(complain(argument, "of positive diagonal entries", got, "Use exp for them."))


def definite(packed: np.ndarray) -> np.ndarray:
    """Whether packed covariances (..., d(d+1)/2) are positive definite, (...)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(_definite(*np.moveaxis(packed.astype(np.float64, copy=False), -1, 0)))


def _definite(xx: Any, *others: Any) -> Any:
    """Sylvester's criterion on the minors that rendering divides by, from the last coordinate on, none overflowing."""
    if not others:
        return xx > 0
    if len(others) == 2:
        xy, yy = others
        determinant = xx * yy - xy * xy
        return (yy > 0) & (determinant > 0) & (determinant < np.inf)
    xy, xz, yy, yz, zz = others
    minor = yy * zz - yz * yz
    determinant = xx * minor - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    return (zz > 0) & (minor > 0) & (determinant > 0) & (determinant < np.inf)


def _place(argument: str, index: tuple[int, ...], axes: Sequence[str] = ()) -> str:
    """Where an offender stands: "means[3, 1]", or with named axes "batch item 0, Gaussian 3"."""
    if axes:
        return ", ".join(f"{axis} {i}" for axis, i in zip(axes, index, strict=False))
    return f"{argument}[{', '.join(map(str, index))}]" if index else argument
