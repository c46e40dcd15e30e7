"""A family in a process of its own for so many seconds; what hangs or dies is told, and the next attempt goes on."""

import multiprocessing
import os
import signal
import tempfile
import time
import traceback
import warnings
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.endurance.cases import Wrong
from benchmarks.endurance.tally import MOST_TOLD, Failure, Tally

HANGS = 300.0  # seconds after which an attempt that says nothing hangs; kernels compile for some of them


def run(family: str, seed: int, numbers: range, seconds: float, tally: Tally) -> None:
    """Attempts by number until the time is over, or too many have failed."""
    begin = time.monotonic()
    deadline = begin + seconds
    failed = 0
    while time.monotonic() < deadline and failed < MOST_TOLD:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        left = deadline - time.monotonic()
        process = context.Process(target=_serve, args=(family, seed, numbers, left, MOST_TOLD - failed, theirs))
        process.start()
        theirs.close()
        number = _follow(ours, process, tally)
        failed = len(tally.failures)
        if number is None:
            break
        numbers = range(number + 1, numbers.stop)
    tally.seconds += time.monotonic() - begin


def _follow(pipe: Connection, process: multiprocessing.Process, tally: Tally) -> int | None:
    """Count what the process tells until its end; the number of the attempt that it hung or died at, if any."""
    current = 0
    while True:
        try:
            if not pipe.poll(HANGS):
                words = f"hung for {HANGS:.0f} seconds"
                break
            kind, value = pipe.recv()
        except (EOFError, ConnectionResetError):
            process.join(10)
            words = f"its process died with {process.exitcode}"
            break
        if kind == "begin":
            current = value
        elif kind == "end":
            process.join(30)
            return None
        else:
            tally.add((kind, value))
    end_group(process)
    tally.failures.append(Failure(current, words))
    return current


def end_group(process: multiprocessing.Process) -> None:
    """End a process and all that it started; it leads a group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.join(10)


def _serve(family: str, seed: int, numbers: range, seconds: float, most: int, pipe: Connection) -> None:
    """The process: attempts one after the other."""
    os.setsid()
    warnings.simplefilter("error")
    try:
        _attempt(family, seed, numbers, time.monotonic() + seconds, most, pipe)
    except Exception:
        pipe.send(("failure", Failure(0, f"before the first attempt: {traceback.format_exc()}")))
    pipe.send(("end", None))


def _attempt(family: str, seed: int, numbers: range, deadline: float, most: int, pipe: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="endurance-", ignore_cleanup_errors=True) as folder:
        module = import_module(f"benchmarks.endurance.families.{family}")
        with module.ready(Path(folder), seed) as attempt:
            for number in numbers:
                pipe.send(("begin", number))
                try:
                    pipe.send(("tries", attempt(number)))
                except Exception as error:
                    most -= 1
                    words = str(error) if isinstance(error, Wrong) else traceback.format_exc()
                    pipe.send(("failure", Failure(number, words)))
                if time.monotonic() > deadline or most <= 0:  # one attempt there is, however long it took to be ready
                    break
