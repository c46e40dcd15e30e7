"""How well spots are found and how true their errors are, on scenes of our own simulation or on frames with a truth."""

import dataclasses
import math
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from gaussgrad.files.stacks import Stack
from gaussgrad.files.tables import numeric_columns, read_table
from gaussgrad.simulation import Scene, Simulation
from gaussgrad.spots import Comparison, SpotTable, compare, find

STDDEV, BACKGROUND = 1.3, 1.0
PHOTONS = (50, 100, 200, 500, 1000, 5000)
DENSITIES = (0.1, 0.3, 1.0, 2.0, 3.0)  # spots per (10 stddev)²
TOLERANCE = 2.5
PEERS = ("trackpy", "picasso")
PAGE = pages.DOCS / "spots.md"


def isolated(photons: float, spots: int) -> tuple[float, float, float, float]:
    """The share found, RMSE over the Cramér–Rao bound, standard deviation of pulls, share of misses within an error."""
    side = 24
    scene = Scene(size=(side, side), density=0.0, photons=photons, stddev=STDDEV, background=BACKGROUND)
    rng = np.random.default_rng(int(photons))
    means = (side - 1) / 2 + rng.uniform(-0.5, 0.5, (spots, 2))
    frames = np.stack([scene.camera.counts(scene.expected(mean[None], np.array([photons])), rng) for mean in means])
    found = find(frames, camera=scene.camera, stddev=STDDEV, false_alarms=1e-3)
    misses = found.means - means[found.frame]
    near = (np.abs(misses) < TOLERANCE).all(axis=1)
    misses, errors = misses[near], found.mean_stddevs[near]
    pulls = misses / errors
    ratio = math.sqrt(np.mean(misses**2) / np.mean(errors**2))
    return float(near.sum()) / spots, ratio, float(pulls.std()), float((np.abs(pulls) < 1).mean())


def crowded(density: float, frames: int, python: Path | None) -> list[tuple[str, Comparison]]:
    """Finders on a scene of so many spots per (10 stddev)²: ours without options, others as best on a like scene."""
    scene = Scene(size=(128, 128), density=density / (10 * STDDEV) ** 2, stddev=STDDEV, background=BACKGROUND)
    simulated, like = scene.simulate(frames, seed=1), scene.simulate(frames, seed=2)
    results = [("gaussgrad", compared(find(simulated.frames), simulated.frame, simulated.means))]
    for name in PEERS if python else ():
        frame, means = _found_by(name, python, like, simulated)
        results.append((name, compare(frame, means, simulated.frame, simulated.means, tolerance=TOLERANCE)))
    return results


def _found_by(name: str, python: Path, like: Simulation, simulated: Simulation) -> tuple[np.ndarray, np.ndarray]:
    """Frame and means of the spots that another finder finds, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{each}.npz" for each in ("like", "frames", "found")]
        np.savez(paths[0], frames=like.frames, frame=like.frame, means=like.means, tolerance=TOLERANCE)
        np.savez(paths[1], frames=simulated.frames)
        script = Path(__file__).with_name("spot_peers.py")
        done = subprocess.run([python, script, name, *paths], capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"{name} in {python} ended with {done.returncode}: {said[-1]}")
        with np.load(paths[2]) as arrays:
            return arrays["frame"], arrays["means"]


def compared(found: SpotTable, frame: np.ndarray, means: np.ndarray) -> Comparison:
    return compare(found.frame, found.means, frame, means, tolerance=TOLERANCE, mean_stddevs=found.mean_stddevs)


def seconds_a_frame(frames: int) -> float:
    """Of 256 x 256 pixels with fifty spots, found without options; what is compiled is not counted."""
    scene = Scene(size=(256, 256), density=50 / 256**2, stddev=STDDEV, background=BACKGROUND)
    counts = scene.simulate(frames, seed=2).frames
    find(counts[:2])
    began = time.perf_counter()
    find(counts)
    return (time.perf_counter() - began) / frames


def report_on(frames: Path | None, truth: Path | None, spots: int, docs: bool, python: Path | None) -> None:
    """Print the tables; with `docs`, write those of simulated scenes into docs/spots.md."""
    if frames is not None and truth is not None:
        rows = numeric_columns(truth, read_table(truth), ("frame", "x", "y"))
        with Stack(frames) as stack:
            found = find(stack.read(stack.pages))
        _show(frames.name, COMPARED, [_cells(compared(found, rows[:, 0], rows[:, 1:]))])
        return
    alone = [(str(photons), *(f"{number:.3f}" for number in isolated(photons, spots))) for photons in PHOTONS]
    crowd = [
        (f"{density:g}", name, *_cells(result))
        for density in DENSITIES
        for name, result in crowded(density, max(2, spots // 250), python)
    ]
    _show("isolated spots", ALONE, alone)
    _show("crowded frames", CROWD, crowd)
    if python is None:
        Console().print(f"left out for want of --peers-python: {', '.join(PEERS)}")
    Console().print(f"{1e3 * seconds_a_frame(32):.0f} ms for a frame of 256 x 256 pixels with fifty spots")
    if docs:
        pages.write(PAGE, "isolated spots", pages.table(ALONE, alone))
        pages.write(PAGE, "crowded frames", pages.table(CROWD, crowd))


ALONE = ("photons", "found", "RMSE / Cramér–Rao bound", "standard deviation of the pulls", "misses within one error")
COMPARED = ("Jaccard", "precision", "recall", "RMSE, px")
CROWD = ("spots per (10 stddev)²", "finder", *COMPARED)


def _cells(result: Comparison) -> tuple[str, ...]:
    numbers = dataclasses.asdict(result) | {name: getattr(result, name) for name in ("jaccard", "precision", "recall")}
    return tuple(f"{numbers[name]:.3f}" for name in ("jaccard", "precision", "recall", "rmse"))


def _show(title: str, columns: tuple[str, ...], rows: list) -> None:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
