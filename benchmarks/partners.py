"""Peers made ready: in this process where they are installed here, else in a process of their own environment."""

import contextlib
import functools
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.comparisons import Comparison
from benchmarks.timing import Here, Timed

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
ANSWER_SECONDS = 300  # a peer that compiles first may take a minute


class PeerMissing(Exception):
    """A peer that cannot be measured; the message is the reason that the report gives."""


@dataclass(frozen=True)
class Partners:
    """Where peers may be found: here, in the environment of `python`, in the yardstick's folder."""

    threads: int
    python: Path | None = None
    yardstick: Path | None = None
    reasons: dict[str, str] = field(default_factory=dict)  # peer -> why its installation failed

    @contextlib.contextmanager
    def ready(self, comparison: Comparison) -> Iterator[Timed]:
        """The peer's side of a comparison, prepared; PeerMissing with the reason where that fails."""
        if comparison.peer in self.reasons:
            raise PeerMissing(self.reasons[comparison.peer])
        if importable(comparison.peer):
            yield self._here(comparison)
        elif self.python is not None:
            with Elsewhere(self.python, comparison.name, self.threads) as timed:
                yield timed
        else:
            wanted = ", ".join(requirements(comparison.peer))
            raise PeerMissing(f"not installed here ({wanted}); give --install-peers or --peers-python")

    def _here(self, comparison: Comparison) -> Timed:
        prepare = importlib.import_module(f"benchmarks.peers.{comparison.peer}").prepare
        if comparison.peer == "yardstick":
            if self.yardstick is None:
                raise PeerMissing("its folder was not given; give --yardstick FOLDER")
            prepare = functools.partial(prepare, folder=self.yardstick)
        try:
            timed = Here(prepare(comparison.build(), comparison.stage, self.threads))
            timed.seconds(1)
        except Exception as error:  # whatever stops a peer is the reason to report
            raise PeerMissing(first_line(f"{type(error).__name__}: {error}")) from error
        return timed


class Elsewhere:
    """A prepared call in another Python, which benchmarks/worker.py answers for."""

    def __init__(self, python: Path, name: str, threads: int) -> None:
        command = [str(python), "-m", "benchmarks.worker", name, str(threads)]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def seconds(self, repeats: int) -> float:
        return self._ask(repeats=repeats)["seconds"]

    def results(self) -> dict[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.npz"
            self._ask(path=str(path))
            with np.load(path) as arrays:
                return dict(arrays)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, **question: object) -> dict:
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        timer = threading.Timer(ANSWER_SECONDS, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines() or ["it said nothing"]
            raise PeerMissing(first_line(f"its process ended with {self.process.wait()}: {said[-1]}"))
        answer = json.loads(line)
        if "error" in answer:
            raise PeerMissing(first_line(answer["error"]))
        return answer


def requirements(peer: str) -> list[str]:
    """What a peer's file says it needs, in the form of PEP 723."""
    text = (PEERS / f"{peer}.py").read_text(encoding="utf-8")
    block = re.search(r"^# /// script\n((?:#.*\n)+?)# ///$", text, re.MULTILINE)
    if block is None:
        raise ValueError(f"{peer}.py must begin with its requirements in the form of PEP 723")
    return tomllib.loads(re.sub(r"^# ?", "", block[1], flags=re.MULTILINE))["dependencies"]


def importable(peer: str) -> bool:
    """Whether this Python has what the peer needs."""
    try:
        importlib.import_module(f"benchmarks.peers.{peer}")
    except ImportError:
        return False
    return True


def environment_python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(folder: Path, peers: Iterable[str]) -> dict[str, str]:
    """Install what the peers need into an environment in `folder`, one by one; the reasons of those that fail."""
    python = environment_python(folder)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    reasons = {}
    for peer in peers:
        command = [str(python), "-m", "pip", "install", "--quiet", *requirements(peer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
            reasons[peer] = first_line(f"not installable: {errors[-1]}")
    return reasons


def first_line(text: str) -> str:
    """A reason that fits a table."""
    line = " ".join(text.strip().splitlines()[0].split()) if text.strip() else "no reason given"
    return line if len(line) <= 160 else f"{line[:157]}..."
