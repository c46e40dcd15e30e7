"""Forks in the middle of calls: the child computes what the parent had computed."""

import faulthandler
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import gaussgrad
from benchmarks.endurance import cases, kinds
from benchmarks.endurance.cases import Wrong
from benchmarks.endurance.families.threads import called

KNOWN = 60  # cases, computed before
TOGETHER = 12  # of them, computed in each child
SECONDS = 30.0  # after which a child hangs


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    """Two threads call all the while."""
    import torch  # noqa: F401 (a child of a process with torch is the usual case)

    rng = np.random.default_rng([seed, 3])
    drawn = [kinds.case(rng) for _ in range(KNOWN)]
    known = [(case, called(case)) for case in drawn]
    _call_once(0)  # compiles: a fork in the middle of that waits for a lock of Numba's for ever
    stop = threading.Event()
    callers = [threading.Thread(target=_call_on, args=(stop, place)) for place in range(2)]
    for each in callers:
        each.start()
    try:
        yield lambda number: attempt(seed, number, known)
    finally:
        stop.set()
        for each in callers:
            each.join()


def _call_on(stop: threading.Event, place: int) -> None:
    while not stop.is_set():
        _call_once(place)


def _call_once(place: int) -> None:
    """Draws a large image on two threads, and small ones after it."""
    means, widths = np.random.default_rng(place).uniform(0, 200, (500, 2)), np.array([9.0, 1.0, 4.0])
    gaussgrad.render(means, widths, size=(200, 200), threads=2)
    for _ in range(20):
        gaussgrad.render(means[:5], widths, size=(8, 9))


def attempt(seed: int, number: int, known: list) -> int:
    rng = np.random.default_rng([seed, 3, number])
    time.sleep(rng.uniform(0, 0.01))
    chosen = [known[place] for place in rng.integers(len(known), size=TOGETHER)]
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks beside threads, which are the point
        child = os.fork()
    if not child:
        os.close(read)
        _answer(write, chosen)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        words = _wait(child, answers)
    if words != "right":
        raise Wrong(f"the child of a fork: {words or 'died'}")
    return 1


def _answer(write: int, chosen: list) -> None:
    """In the child: compute, tell, end; where it hangs, it says where."""
    faulthandler.dump_traceback_later(SECONDS, exit=True, file=write)
    try:
        large = gaussgrad.render([[50.0, 50.0]], [9.0, 0.0, 9.0], size=(300, 300), amplitude="peak", threads=2)
        words = "right" if large[50, 50] == large.max() else "a large image is wrong"
        for case, first in chosen:
            cases.same_bits(case, first, called(case), f"in a child: {case}")
    except BaseException as error:
        words = f"{type(error).__name__}: {error}"
    os.write(write, words.encode()[:60_000])
    os._exit(0)


def _wait(child: int, answers) -> str:
    """What the child says; it is ended where it cannot even say where it hangs."""
    timer = threading.Timer(2 * SECONDS, os.kill, (child, 9))
    timer.start()
    words = answers.read().decode()
    timer.cancel()
    os.waitpid(child, 0)
    return words
