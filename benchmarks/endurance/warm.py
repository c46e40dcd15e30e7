"""The command line in forks of a process that has imported and compiled all it needs: a start takes milliseconds."""

import contextlib
import io
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MOST_MEMORY = 12 * 2**30  # bytes that a command may ask for, beside what the system gives it anyway
POLL = 0.002  # seconds


class Started(NamedTuple):
    """A command that runs: its process and the files that it prints to."""

    process: int
    out: Path
    err: Path


class Ended(NamedTuple):
    """The exit code of a command, minus the number of a signal that ended it; None where it took too long."""

    code: int | None
    out: str
    err: str


def prepare() -> None:
    """Import what the commands import late; torch computes on one thread, for a fork beside others would hang."""
    import torch

    torch.set_num_threads(1)
    from gaussgrad import cli, inference, picture, plot  # noqa: F401
    from gaussgrad.fitting.sessions import photograph
    from gaussgrad.training import session  # noqa: F401

    photograph.KEPT_EVERY = 0.0  # so that a kill meets a checkpoint


def here(arguments: Sequence[object], folder: Path) -> int:
    """The exit code of the command in this very process, which has then imported and compiled what it needs."""
    from gaussgrad import cli

    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            cli.main(list(map(str, arguments)))
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        os.chdir(before)
    return 0


def start(arguments: Sequence[object], folder: Path) -> Started:
    """The command in a process of its own, which works in the folder and prints beside it."""
    out, err = (folder.with_suffix(suffix) for suffix in (".out", ".err"))
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        _be(list(map(str, arguments)), folder, out, err, write)
    os.close(write)
    os.read(read, 1)  # it begins
    os.close(read)
    return Started(process, out, err)


def wait(started: Started, seconds: float) -> Ended | None:
    """How the command ended, or None where it still runs after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(started.process, os.WNOHANG)
        if done:
            out, err = (path.read_text(encoding="utf-8", errors="replace") for path in (started.out, started.err))
            return Ended(os.waitstatus_to_exitcode(status), out, err)
        if time.monotonic() >= deadline:
            return None
        time.sleep(POLL)


def finish(arguments: Sequence[object], folder: Path, seconds: float) -> Ended:
    """The command from start to end; it is killed where it takes longer."""
    started = start(arguments, folder)
    ended = wait(started, seconds)
    if ended is not None:
        return ended
    os.kill(started.process, signal.SIGKILL)
    killed = wait(started, 60.0)
    return Ended(None, "", "") if killed is None else killed._replace(code=None)


def _be(arguments: list[str], folder: Path, out: Path, err: Path, ready: int) -> None:
    """The command, from here on."""
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(folder)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_MEMORY, size + MOST_MEMORY))
    warnings.resetwarnings()  # a user sees them on stderr
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)
    from gaussgrad import cli

    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(ready, b"!")
        cli.main(arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
