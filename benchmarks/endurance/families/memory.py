"""Thousands of calls hold no more memory than the first did, and `release` lets go of what is kept."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import gaussgrad
from benchmarks.endurance import kinds
from benchmarks.endurance.cases import Wrong
from benchmarks.endurance.families.threads import called
from gaussgrad import arrays

WARM = 600  # calls before memory is first looked at
TOGETHER = 300
ROOM = 40 * 2**20  # bytes by which what is held may differ: the C library keeps some of what it frees
KEPT = arrays.MOST_KEPT


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    rng = np.random.default_rng([seed, 4])
    drawn = [kinds.case(rng) for _ in range(WARM)]
    for case in drawn * 2:
        called(case)
    _draw_large(rng)
    base = _after_release()
    yield lambda number: attempt(seed, number, drawn, base)


def attempt(seed: int, number: int, drawn: list, base: int) -> int:
    rng = np.random.default_rng([seed, 4, number])
    for place in rng.integers(len(drawn), size=TOGETHER):
        called(drawn[place])
    large = _draw_large(rng)
    kept = resident() - base
    if kept > KEPT + ROOM:
        raise Wrong(f"{kept / 2**20:.0f} MiB more are held between calls")
    grown = _after_release() - base
    if grown > ROOM:
        raise Wrong(f"{grown / 2**20:.0f} MiB more are held after release()")
    return TOGETHER + large


def _draw_large(rng: np.random.Generator) -> int:
    """Images of many sizes, each of some MiB: the number of calls."""
    for height in rng.integers(400, 1200, 12):
        gaussgrad.render([[20.0, 30.0]], [9.0, 0.0, 9.0], size=(int(height), 700))
    return 12


def _after_release() -> int:
    gc.collect()
    arrays.release()
    return resident()


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096
