"""`gaussgrad train` in processes of its own, forked from one that has imported it: that takes longer than to train.

These functions run in that one, by `fresh.fresh_process`.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.distributed.run import main as torchrun

from gaussgrad import cli
from gaussgrad.training import session  # noqa: F401 (the command imports it late)

_started: dict[int, multiprocessing.process.BaseProcess] = {}


def start(log: Path, arguments: Sequence[object], environment: Mapping[str, str] | None = None) -> int:
    """The number of a process that trains and prints to a file."""
    return _fork(log, train, [str(argument) for argument in arguments], environment or {})


def start_as_script(log: Path, script: Path, arguments: Sequence[object]) -> int:
    """The same, as if begun by a script that calls the command: Lightning starts that for its other processes."""
    return _fork(log, _train_as_script, [str(script), *map(str, arguments)], {})


def start_under_torchrun(log: Path, script: Path, arguments: Sequence[object]) -> int:
    """The same under torchrun, which forks two processes that run a script with these arguments."""
    options = ["--standalone", "--nproc-per-node", "2", "--start-method", "fork", "--run-path"]
    return _fork(log, torchrun, [*options, str(script), *map(str, arguments)], {})


def exit_code(number: int, seconds: float | None = None) -> int | None:
    """Of a process, when it has ended; None where it goes on for longer than that."""
    _started[number].join(seconds)
    return _started[number].exitcode


def end_all() -> None:
    """End what a failed test left behind; torchrun ends its own processes when it is asked to."""
    for end in ("terminate", "kill"):
        for process in _started.values():
            getattr(process, end)()
            process.join(10)


def train(arguments: list[str]) -> None:
    """The command; an end without an error is none, for torchrun."""
    try:
        cli.main(arguments)
    except SystemExit as stop:
        if stop.code:
            raise


def _train_as_script(command: list[str]) -> None:
    sys.argv = command
    train(command[1:])


def _fork(log: Path, function, arguments: list[str], environment: Mapping[str, str]) -> int:
    process = multiprocessing.get_context("fork").Process(target=_run, args=(log, function, arguments, environment))
    process.start()
    _started[process.pid] = process
    return process.pid


def _run(log: Path, function, arguments: list[str], environment: Mapping[str, str]) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.update(environment)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit that it is ignored
    function(arguments)
