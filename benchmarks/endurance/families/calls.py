"""Random calls of every public function."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import cases, kinds
from benchmarks.endurance.cases import Wrong

TOGETHER = 100  # cases of one attempt


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    yield lambda number: attempt(seed, number)


def attempt(seed: int, number: int, only: tuple[str, ...] = ()) -> int:
    """A number of cases; raises `Wrong` with the case, whose seeds are those of the attempt and its place."""
    return sum(one(seed, number, place, only) for place in range(TOGETHER))


def one(seed: int, number: int, place: int, only: tuple[str, ...] = ()) -> int:
    rng = np.random.default_rng([seed, number, place])
    case = kinds.case(rng, only=only)
    try:
        return cases.check(case, rng)
    except Exception as error:
        raise Wrong(f"case {place}, {type(error).__name__}: {error}\n{case}") from error
