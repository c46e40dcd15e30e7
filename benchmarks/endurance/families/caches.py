"""Compiled kernels whose files are damaged, or that cannot be kept: the numbers are right, and a warning says so."""

import os
import pickle
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import kinds, mutations
from benchmarks.endurance.cases import Wrong

KIND = ("moments",)  # the kernel that compiles fastest
CASES = 4
WAYS = ("whole", "damaged", "damaged", "damaged", "folder", "full", "gone")
SECONDS = 200


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    """Nothing of ours is compiled here, only in children, each of which begins as if anew."""
    import numba

    cache = folder / "cache"
    numba.config.CACHE_DIR = str(cache)
    yield lambda number: attempt(seed, number, cache)


def attempt(seed: int, number: int, cache: Path) -> int:
    rng = np.random.default_rng([seed, 8, number])
    drawn = [kinds.case(rng, only=KIND) for _ in range(CASES)]
    _told(_in_child(drawn, full=False))  # fills the cache
    way = WAYS[number % len(WAYS)]
    files = sorted(path for path in cache.rglob("*") if path.is_file())
    path = files[int(rng.integers(len(files)))]
    before = path.read_bytes()
    if way == "damaged":
        for each in files:
            mutations.damage(rng, each)
        if all(each.read_bytes() == before for each in files):
            return 0
    elif way in ("folder", "full", "gone"):
        for each in files:
            each.unlink()
    if way == "folder":
        path.mkdir()
    words = _in_child(drawn, full=way == "full")
    told = _told(words)
    if way == "folder":
        path.rmdir()
    if bool(told) != (way in ("damaged", "full", "folder")) and not (way == "folder" and not told):
        raise Wrong(f"a cache that is {way}: {told or 'not a word'}")
    if len(told) > 1 or any("compiled kernel" not in each for each in told):
        raise Wrong(f"a cache that is {way} told: {told}")
    return 1


def _told(answer: tuple[str, list[str]]) -> list[str]:
    words, told = answer
    if words != "right":
        raise Wrong(words)
    return told


def _in_child(drawn: list, full: bool) -> tuple[str, list[str]]:
    """Whether a fork computed all cases rightly, and its warnings; with a full disk no file can be written."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        signal.alarm(SECONDS)
        if full:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        os.write(write, pickle.dumps(_computed(drawn)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        content = answers.read()
    os.waitpid(child, 0)
    return pickle.loads(content) if content else ("the process died", [])


def _computed(drawn: list) -> tuple[str, list[str]]:
    from benchmarks.endurance import cases

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            for case in drawn:
                cases.check(case, np.random.default_rng(0))
            words = "right"
        except Exception as error:
            words = f"{type(error).__name__}: {error}"[:2000]
    return words, [str(each.message) for each in told if issubclass(each.category, RuntimeWarning)]
