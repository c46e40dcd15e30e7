"""The dense renderer of dense_torch.py through torch.compile; needs a C++ compiler."""

# /// script
# dependencies = ["numpy", "torch==2.13.0"]
# ///

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.peers import dense_torch
from benchmarks.speed.scenes import Scene


def prepare(scene: Scene, stage: str, threads: int) -> Callable[[], dict[str, Any]]:
    torch._dynamo.reset()  # each scene gets a graph of its own sizes
    return dense_torch.prepare(scene, stage, threads, torch.compile(dense_torch.draw, dynamic=False))
