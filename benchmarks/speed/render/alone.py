"""What is measured of gaussgrad alone: small calls, scaling, memory, the first call, both cores."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping

from benchmarks.pages import ROOT
from benchmarks.speed import scenes, timing
from benchmarks.speed.render import ours
from benchmarks.speed.render.comparisons import BY_NAME
from benchmarks.speed.render.figures import Bar, Figure
from benchmarks.speed.scenes import DEFAULT, THREE_SIGMA
from benchmarks.speed.spread import Spread

SCALES = (1_000, 10_000, 100_000, 1_000_000)
BYTES_PER_GAUSSIAN = 64
MMAP_THRESHOLD = str(2**16)  # larger blocks are returned to the system when freed, see memory_probe.py
FIRST_CALLS = 3
WITH_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}  # which counts as not set
SHARE_OF_CORES = 0.75  # from which we say that all cores are at work


def small_calls(threads: int, seconds: float) -> list[Figure]:
    """The time of one call so small that only overhead is left."""
    comparison = BY_NAME["small-dense"]
    figures = []
    for entry, stage, limit in (("numpy", "forward", 60.0), ("torch", "both", 300.0)):
        call = timing.Here(ours.prepare(comparison.build(), entry, stage, DEFAULT))
        times = [1e6 * value for value in timing.alone(call, seconds)]
        measured = "forward, arrays" if entry == "numpy" else "forward + backward, torch autograd"
        spread = Spread.of(times)
        figures.append(Figure(f"small-{entry}", comparison.title, measured, spread, "µs", bar=Bar("at most", limit)))
    return figures


def spots_backward(threads: int, seconds: float) -> list[Figure]:
    """The backward pass that the peer for spots does not have."""
    figures = []
    for name in ("spots-few", "spots-many"):
        call = timing.Here(ours.prepare(BY_NAME[name].build(), "numpy", "backward", THREE_SIGMA))
        times = [1e3 * value for value in timing.alone(call, seconds)]
        measured = f"backward, arrays, tolerance {THREE_SIGMA:g}"
        figures.append(Figure(f"{name}-backward", BY_NAME[name].title, measured, Spread.of(times), "ms"))
    return figures


def scaling(threads: int, seconds: float) -> list[Figure]:
    """The time per touched pair over the number of Gaussians at constant density, and its largest over its smallest."""
    figures = []
    built = {n: scenes.at_density(n) for n in SCALES}
    pairs = {n: scenes.work(scene, DEFAULT).pairs for n, scene in built.items()}
    for stage in ("forward", "backward"):
        calls = {n: timing.Here(ours.prepare(scene, "numpy", stage, DEFAULT)) for n, scene in built.items()}
        rounds = _per_pair(calls, pairs, seconds)
        spreads = {n: Spread.of([values[n] for values in rounds]) for n in SCALES}
        for n in SCALES:
            title = f"{n:,} Gaussians at constant density"
            figures.append(Figure(f"scaling-{stage}-{n}", title, f"{stage}, arrays", spreads[n], "ns per pair"))
        slowest, fastest = (pick(SCALES, key=lambda n: spreads[n].median) for pick in (max, min))
        flatness = Spread.of([values[slowest] / values[fastest] for values in rounds])
        title, measured = f"{SCALES[0]:,} to {SCALES[-1]:,} Gaussians at constant density", f"{stage}, time per pair"
        bar = Bar("at most", 1.5)
        figures.append(Figure(f"scaling-{stage}", title, measured, flatness, "slowest over fastest", bar=bar))
    return figures


def _per_pair(calls: Mapping[int, timing.Timed], pairs: Mapping[int, int], seconds: float) -> list[dict[int, float]]:
    """Nanoseconds per pair of every scale, in every round."""
    blocks = {n: timing.repeats_of(call) for n, call in calls.items()}
    count = timing.rounds_in(seconds, sum(block for _, block in blocks.values()))
    return [{n: 1e9 * calls[n].seconds(blocks[n][0]) / pairs[n] for n in calls} for _ in range(count)]


def memory(threads: int, seconds: float) -> list[Figure]:
    """The peak beyond inputs and outputs, as a share of two images and 64 bytes per Gaussian."""
    figures = []
    for stage, compose in itertools.product(("forward", "both"), ("sum", "max", "union")):
        found = _probe("benchmarks.speed.render.memory_probe", stage, compose, MALLOC_MMAP_THRESHOLD_=MMAP_THRESHOLD)
        peaks = [found[way] for way in ("traced", "resident") if found[way] is not None]
        allowed = 2 * found["image"] + BYTES_PER_GAUSSIAN * found["gaussians"]
        share = max(peaks) / allowed
        shown = "forward + backward" if stage == "both" else stage
        measured = f"{shown}, arrays, {compose}, peak memory of the second call"
        title = BY_NAME["yardstick-forward"].title
        figures.append(
            Figure(
                f"memory-{stage}-{compose}", title, measured, Spread.of([share]), "of 2 images + 64 B per Gaussian",
                bar=Bar("at most", 1.0),
            )
        )  # fmt: skip
    return figures


def first_calls(threads: int, seconds: float) -> list[Figure]:
    """The first call ever, with an empty cache of machine code, and that of a later process.

    Packages have their bytecode, as pip installs them: a process that is not counted writes what is missing.
    """
    ever, later = [], []
    with tempfile.TemporaryDirectory() as cache:
        _probe("benchmarks.speed.render.startup_probe", NUMBA_CACHE_DIR=cache)
    for _ in range(FIRST_CALLS):
        with tempfile.TemporaryDirectory() as cache:
            ever.append(_probe("benchmarks.speed.render.startup_probe", NUMBA_CACHE_DIR=cache))
            later.append(_probe("benchmarks.speed.render.startup_probe", NUMBA_CACHE_DIR=cache))
    figures = []
    for when, found, limit in (("ever", ever, 6.0), ("of a later process", later, 0.5)):
        for stages in (("forward",), ("forward", "backward")):
            spread = Spread.of([sum(probe[stage] for stage in stages) for probe in found])
            name = f"first-{when.split()[-1]}-{'-'.join(stages)}"
            title, measured = f"first call {when}", f"{' + '.join(stages)}, arrays, beyond imports"
            figures.append(Figure(name, title, measured, spread, "s", bar=Bar("at most", limit)))
    return figures


def _probe(module: str, *arguments: str, **environment: str) -> dict:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | WITH_BYTECODE | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def all_cores(threads: int, seconds: float) -> list[Figure]:
    """One Gaussian as large as the image: how many cores it keeps at work, and how much faster it then is."""
    scene = scenes.one_large(2048)
    figures = []
    for stage in ("forward", "backward"):
        title, measured = "one Gaussian as large as the image, 2048×2048 RGB", f"{stage}, arrays"
        name, faster = f"cores-{stage}", f"× as fast on {threads} threads as on 1"
        busy = f"processor seconds per second on {threads} threads"
        if threads < 2:
            figures.append(Figure(name, title, measured, None, busy, reason="this process may use one core only"))
            continue
        one, many = (timing.Here(ours.prepare(scene, "numpy", stage, DEFAULT, threads=n)) for n in (1, threads))
        bar = Bar("at least", SHARE_OF_CORES * threads)
        figures.append(Figure(name, title, measured, Spread.of(timing.processors(many, seconds)), busy, bar=bar))
        spread = Spread.of(timing.ratios(*timing.in_turn(one, many, seconds)))
        figures.append(Figure(f"{name}-speed", title, measured, spread, faster))
    return figures


Measurement = Callable[[int, float], list[Figure]]
MEASUREMENTS: dict[str, Measurement] = {
    "small-calls": small_calls,
    "spots-backward": spots_backward,
    "scaling": scaling,
    "memory": memory,
    "first-calls": first_calls,
    "all-cores": all_cores,
}
