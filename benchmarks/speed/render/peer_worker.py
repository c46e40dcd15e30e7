"""A peer's own process: `python -m benchmarks.speed.render.peer_worker THREADS`, asked to prepare comparisons."""

import importlib
import sys

from benchmarks.speed import processes
from benchmarks.speed.render.comparisons import BY_NAME
from benchmarks.speed.timing import Here


def prepare(name: str, threads: int) -> Here:
    comparison = BY_NAME[name]
    peer = importlib.import_module(f"benchmarks.peers.{comparison.peer}")
    return Here(peer.prepare(comparison.build(), comparison.stage, threads))


if __name__ == "__main__":
    processes.serve(lambda name: prepare(name, int(sys.argv[1])))
