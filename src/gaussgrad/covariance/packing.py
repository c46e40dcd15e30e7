"""Packed entries in and out of arrays, and the value checks that every parametrisation shares."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import Unified, unify

UPPER = {1: ((0, 0),), 2: ((0, 0), (0, 1), (1, 1)), 3: ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))}
LOWER = {1: ((0, 0),), 2: ((0, 0), (1, 0), (1, 1)), 3: ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))}
_EPSILON = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "float64": 2**-52}


def open_covariances(covariances: Any) -> tuple[Unified, Any, int]:
    """The covariances unified and checked, as an array (..., d(d+1)/2), and d."""
    unified = unify(covariances=covariances)
    (array,) = unified.arrays
    d = checks.dimensions_of_packed("covariances", array.shape)
    check_values(unified, "covariances", array, checks.positive_definite)
    return unified, array, d


def check_values(unified: Unified, argument: str, array: Any, check: Callable[[str, np.ndarray], None]) -> None:
    """Run a value check of `checks` where the values are known."""
    values = unified.framework.concrete(array)
    if values is not None:
        check(argument, values)


def refuse_first(argument: str, values: np.ndarray, bad: np.ndarray, wanted: str, cure: str = "") -> None:
    """Refuse `values` at the first True of `bad`, which covers the leading axes or all axes of `values`."""
    index = checks.first_offender(bad)
    if index is not None:
        place = f"{argument}[{', '.join(map(str, index))}]" if index else argument
        raise ValueError(checks.complain(argument, wanted, f"{values[index].tolist()} at {place}", cure))


def refuse_overflow(argument: str, logarithms: np.ndarray, power: int, places: Any = slice(None)) -> None:
    """Refuse logarithms, at `places` of the last axis, whose exponential to a power is no normal number."""
    checks.finite(argument, logarithms)
    limits = np.finfo(logarithms.dtype)
    low, high = math.log(limits.tiny) / power, math.log(limits.max) / power
    bad = np.zeros(logarithms.shape, dtype=bool)
    bad[..., places] = (logarithms[..., places] > high) | (logarithms[..., places] < low)
    refuse_first(argument, logarithms, bad, f"logarithms between {low:.0f} and {high:.0f} in {logarithms.dtype}")


def rounding(unified: Unified) -> float:
    """The relative difference that passes for rounding: half the digits of the user's dtype."""
    return math.sqrt(_EPSILON[unified.dtype])


def vector_dimensions(argument: str, shape: Sequence[int], allowed: tuple[int, ...] = (1, 2, 3)) -> int:
    """The length d of the last axis, one of `allowed`, or an error."""
    if len(shape) < 1 or shape[-1] not in allowed:
        names = " or ".join(f"({', '.join('xyz'[:d])})" for d in allowed)
        raise ValueError(checks.complain(argument, f"of last axis {names}", f"shape {tuple(shape)}"))
    return shape[-1]


def check_broadcast(**shapes: Sequence[int]) -> None:
    """Refuse leading axes that do not broadcast."""
    try:
        checks.broadcast_shapes(*(tuple(shape) for shape in shapes.values()))
    except ValueError:
        first, *others = shapes
        wanted = f"of leading axes that broadcast with those of {first}, {tuple(shapes[first])}"
        got = ", ".join(f"{tuple(shapes[name])}" for name in others)
        raise ValueError(checks.complain(" and ".join(others), wanted, got)) from None


def check_factors(unified: Unified, cholesky: Any, d: int, cure: str = "Use exp for them.") -> None:
    """Refuse Cholesky factors that are not finite, or whose diagonal is not positive, where they are known."""

    def refuse(argument: str, values: np.ndarray) -> None:
        checks.finite(argument, values)
        bad = np.zeros(values.shape, dtype=bool)
        bad[..., diagonal_places(d)] = values[..., diagonal_places(d)] <= 0
        refuse_first(argument, values, bad, "of positive diagonal entries", cure)

    check_values(unified, "cholesky", cholesky, refuse)


def diagonal_places(d: int) -> list[int]:
    """Where the diagonal entries of a packed lower triangle stand."""
    return [k for k, (i, j) in enumerate(LOWER[d]) if i == j]


def lower_rows(cholesky: Any, d: int) -> list[list[Any]]:
    """The lower triangle as nested lists of (...) arrays, the rows of lengths 1 to d."""
    rows: list[list[Any]] = [[] for _ in range(d)]
    for k, (i, _) in enumerate(LOWER[d]):
        rows[i].append(cholesky[..., k])
    return rows


def symmetric_rows(covariances: Any, d: int) -> list[list[Any]]:
    """The full symmetric matrix as nested lists of (...) arrays."""
    entries: list[list[Any]] = [[None] * d for _ in range(d)]
    for k, (i, j) in enumerate(UPPER[d]):
        entries[i][j] = entries[j][i] = covariances[..., k]
    return entries


def stack(xp: Any, entries: Sequence[Any]) -> Any:
    """Entries (...) that broadcast together as one array (..., len(entries))."""
    return xp.stack(xp.broadcast_arrays(*entries), axis=-1)


def pack(xp: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """A symmetric matrix as nested lists (only the upper triangle is read), packed."""
    return stack(xp, [rows[i][j] for i, j in UPPER[len(rows)]])


def pack_lower(xp: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """A lower triangle as nested lists, packed."""
    return stack(xp, [entry for row in rows for entry in row])
