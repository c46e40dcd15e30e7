"""The machine: its description, and the bounds of what any renderer could do on it."""

import datetime
import importlib.metadata
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit, types

from gaussgrad import parallel, simd

MEMORY_BYTES = 3 * 2**27  # no cache holds them
TRIAD_BYTES = 2**28  # moved at least, per attempt
STEPS = 2_000_000  # some milliseconds
CHAINS = 12  # independent sums, more than latency times ports of today's cores
EXPONENTIALS = 4
ATTEMPTS = 7
PACKAGES = ("gaussgrad", "numpy", "numba", "llvmlite", "torch")


@dataclass(frozen=True)
class Bounds:
    """What all used cores together reach: memory in bytes per second, float32 operations in values per second."""

    bytes_per_second: float
    bytes_per_second_of_one: float  # core
    fused_per_second: float  # multiply-adds
    exponentials_per_second: float

    def arithmetic_seconds(self, pairs: int, channels: int, stage: str) -> float:
        """The least time for the arithmetic of a scene's pairs.

        Counted per pair as multiply-adds beside one exponential: drawing takes 2 for the exponent, 1 per channel.
        Gathering takes the same exponent, 2 per channel, and 5 for the moments.
        """
        per_pair = {"forward": 2 + channels, "backward": 7 + 2 * channels, "both": 9 + 3 * channels}[stage]
        exponentials = 2 if stage == "both" else 1
        return pairs * (per_pair / self.fused_per_second + exponentials / self.exponentials_per_second)


@njit(nogil=True, error_model="numpy")
def triad(start, stop, repeats, out, first, second):
    """out = first + factor second, so many times."""
    for repeat in range(repeats):
        factor = np.float32(repeat)
        for i in range(start, stop):
            out[i] = first[i] + factor * second[i]


@njit(nogil=True, error_model="numpy")
def multiply_adds(start, stop, out):
    """CHAINS multiply-adds of a full vector per step, all in registers; they begin apart, or they would be merged."""
    one = np.float32(1)
    half = simd.splat(np.float32(0.5), simd.address(out))
    a = simd.iota(simd.address(out))
    b, c, d = a + one, a - one, a * half
    e, f, g, h = a + b, a + d, b + b, b + d
    i, j, k, m = d + d + d, d - one, d * half, c * half
    for _ in range(start, stop):
        a, b, c = simd.fused(a, half, half), simd.fused(b, half, half), simd.fused(c, half, half)
        d, e, f = simd.fused(d, half, half), simd.fused(e, half, half), simd.fused(f, half, half)
        g, h, i = simd.fused(g, half, half), simd.fused(h, half, half), simd.fused(i, half, half)
        j, k, m = simd.fused(j, half, half), simd.fused(k, half, half), simd.fused(m, half, half)
    out[0] = simd.total(a + b + c + d + e + f + g + h + i + j + k + m)


@njit(nogil=True, error_model="numpy")
def exponentials(start, stop, out):
    """EXPONENTIALS of a full vector per step, all in registers."""
    step = simd.splat(np.float32(-1.5), simd.address(out))
    a = simd.iota(simd.address(out)) * np.float32(-0.01)
    b, c, d = a + a, a * np.float32(3), a * np.float32(4)
    total = simd.zero(a)
    for _ in range(start, stop):
        total = total + simd.exp(a) + simd.exp(b) + simd.exp(c) + simd.exp(d)
        a, b, c, d = step - a, step - b, step - c, step - d
    out[0] = simd.total(total)


def float32_lanes() -> int:
    return simd.LANES[types.float32]


def describe() -> dict[str, str]:
    """Processor, cores, system, versions and date."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return {
        "processor": f"{_processor_name()}, {parallel.available_cores()} cores, vectors of {float32_lanes()} float32",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": versions,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _processor_name() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure_bounds(threads: int) -> Bounds:
    """Each bound is the best of a few attempts: a bound that noise lowers is none."""
    lanes = float32_lanes()
    small = np.zeros(64, np.float32)
    fused = _best(lambda start, stop: multiply_adds(start, stop, small), STEPS, threads)
    exponential = _best(lambda start, stop: exponentials(start, stop, small), STEPS, threads)
    memory = (bandwidth(MEMORY_BYTES, count) for count in (threads, 1))
    return Bounds(*memory, STEPS * CHAINS * lanes / fused, STEPS * EXPONENTIALS * lanes / exponential)


def bandwidth(total_bytes: int, threads: int) -> float:
    """Bytes per second of a triad over arrays of so many bytes together: those that fit a cache move faster."""
    out, first, second = (np.ones(max(1, total_bytes // 12), np.float32) for _ in range(3))
    repeats = max(1, TRIAD_BYTES // (3 * out.nbytes))
    best = _best(lambda start, stop: triad(start, stop, repeats, out, first, second), len(out), threads)
    return 3 * out.nbytes * repeats / best


def _best(task: Callable[[int, int], None], count: int, threads: int) -> float:
    task(0, 1)  # compiles
    times = []
    for _ in range(ATTEMPTS):
        start = time.perf_counter()
        parallel.run(task, count, threads, seconds=1.0)
        times.append(time.perf_counter() - start)
    return min(times)
