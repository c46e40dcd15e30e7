"""Cases of `render` and `render_impulses`."""

import numpy as np

import gaussgrad
from benchmarks.endurance import draws
from benchmarks.endurance.cases import Case
from benchmarks.endurance.draws import Random, chance, pick
from benchmarks.endurance.oracles import drawing

SIZES = {1: ((1,), (5,), (37,)), 2: ((1, 1), (4, 5), (3, 21), (9, 8)), 3: ((1, 1, 1), (3, 2, 4), (2, 3, 19))}
LARGE = {1: (3001,), 2: (101, 130), 3: (19, 23, 31)}
DTYPES = ("float32", "float64", "float64", "float16")


def render(rng: Random, wild: bool) -> Case:
    d = int(rng.choice((1, 2, 2, 2, 3)))
    pixel = "area" if chance(rng, 0.12) else "point"
    dtype = pick(rng, DTYPES if wild else ("float64",))
    compose = pick(rng, ("sum", "sum", "max", "union"))
    if pixel == "area" and d == 3:
        compose = "sum"
    wild = wild and chance(rng, 0.4)
    large = chance(rng, 0.002) and pixel == "point"
    size = LARGE[d] if large else pick(rng, SIZES[d])
    form = pick(rng, ("covariances", "cholesky"))
    _, (own, of_widths) = draws.batch_and_parts(rng, 2)
    n = 60 if large else int(rng.integers(0 if wild else 1, 5))
    extreme = wild and pixel == "point" and dtype != "float16"
    shape = (*of_widths, 1 if chance(rng, 0.2) else n)
    factors = draws.factors(rng, shape, d, dtype, extreme)
    if pixel == "area":
        factors = _wide_enough(factors, d)
    packed = factors if form == "cholesky" else draws.covariances(factors, d)
    means = _means(rng, (*own, n, d), size, wild)
    options = {
        "size": size, "compose": compose, "pixel": pixel,
        "amplitude": pick(rng, ("density", "peak")) if not extreme else "peak",
        "tolerance": float(pick(rng, (0.0, 1e-4, 0.0111, 0.3))),
    }  # fmt: skip
    arrays = {"means": means, form: packed}
    if chance(rng, 0.9):
        arrays["weights"] = _weights(rng, (*own, n), compose, wild)
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    smooth = options["tolerance"] == 0 and compose != "max"
    steps = {"means": 0.3, form: 0.02 * np.abs(packed), "weights": 0.3} if smooth and not wild and not large else None
    return Case(gaussgrad.render, drawing.render, arrays, options, steps)


def _means(rng: Random, shape: tuple[int, ...], size: tuple[int, ...], wild: bool) -> np.ndarray:
    """In the frame and a little outside; where wild on pixel centres, or far outside."""
    means = rng.uniform(-1.5, np.array(size[::-1]) + 0.5, shape)
    if wild and chance(rng, 0.3):
        return np.round(means)
    if wild and chance(rng, 0.2):
        return np.clip(means * 10.0 ** rng.uniform(0, 4, (*shape[:-1], 1)), -6e4, 6e4)  # what float16 holds
    return means


def _weights(rng: Random, shape: tuple[int, ...], compose: str, wild: bool) -> np.ndarray:
    channels = pick(rng, ((), (), (2,), (1,), (3,)))
    weights = rng.uniform(0 if compose == "union" else -1, 1, (*shape, *channels))
    if wild and chance(rng, 0.3):
        weights = weights * (rng.random(weights.shape) < 0.5)
    return weights


def _wide_enough(factors: np.ndarray, d: int) -> np.ndarray:
    """So wide that the quadrature of the oracle serves."""
    rows = np.zeros((*factors.shape[:-1], d, d))
    rows[..., *np.tril_indices(d)] = factors
    matrices = rows @ np.swapaxes(rows, -1, -2) + 0.3**2 * np.eye(d)
    return np.linalg.cholesky(matrices)[..., *np.tril_indices(d)]


def render_impulses(rng: Random, wild: bool) -> Case:
    d = int(rng.choice((0, 1, 2, 2, 3)))  # 0: a size that is no tuple
    dtype = pick(rng, DTYPES if wild else ("float64",))
    size = pick(rng, SIZES[max(1, d)])
    _, (own,) = draws.batch_and_parts(rng, 1)
    n = int(rng.integers(0 if wild else 1, 5))
    means = _means(rng, (*own, n, max(1, d)), size, wild)
    kernel = rng.normal(size=tuple(int(k) for k in rng.integers(1, 5, max(1, d))))
    arrays = {"means": means if d else means[..., 0], "kernel": kernel}
    if chance(rng, 0.8):
        arrays["weights"] = _weights(rng, (*own, n), "sum", wild)
    steps = None if wild else {"means": 1e-3, "kernel": 0.1, "weights": 0.1}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    options = {"size": size if d else size[0]}
    return Case(gaussgrad.render_impulses, drawing.render_impulses, arrays, options, steps)


KINDS = {"render": (30, render), "render_impulses": (8, render_impulses)}
