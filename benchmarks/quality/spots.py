"""How well spots are found and how true their errors are, on scenes of our own simulation or on frames with a truth."""

import dataclasses
import math
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from gaussgrad.files.stacks import Stack
from gaussgrad.files.tables import numeric_columns, read_table
from gaussgrad.simulation import Scene
from gaussgrad.spots import Comparison, SpotTable, compare, find

STDDEV, BACKGROUND = 1.3, 1.0
PHOTONS = (200, 500, 1000, 5000)
DENSITIES = (0.1, 0.3, 1.0, 3.0)  # spots per (10 stddev)²
TOLERANCE = 2.5
PAGE = pages.DOCS / "spots.md"


def isolated(photons: float, spots: int) -> tuple[float, float, float]:
    """RMSE over the bound of Cramér and Rao, standard deviation of the pulls, share of misses within one error."""
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
    return ratio, float(pulls.std()), float((np.abs(pulls) < 1).mean())


def crowded(density: float, frames: int) -> Comparison:
    """A scene of so many spots per (10 stddev)², found without options."""
    scene = Scene(size=(128, 128), density=density / (10 * STDDEV) ** 2, stddev=STDDEV, background=BACKGROUND)
    simulated = scene.simulate(frames, seed=1)
    return compared(find(simulated.frames), simulated.frame, simulated.means)


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


def report_on(frames: Path | None, truth: Path | None, spots: int, docs: bool) -> None:
    """Print the tables; with `docs`, write those of simulated scenes into docs/spots.md."""
    if frames is not None and truth is not None:
        rows = numeric_columns(truth, read_table(truth), ("frame", "x", "y"))
        with Stack(frames) as stack:
            found = find(stack.read(stack.pages))
        _show(frames.name, COMPARED, [_cells(compared(found, rows[:, 0], rows[:, 1:]))])
        return
    alone = [(str(photons), *(f"{number:.3f}" for number in isolated(photons, spots))) for photons in PHOTONS]
    crowd = [(f"{density:g}", *_cells(crowded(density, max(2, spots // 250)))) for density in DENSITIES]
    _show("isolated spots", ALONE, alone)
    _show("crowded frames", ("spots per (10 stddev)²", *COMPARED), crowd)
    Console().print(f"{1e3 * seconds_a_frame(32):.0f} ms for a frame of 256 x 256 pixels with fifty spots")
    if docs:
        pages.write(PAGE, "isolated spots", pages.table(ALONE, alone))
        pages.write(PAGE, "crowded frames", pages.table(("spots per (10 stddev)²", *COMPARED), crowd))


ALONE = ("photons", "RMSE / Cramér–Rao bound", "standard deviation of the pulls", "misses within one standard error")
COMPARED = ("Jaccard", "precision", "recall", "RMSE, px")


def _cells(result: Comparison) -> tuple[str, ...]:
    numbers = dataclasses.asdict(result) | {name: getattr(result, name) for name in ("jaccard", "precision", "recall")}
    return tuple(f"{numbers[name]:.3f}" for name in ("jaccard", "precision", "recall", "rmse"))


def _show(title: str, columns: tuple[str, ...], rows: list) -> None:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
