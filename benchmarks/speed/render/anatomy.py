"""Where the time goes: what one Gaussian, one row and one vector cost, from scenes of different shapes."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from benchmarks.speed import machine, scenes, timing
from benchmarks.speed.render import ours
from benchmarks.speed.render.comparisons import BY_NAME
from benchmarks.speed.scenes import THREE_SIGMA

SIDE, GAUSSIANS = 512, 2_000
SHAPES = (
    (0.4, 0.4),
    (24.0, 0.4),
    (1.0, 1.0),
    (1.0, 12.0),
    (12.0, 1.0),
    (2.0, 4.0),
    (4.0, 2.0),
    (8.0, 8.0),
    (24.0, 1.0),
    (24.0, 6.0),
)
SCENE = BY_NAME["yardstick-forward"]


@dataclass(frozen=True)
class Costs:
    """One thread's nanoseconds per Gaussian, row and vector, the misfit of that model, and what it says of a scene.

    The shares are of the time that the model gives the scene; `exponentials` is what the exponentials of the vectors
    take when nothing else is in the way, a part of the share of the vectors.
    """

    stage: str
    per_gaussian: float
    per_row: float
    per_vector: float
    misfit: float
    gaussians: float
    rows: float
    vectors: float
    exponentials: float
    image: float
    lanes_used: float


def measure(stage: str, seconds: float) -> Costs:
    """Fit time = Gaussians, rows and vectors, each at its price, and the image, over scenes of different shapes."""
    lanes = machine.float32_lanes()
    rows, times = [], []
    for shape in SHAPES:
        scene = scenes.upright(GAUSSIANS, SIDE, *shape)
        call = timing.Here(ours.prepare(scene, "numpy", stage, THREE_SIGMA, threads=1))
        times.append(1e9 * np.median(timing.alone(call, seconds / len(SHAPES))))
        rows.append(_terms(scene, lanes))
    terms, observed = np.array(rows, float), np.array(times)
    prices, _ = nnls(terms / observed[:, None], np.ones(len(observed)))  # relative errors count
    misfit = float(np.max(np.abs(terms @ prices / observed - 1)))
    scene = SCENE.build()
    parts = np.array(_terms(scene, lanes)) * prices
    work = scenes.work(scene, THREE_SIGMA, lanes)
    exponential = 1e9 * lanes / machine.measure_bounds(threads=1).exponentials_per_second
    return Costs(
        stage,
        *(float(price) for price in prices[:3]),
        misfit,
        *(float(part / parts.sum()) for part in parts[:3]),
        float(work.vectors * exponential / parts.sum()),
        float(parts[3] / parts.sum()),
        work.pairs / (work.vectors * lanes),
    )


def _terms(scene: scenes.Scene, lanes: int) -> list[float]:
    """The numbers of Gaussians, rows, vectors and pixels that a scene has."""
    work = scenes.work(scene, THREE_SIGMA, lanes)
    return [work.gaussians, work.rows, work.vectors, scene.size[0] * scene.size[1]]
