"""Calls in fresh processes whose kernels are compiled for lesser processors."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.endurance.cases import Wrong
from benchmarks.pages import ROOT

PROCESSORS = ("x86-64-v2", "generic")
ONLY = ("mixture_log_density", "histogram", "moments", "render_impulses", "render", "kl_divergence")
TOGETHER = 150  # cases of a process
SECONDS = 280


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    yield lambda number: attempt(folder, seed, number)


def attempt(folder: Path, seed: int, number: int) -> int:
    """A process computes as many cases as it can."""
    processor = PROCESSORS[number % len(PROCESSORS)]
    environment = {"NUMBA_CPU_NAME": processor, "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-W", "error", "-m", "benchmarks.endurance.families.machines", str(seed), str(number)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Wrong(f"on {processor}: hung for {SECONDS} seconds") from None
    if done.returncode:
        raise Wrong(f"on {processor}: {done.stdout}{done.stderr[-3000:]}")
    return int(done.stdout)


def main(seed: int, number: int) -> int:
    """Random cases, in the process; prints how many calls were right. It stops after half of its time."""
    import time

    from benchmarks.endurance.families import calls

    began, count = time.monotonic(), 0
    for place in range(TOGETHER):
        if time.monotonic() - began > SECONDS / 4:
            break
        count += calls.one(seed, number, place, ONLY)
    print(count)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
