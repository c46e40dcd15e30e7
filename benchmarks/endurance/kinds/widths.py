"""Cases of the parametrisations of covariances, and of coordinates."""

import numpy as np

import gaussgrad
from benchmarks.endurance import draws
from benchmarks.endurance.cases import Case
from benchmarks.endurance.draws import Random, pick
from benchmarks.endurance.oracles import widths
from gaussgrad import covariance

DTYPES = ("float32", "float64")
SIZES = {1: (37,), 2: (9, 20), 3: (3, 5, 8)}


def _batch(rng: Random) -> tuple[int, ...]:
    return pick(rng, ((), (1,), (5,), (2, 3), (0,)))


def of_covariances(rng: Random, wild: bool) -> Case:
    d = int(pick(rng, (1, 2, 2, 3)))
    name = pick(rng, ("to_matrix", "to_cholesky", "to_precision", "from_precision", "blur"))
    factors = draws.factors(rng, _batch(rng), d, "float32", wild and d < 3)
    arrays = {"precisions" if name == "from_precision" else "covariances": draws.covariances(factors, d)}
    if name == "blur":
        arrays["stddev"] = np.asarray(np.exp(rng.normal()))
    return _case(rng, wild, name, arrays)


def of_factors(rng: Random, wild: bool) -> Case:
    d = int(pick(rng, (1, 2, 2, 3)))
    return _case(rng, wild, "from_cholesky", {"cholesky": draws.factors(rng, _batch(rng), d, "float32", wild)})


def of_stddevs(rng: Random, wild: bool) -> Case:
    """What is made of variances, stddevs, correlations and rotations."""
    batch, d = _batch(rng), int(pick(rng, (2, 3)))
    stddevs = draws.stddevs(rng, (*batch, d), "float32", False)
    name = pick(rng, ("diagonal", "from_log_variance", "from_matrix", "from_correlation", "from_scale_rotation"))
    if name == "diagonal":
        return _case(rng, wild, name, {"variances": stddevs**2})
    if name == "from_log_variance":
        return _case(rng, wild, name, {"log_variances": rng.normal(size=(*batch, d))})
    if name == "from_matrix":
        rows = rng.normal(size=(*batch, d, d))
        return _case(rng, wild, name, {"matrices": rows @ np.swapaxes(rows, -1, -2) + np.eye(d)}, gradients=False)
    if name == "from_correlation":
        correlation = draws.correlations(rng, batch, "float32", wild)
        return _case(rng, wild, name, {"stddevs": stddevs[..., :2], "correlation": correlation})
    rotation = rng.normal(size=batch if d == 2 else (*batch, 4))
    return _case(rng, wild, name, {"stddevs": stddevs, "rotation": rotation})


def of_coordinates(rng: Random, wild: bool) -> Case:
    d = int(pick(rng, (1, 2, 3)))
    batch = _batch(rng)
    arrays = {
        "means": rng.normal(size=(*batch, d)),
        "covariances": draws.covariances(draws.factors(rng, batch, d, "float32", False), d),
    }
    return _case(rng, wild, pick(rng, ("to_pixels", "to_normalized")), arrays, options={"size": SIZES[d]})


def _case(
    rng: Random, wild: bool, name: str, arrays: dict, options: dict | None = None, gradients: bool = True
) -> Case:
    function = getattr(covariance, name, None) or getattr(gaussgrad, name)
    dtype = pick(rng, DTYPES if wild else ("float64",))
    typed = {each: np.asarray(array, dtype) for each, array in arrays.items()}
    steps = {each: 0.02 * np.abs(array) + 1e-9 for each, array in typed.items()}
    return Case(function, getattr(widths, name), typed, options or {}, None if wild or not gradients else steps)


KINDS = {
    "covariances": (5, of_covariances),
    "factors": (1, of_factors),
    "stddevs": (4, of_stddevs),
    "coordinates": (2, of_coordinates),
}
