"""A state of the code as it is timed: a copy of its package, and processes that import that copy."""

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import first_line
from benchmarks.pages import ROOT
from benchmarks.speed.processes import Elsewhere, WorkerFailed


@dataclass(frozen=True)
class State:
    """A folder that holds a copy of gaussgrad."""

    folder: Path

    def worker(self) -> Elsewhere:
        return Elsewhere([sys.executable, "-m", "benchmarks.speed.against.worker", str(self.folder)], self.environment)

    def probe(self, name: str) -> "Probe":
        return Probe(self, name)

    @property
    def environment(self) -> dict[str, str]:
        """OpenMP's threads wait asleep, as under the command `gaussgrad`: spinning, they slow whatever else runs."""
        return {"PYTHONPATH": str(self.folder), "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Probe:
    """A fresh process each time it is timed, with an empty cache of machine code."""

    state: State
    name: str

    def seconds(self, repeats: int) -> float:
        return sum(self._once() for _ in range(repeats)) / repeats

    def _once(self) -> float:
        command = [sys.executable, "-m", "benchmarks.speed.against.probe", str(self.state.folder), self.name]
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | self.state.environment | {"NUMBA_CACHE_DIR": cache}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise WorkerFailed(first_line((done.stderr.strip().splitlines() or ["it said nothing"])[-1]))
        return float(done.stdout.splitlines()[-1])


def copy(source: Path, folder: Path) -> State:
    """A state that stays as it is while the other work in its checkout goes on, without machine code from before.

    It has its bytecode, as what pip installs has.
    """
    shutil.copytree(source / "gaussgrad", folder / "gaussgrad", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder, quiet=2)
    return State(folder)
