"""Thousands of calls hold no more memory than the first did, and `release` lets go of what is kept."""

import ctypes
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
ROOM = 80 * 2**20  # bytes by which what is held between calls may differ: the C library keeps some of what it frees
GROWTH = 8 * 2**20  # the same when it has given that back
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
    kept = held() - base
    if kept > KEPT + ROOM:
        raise Wrong(f"{kept / 2**20:.0f} MiB more are held between calls")
    grown = _after_release() - base
    if grown > GROWTH:
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
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc: other libraries have their own ways
    if trim is not None:
        trim(0)
    return held()


def held() -> int:
    """Bytes of this process in memory, without pages of files, which the system drops and reads again as it likes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
