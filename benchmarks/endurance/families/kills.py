"""Trainings and fits that are killed at any moment, and go on until they come to their end."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import jobs, warm
from benchmarks.endurance.cases import Wrong

MOST = 4  # kills of one job


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    warm.prepare()
    known = known_jobs(folder)
    yield lambda number: attempt(folder, seed, number, known)


def known_jobs(folder: Path) -> list[jobs.Undisturbed]:
    data = folder / "data"
    data.mkdir()
    return [jobs.undisturbed(job, folder / "known") for job in jobs.jobs(data)]


def attempt(folder: Path, seed: int, number: int, known: list[jobs.Undisturbed]) -> int:
    """One job, killed some times; the number of kills."""
    rng = np.random.default_rng([seed, 5, number])
    one = known[number % len(known)]
    place = folder / f"kill-{number}"
    place.mkdir()
    kills = stopped(one, place, rng, signal.SIGKILL, -signal.SIGKILL)
    jobs.compare(one, place)
    shutil.rmtree(place)
    return kills


def stopped(known: jobs.Undisturbed, place: Path, rng: np.random.Generator, by: signal.Signals, code: int) -> int:
    """Begin a job and stop it at random moments until it comes to its end; how often it was stopped."""
    job, stops = known.job, 0
    while not job.done(place):
        started = warm.start(job.resume if job.begun(place) else job.begin, place)
        patience = rng.uniform(0, known.seconds) if stops < MOST else jobs.LONGEST
        ended = warm.wait(started, patience)
        if ended is None:
            os.kill(started.process, by)
            ended = warm.wait(started, jobs.LONGEST)
            if ended is None:
                os.kill(started.process, signal.SIGKILL)
                raise Wrong(f"{job.name} went on after signal {by.name}")
            stops += 1
        if ended.code not in (0, code) or (ended.code == code and stops == 0) or "Traceback" in ended.err:
            raise Wrong(f"{job.name} ended with {ended.code} after {stops} stops: {ended.out}{ended.err}")
        if by == signal.SIGINT and ended.code == code:
            refuse_talk(job, place, ended)
        if ended.code == 0 and not job.done(place):
            raise Wrong(f"{job.name} ended, and is not done")
        if stops > MOST and ended.code != 0:
            raise Wrong(f"{job.name} took more than {jobs.LONGEST:.0f} seconds")
    return stops


def refuse_talk(job: jobs.Job, place: Path, ended: warm.Ended) -> None:
    """Ctrl-C says in one line how to go on, where there is something to go on with, and nothing on stderr."""
    told = [line for line in ended.out.splitlines() if "Go on with" in line]
    if ended.err or len(told) > 1 or (told and not job.begun(place)):
        raise Wrong(f"{job.name} was interrupted and said: {ended.out}{ended.err}")
