"""Trainings and fits that are stopped by Ctrl-C at any moment, and go on until they come to their end."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import jobs, warm
from benchmarks.endurance.families.kills import known_jobs, stopped

INTERRUPTED = 130


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    warm.prepare()
    known = known_jobs(folder)
    yield lambda number: attempt(folder, seed, number, known)


def attempt(folder: Path, seed: int, number: int, known: list[jobs.Undisturbed]) -> int:
    """One job, interrupted some times; how often."""
    rng = np.random.default_rng([seed, 6, number])
    one = known[number % len(known)]
    place = folder / f"interrupt-{number}"
    place.mkdir()
    stops = stopped(one, place, rng, signal.SIGINT, INTERRUPTED)
    jobs.compare(one, place)
    shutil.rmtree(place)
    return stops
