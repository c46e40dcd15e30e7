"""Gradients of random calls in torch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import gradients, kinds
from benchmarks.endurance.cases import Wrong

TOGETHER = 20


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    import torch

    torch.set_num_threads(1)  # of torch's own operations, which are tiny here
    yield lambda number: attempt(seed, number)


def attempt(seed: int, number: int) -> int:
    return sum(one(seed, number, place) for place in range(TOGETHER))


def one(seed: int, number: int, place: int) -> int:
    rng = np.random.default_rng([seed, 1, number, place])
    case = kinds.case(rng, wild=False)
    if case.steps is None:
        return 0
    try:
        return gradients.check(case, rng)
    except Exception as error:
        raise Wrong(f"case {place}, {type(error).__name__}: {error}\n{case}") from error
