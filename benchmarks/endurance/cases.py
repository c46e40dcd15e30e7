"""One call of the library with its arguments and what it must give; and the comparison."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from benchmarks.endurance import draws
from benchmarks.endurance.oracles import Known

EPS = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}
VALUES = 256.0  # eps times the scale: of some 2,000 random images one is off by more than 64
GRADIENTS = 1e-6  # of the sum of the terms, for central differences in float64


class Wrong(Exception):
    """The library gave something else than was promised."""


@dataclass(frozen=True)
class Case:
    """A call with arrays and options, by name; the oracle takes the same, arrays as float64."""

    function: Callable[..., Any]
    oracle: Callable[..., tuple[Known, ...]]
    arrays: Mapping[str, np.ndarray]
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Any] | None = None  # what is small to each array, for differences; None: no gradients here

    @property
    def dtype(self) -> str:
        return next(iter(self.arrays.values())).dtype.name

    def __str__(self) -> str:
        arrays = ", ".join(f"{name}={array.tolist()!r}" for name, array in self.arrays.items())
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{self.function.__name__}({arrays}; {options}) in {self.dtype}"


def check(case: Case, rng: draws.Random) -> int:
    """Call, compare, and call again in other ways; how many calls that were. Raises `Wrong`."""
    known = expected(case)
    given = {name: draws.disguised(rng, array.copy()) for name, array in case.arrays.items()}
    first = results(case.function(**given, **case.options))
    compare(case, first, known)
    for name, array in given.items():
        if not np.array_equal(array, case.arrays[name], equal_nan=True):
            raise Wrong(f"{name} was changed")
    calls = 1
    for threads in repeats(case, rng):
        again = results(case.function(**given, **case.options, **threads))  # NumPy's own exp goes by the layout
        same_bits(case, first, again, f"called again with {threads or 'the same'}")
        calls += 1
    return calls


def repeats(case: Case, rng: draws.Random) -> list[dict[str, int]]:
    """Other numbers of threads, where there is that option, and just again."""
    chosen = [{}] if draws.chance(rng, 0.1) else []
    if takes_threads(case.function) and draws.chance(rng, 0.2):
        chosen += [{"threads": 1}, {"threads": 2}]
    return chosen


@cache
def takes_threads(function: Callable[..., Any]) -> bool:
    return "threads" in inspect.signature(function).parameters


def expected(case: Case) -> tuple[Known, ...]:
    wide = {name: array.astype(np.float64) for name, array in case.arrays.items()}
    with np.errstate(all="ignore"):
        return case.oracle(**wide, **case.options)


def results(given: Any) -> tuple[Any, ...]:
    """All arrays of a result, however nested."""
    if isinstance(given, tuple):
        return tuple(array for each in given for array in results(each))
    return (given,)


def compare(case: Case, given: tuple[Any, ...], known: tuple[Known, ...]) -> None:
    """Raise `Wrong` where a result has another dtype or shape, or is further off than rounding explains."""
    if len(given) != len(known):
        raise Wrong(f"{len(given)} results, not {len(known)}")
    for number, (array, (value, scale, floor)) in enumerate(zip(given, known, strict=True)):
        array = np.asarray(array)
        if array.dtype.name != case.dtype:
            raise Wrong(f"result {number} is of {array.dtype.name}")
        if array.shape != value.shape:
            raise Wrong(f"result {number} is of shape {array.shape}, not {value.shape}")
        allowed = allowance(case.dtype, value, scale, floor)
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(array.astype(np.float64) - value) <= allowed) | (array == value))
        if wrong.any():
            place = tuple(map(int, np.argwhere(wrong)[0]))
            most = np.broadcast_to(allowed, value.shape)[place]
            raise Wrong(f"result {number} at {place} is {array[place]!r}, not {value[place]!r} +- {most:.2g}")


def allowance(dtype: str, value: np.ndarray, scale: np.ndarray, floor: Any) -> Any:
    """How far a result may be off."""
    if dtype != "float16":
        least = float(np.finfo(dtype).smallest_subnormal)  # by which numbers below the normal ones differ
        return VALUES * (EPS[dtype] * scale + least) + floor
    return VALUES * EPS["float32"] * scale + floor + 2 * EPS["float16"] * np.abs(value) + 1e-7


def same_bits(case: Case, first: tuple[Any, ...], second: tuple[Any, ...], how: str) -> None:
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        if np.asarray(one).tobytes() != np.asarray(other).tobytes():
            raise Wrong(f"result {number} has other bits, {how}")
