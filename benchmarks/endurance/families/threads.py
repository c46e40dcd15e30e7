"""Calls from several threads at once give the bits that one thread gave."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import cases, kinds

THREADS = 4
TOGETHER = 40


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield lambda number: attempt(pool, seed, number)


def attempt(pool: ThreadPoolExecutor, seed: int, number: int) -> int:
    rng = np.random.default_rng([seed, 2, number])
    drawn = [kinds.case(rng) for _ in range(TOGETHER)]
    alone = [called(case) for case in drawn]
    for case, first, second in zip(drawn * 2, alone * 2, pool.map(called, drawn * 2), strict=True):
        cases.same_bits(case, first, second, f"called beside other threads: {case}")
    return 2 * TOGETHER


def called(case: cases.Case) -> tuple:
    return cases.results(case.function(**case.arrays, **case.options))
