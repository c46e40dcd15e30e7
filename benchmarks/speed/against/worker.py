"""A state's own process: `python -m benchmarks.speed.against.worker FOLDER`, asked to prepare lines."""

import sys
from pathlib import Path

from benchmarks.speed import processes
from benchmarks.speed.against.lines import CALLS
from benchmarks.speed.against.probe import insist_on
from benchmarks.speed.timing import Here


def prepare(name: str, folder: Path) -> Here:
    insist_on(folder)
    return Here(CALLS[name]())


if __name__ == "__main__":
    processes.serve(lambda name: prepare(name, Path(sys.argv[1])))
