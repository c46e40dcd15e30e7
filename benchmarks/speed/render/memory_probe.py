"""In a fresh process: the peak memory of a second call beyond inputs and outputs. Prints bytes as JSON.

NumPy tells tracemalloc of its arrays, but not of what compiled kernels allocate; the resident peak, which Linux resets
on request, has both. The parent sets MALLOC_MMAP_THRESHOLD_, so that freed arrays go back and cannot hide a later peak;
memory that we keep for later arrays is let go for the same reason.
"""

import ctypes
import functools
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.speed.render import ours
from benchmarks.speed.render.comparisons import BY_NAME
from benchmarks.speed.scenes import DEFAULT
from gaussgrad import arrays

SCENE = BY_NAME["yardstick-forward"]
RESET_PEAK = "5"  # man 5 proc, clear_refs


def traced_peak(call: Callable[[], dict[str, Any]]) -> int:
    """Bytes of NumPy arrays at the peak beyond the outputs."""
    arrays.release()
    tracemalloc.start()
    outputs = call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - sum(array.nbytes for array in outputs.values())


def resident_peak(call: Callable[[], dict[str, Any]]) -> int | None:
    """Bytes of the process at the peak beyond the outputs; None where the system does not tell."""
    status, control = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not control.exists():
        return None
    gc.collect()
    arrays.release()
    ctypes.CDLL(None).malloc_trim(0)
    control.write_text(RESET_PEAK)
    before = _field(status, "VmRSS")
    outputs = call()
    return _field(status, "VmHWM") - before - sum(array.nbytes for array in outputs.values())


def _field(status: Path, name: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def main() -> None:
    stage, compose = sys.argv[1:]
    scene = SCENE.build()
    prepare = ours.in_flight if stage == "both" else functools.partial(ours.prepare, entry="numpy", stage=stage)
    call = prepare(scene, tolerance=DEFAULT, compose=compose)
    call()
    traced, resident = traced_peak(call), resident_peak(call)
    gaussians = scene.means.size // 2
    print(json.dumps({"traced": traced, "resident": resident, "image": scene.upstream.nbytes, "gaussians": gaussians}))


if __name__ == "__main__":
    main()
