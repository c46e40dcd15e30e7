"""How time is taken on a device: by its own clock where it has one, and of a graph that replays the launches."""

import math
import time
from collections.abc import Callable
from typing import Any

import torch

Step = Callable[[], Any]

WARM_UPS = 3  # the first compiles; a graph wants memory that was asked for before
BLOCK_SECONDS = 0.02  # a block of steps lasts at least this long


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def replayed(step: Step, device: torch.device) -> Step:
    """The launches of a step as a CUDA graph: what a call costs without Python."""
    if device.type != "cuda":
        raise ValueError(f"graphs are of CUDA devices; got {device}.")
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            step()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()  # the memory of what it gives belongs to the graph

    def replay() -> Any:
        graph.replay()
        return kept

    return replay


def times(step: Step, device: torch.device, seconds: float) -> list[float]:
    """Seconds of one step, a value per block of steps, for so many seconds; at least five."""
    for _ in range(WARM_UPS):
        step()
    once = _block(step, device, 1)
    repeats = max(1, math.ceil(BLOCK_SECONDS / max(once, 1e-9)))
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        found.append(_block(step, device, repeats))
    return found


def _block(step: Step, device: torch.device, repeats: int) -> float:
    """The mean time of so many steps in a row."""
    synchronize(device)
    if device.type != "cuda":
        start = time.perf_counter()
        for _ in range(repeats):
            step()
        return (time.perf_counter() - start) / repeats
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    for _ in range(repeats):
        step()
    last.record()
    synchronize(device)
    return first.elapsed_time(last) / 1e3 / repeats
