"""How much better starts would help the finder: spots found from its own proposals, and from the true places.

No network can propose better than the truth, so the difference bounds what one would add where the same likelihood
decides afterwards.
"""

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from gaussgrad.simulation import Scene, Simulation
from gaussgrad.spots import SpotTable, compare, find

STDDEV, TOLERANCE = 1.3, 2.5
DENSITIES = (0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)  # spots per (10 stddev)²
LIGHT = (((200.0, 5000.0), 1.0), ((300.0, 600.0), 10.0))  # photons of a spot, and of the background of a pixel
PAGE = pages.DOCS / "spots.md"
MARK = "starts"
COLUMNS = (
    "photons", "background", "spots per (10 stddev)²", "Jaccard", "from the truth", "gain, ± one standard error",
    "RMSE, px", "RMSE from the truth, px",
)  # fmt: skip


def measured(density: float, photons: tuple[float, float], background: float, spots: int, seed: int) -> tuple[str, ...]:
    """A row: about so many spots, found twice with camera and width told."""
    scene = Scene((128, 128), density / (10 * STDDEV) ** 2, photons, stddev=STDDEV, background=background)
    # The error of the gain comes from the spread between frames: eight at the least.
    simulated = scene.simulate(max(8, round(spots / (scene.density * 128**2))), seed=seed)
    known = {"camera": scene.camera, "stddev": STDDEV}
    alone = find(simulated.frames, **known)
    told = find(simulated.frames, start=(simulated.frame, simulated.means), **known)
    without, with_truth = (_compared(found, simulated) for found in (alone, told))
    cells = (without.jaccard, with_truth.jaccard, without.rmse, with_truth.rmse)
    own, best, rmse, best_rmse = (f"{number:.3f}" for number in cells)
    gain = f"{with_truth.jaccard - without.jaccard:+.3f} ± {_error_of_gain(alone, told, simulated):.3f}"
    low, high = photons
    return f"{low:g} to {high:g}", f"{background:g}", f"{density:g}", own, best, gain, rmse, best_rmse


def _compared(found: SpotTable, truth: Simulation):
    return compare(found.frame, found.means, truth.frame, truth.means, tolerance=TOLERANCE)


def _error_of_gain(alone: SpotTable, told: SpotTable, truth: Simulation) -> float:
    """Of the mean over frames of the difference of Jaccard indices."""
    gains = []
    for number in np.unique(truth.frame):
        there = truth.frame == number
        one, other = (
            compare(
                found.frame[found.frame == number], found.means[found.frame == number], truth.frame[there],
                truth.means[there], tolerance=TOLERANCE,
            ).jaccard
            for found in (told, alone)
        )  # fmt: skip
        gains.append(one - other)
    return float(np.std(gains, ddof=1) / np.sqrt(len(gains)))


def report_on(spots: int, docs: bool) -> None:
    """Print the table; with `docs`, write it into docs/spots.md."""
    rows = [
        measured(density, photons, background, spots, seed=number)
        for photons, background in LIGHT
        for number, density in enumerate(DENSITIES)
    ]
    table = Table(*COLUMNS, title="starts")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if docs:
        pages.write(PAGE, MARK, pages.table(COLUMNS, rows))
