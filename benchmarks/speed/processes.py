"""A prepared call in another process: the side that asks, and the side that answers, in lines of JSON."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.pages import ROOT
from benchmarks.speed.timing import Here

ANSWER_SECONDS = 300  # a call that compiles first may take a minute


class WorkerFailed(Exception):
    """The other process ended, or could not do what it was asked; the message says why."""


class Elsewhere:
    """A call in the process of a command that runs `serve`; the process ends with the `with` block."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env=None if environment is None else os.environ | environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )

    def prepare(self, name: str) -> None:
        """Make the call of this name the one that is timed; it has run once then."""
        self._ask(prepare=name)

    def seconds(self, repeats: int) -> float:
        return self._ask(repeats=repeats)["seconds"]

    def results(self) -> dict[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.npz"
            self._ask(path=str(path))
            with np.load(path) as arrays:
                return dict(arrays)

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _ask(self, **question: object) -> dict:
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailed(self._ending()) from None
        return self._answer()

    def _answer(self) -> dict:
        timer = threading.Timer(ANSWER_SECONDS, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            raise WorkerFailed(self._ending())
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def _ending(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines() or ["it said nothing"]
        return f"its process ended with {code}: {said[-1]}"


def serve(prepare: Callable[[str], Here]) -> None:
    """Answer what `Elsewhere` asks until it stops asking."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not be taken for answers
    timed: Here | None = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "prepare" in question:
                timed = None  # lets the memory of the call before go
                timed = prepare(question["prepare"])
                timed.seconds(1)
                answer: dict[str, object] = {"ready": True}
            elif "repeats" in question:
                answer = {"seconds": timed.seconds(question["repeats"])}
            else:
                np.savez(question["path"], **timed.results())
                answer = {"saved": True}
        except Exception as error:  # told to the asking side, which reports it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
