"""Small inputs of every operation, for the tests that all operations must pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

import gaussgrad  # noqa: F401 (registers the operations)
from gaussgrad.op import OPERATIONS

SIZES = {1: (23,), 2: (13, 17), 3: (5, 6, 19)}
"""One prime axis each; the rows are longer than one vector of float32 lanes, and no multiple of it."""


@dataclass(frozen=True)
class Case:
    """Arrays with one leading batch axis, in float64, and the options of one call."""

    operation: str
    label: str
    arrays: tuple[np.ndarray, ...]
    options: dict[str, Any]

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Those it is tested in: kernels of areas and factors compile for seconds, so one in three has both."""
        rare = self.options.get("pixel") == "area" or self.options.get("form") == "cholesky"
        return ("float64",) if rare and self.options["compose"] != "max" else ("float64", "float32")

    def exactness(self, dtype: str) -> str:
        """The row of the table of tolerances that its values keep to."""
        return "area" if dtype == "float64" and self.options.get("pixel") == "area" else dtype

    @property
    def scale(self) -> float | None:
        """What errors of values are relative to; None: the largest value."""
        return 1.0 if self.options.get("compose") == "union" else None

    @property
    def names(self) -> tuple[str, ...]:
        """What the user calls the arrays."""
        return tuple(self.options["form"] if name == "widths" else name for name in OPERATIONS[self.operation].arrays)

    def typed(self, dtype: str) -> tuple[np.ndarray, ...]:
        return tuple(array.astype(dtype) for array in self.arrays)


def random_covariances(rng: np.random.Generator, count: tuple[int, ...], d: int, smallest: float = 0.5) -> np.ndarray:
    """Packed, rotated, of standard deviations between `smallest` and about 3 pixels."""
    factors = rng.normal(size=(*count, d, d))
    matrices = factors @ np.swapaxes(factors, -1, -2) + smallest**2 * np.eye(d)
    rows, columns = np.triu_indices(d)
    return np.ascontiguousarray(matrices[..., rows, columns])


def render_inputs(d: int, *, b: int = 2, n: int = 5, c: int = 2, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Means inside and a little outside the frame, rotated covariances, weights of both signs."""
    rng = np.random.default_rng(seed)
    frame = np.array(SIZES[d][::-1], dtype=float)
    means = rng.uniform(-2, frame + 2, size=(b, n, d))
    return means, random_covariances(rng, (b, n), d), rng.uniform(-0.3, 0.9, size=(b, n, c))


CHANNELS = {"sum": 2, "max": 5, "union": 3}
"""By composition: kernels are compiled for a few channels each, and once for all other numbers of them."""


def _render() -> Iterator[Case]:
    for d, compose, tolerance, amplitude in product(
        (1, 2, 3), ("sum", "max", "union"), (0.0, 1e-4, 0.0111), ("density", "peak")
    ):
        options = {
            "size": SIZES[d],
            "amplitude": amplitude,
            "compose": compose,
            "pixel": "point",
            "tolerance": tolerance,
            "form": "covariances",
        }
        label = f"render-{d}d-{compose}-{tolerance:g}-{amplitude}"
        yield Case("render", label, render_inputs(d, c=CHANNELS[compose]), options)
    for d, compose, tolerance in (
        (1, "sum", 0.0),
        (2, "sum", 0.0),
        (2, "max", 1e-4),
        (2, "union", 0.0111),
        (3, "sum", 1e-4),
    ):
        options = {
            "size": SIZES[d],
            "amplitude": "density",
            "compose": compose,
            "pixel": "area",
            "tolerance": tolerance,
            "form": "covariances",
        }
        yield Case("render", f"render-{d}d-{compose}-{tolerance:g}-area", render_inputs(d, n=3, b=1), options)


def factors_of(covariances: np.ndarray) -> np.ndarray:
    """Packed lower Cholesky factors, by rows, of packed covariances."""
    d = {1: 1, 3: 2, 6: 3}[covariances.shape[-1]]
    matrices = np.zeros((*covariances.shape[:-1], d, d))
    matrices[..., *np.triu_indices(d)[::-1]] = covariances  # NumPy reads the lower triangle
    return np.ascontiguousarray(np.linalg.cholesky(matrices)[..., *np.tril_indices(d)])


FACTORS = (
    (1, "union", "point", 0.0, "density"),
    (1, "sum", "area", 1e-4, "peak"),
    (2, "max", "point", 0.0111, "peak"),
    (2, "union", "area", 0.0, "density"),
    (3, "sum", "point", 1e-4, "density"),
    (3, "max", "area", 0.0111, "peak"),
)
"""Dimensions, composition, pixel, tolerance and amplitude of the cases with factors.

Each kind of pixel meets each number of dimensions, each composition and each tolerance; a case takes some seconds to
compile for each dtype. Every composition in every number of dimensions is drawn from covariances: composing knows no
factors.
"""


def _render_factors() -> Iterator[Case]:
    for d, compose, pixel, tolerance, amplitude in FACTORS:
        few = {"n": 3, "b": 1} if pixel == "area" else {}
        means, covariances, weights = render_inputs(d, c=CHANNELS[compose], **few)
        options = {
            "size": SIZES[d],
            "amplitude": amplitude,
            "compose": compose,
            "pixel": pixel,
            "tolerance": tolerance,
            "form": "cholesky",
        }
        label = f"render-{d}d-{compose}-{tolerance:g}-{amplitude}-{pixel}-cholesky"
        yield Case("render", label, (means, factors_of(covariances), weights), options)


def _render_impulses() -> Iterator[Case]:
    for d, lengths in ((1, (4,)), (2, (3, 2)), (3, (2, 3, 4))):
        means, _, weights = render_inputs(d, n=7)  # between pixel centres, where the derivative is one
        kernel = np.random.default_rng(1).normal(size=(2, *lengths))
        yield Case("render_impulses", f"render_impulses-{d}d", (means, kernel, weights), {"size": SIZES[d]})


def mixture_inputs(k: int, *, b: int = 67, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Points, logits, means, log stddevs and atanh correlations, some of these 0 and some components without weight."""
    rng = np.random.default_rng(seed)
    logits, correlations = rng.normal(size=(b, k)), rng.normal(size=(b, k))
    logits[::5, 1:] = -np.inf
    correlations[::3] = 0
    return rng.normal(size=(b, 2)), logits, rng.normal(size=(b, k, 2)), 0.5 * rng.normal(size=(b, k, 2)), correlations


def _mixture_log_density() -> Iterator[Case]:
    for k in (1, 2, 20, 37):
        yield Case("mixture_log_density", f"mixture_log_density-{k}", mixture_inputs(k), {})


def _moments() -> Iterator[Case]:
    """Rows longer than a vector and no multiple of it; more of them than are added up at once."""
    rng = np.random.default_rng(0)
    light = rng.uniform(0.0, 1.0, size=(3, 37, 19)) * (rng.uniform(size=(3, 37, 19)) < 0.5)
    yield Case("moments", "moments-light", (light,), {"softmax": 0.0})
    logits = 3 * rng.normal(size=light.shape)
    logits[0, :3] = -np.inf
    yield Case("moments", "moments-softmax", (logits,), {"softmax": 0.7})


def _histogram() -> Iterator[Case]:
    """Even and uneven bins, stddevs and weights of each sample and shared ones; n = 7 samples within and outside."""
    rng = np.random.default_rng(0)
    axes = [(23, (-2.0, 2.0)), (4, (-1.5, -0.2, 0.4, 0.5, 3.0)), (5, (-1.0, 1.5))]
    for d, edge, stddevs, weights in ((1, "drop", 1, 7), (2, "keep", 7, 1), (3, "drop", 7, 7)):
        arrays = rng.normal(size=(2, 7, d)), np.exp(rng.normal(size=(2, stddevs, d))), rng.normal(size=(2, weights))
        options = {
            "bins": tuple(bins for bins, _ in axes[:d]),
            "given": tuple(len(edges) for _, edges in axes[:d]),
            "edges": tuple(value for _, edges in axes[:d] for value in edges),
            "edge": edge,
        }
        yield Case("histogram", f"histogram-{d}d-{edge}", arrays, options)
    arrays = rng.normal(size=(2, 7, 2)), np.exp(rng.normal(size=(2, 1, 2))), rng.normal(size=(2, 7))
    options = {"bins": (5, 1), "given": (2, 2), "edges": (-1.0, 1.5, -1.0, 1.0), "edge": "keep"}
    yield Case("histogram", "histogram-2d-one-bin-keeps-all", arrays, options)


CASES: list[Case] = [
    *_render(),
    *_render_factors(),
    *_render_impulses(),
    *_mixture_log_density(),
    *_moments(),
    *_histogram(),
]


def _sample() -> list[Case]:
    """Each operation, number of dimensions or components, composition and kind of pixel once, other options in turn."""
    groups: dict[tuple[Any, ...], list[Case]] = {}
    for case in CASES:
        kinds = (case.options.get("compose"), case.options.get("pixel"))
        if case.options.get("form") == "cholesky":  # the adapters see no difference but the text of an option
            kinds = ("cholesky", case.options["pixel"])
        groups.setdefault((case.operation, *(array.shape[1:] for array in case.arrays), *kinds), []).append(case)
    return [group[number % len(group)] for number, group in enumerate(groups.values())]


SAMPLE = _sample()
"""For frameworks that compile each case, a second each: their adapters hand options over and do not look at them."""


def with_dtypes(cases: list[Case]) -> list[tuple[Case, str]]:
    """Each case with each dtype that it is tested in."""
    return [(case, dtype) for case in cases for dtype in case.dtypes]


MAY_BE_MINUS_INFINITY = {("mixture_log_density", "logits"), ("moments", "images")}
"""(operation, array) whose values may be -infinity, though not all of a batch item's."""
