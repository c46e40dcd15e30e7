"""Cases of scoring points under mixtures and of sampling from them."""

import numpy as np

import gaussgrad
from benchmarks.endurance import draws
from benchmarks.endurance.cases import Case
from benchmarks.endurance.draws import Random, chance, pick
from benchmarks.endurance.oracles import mixtures

DTYPES = ("float32", "float64", "float64")


def _parameters(rng: Random, wild: bool, dtype: str, parts: list[tuple[int, ...]], k: int) -> dict[str, np.ndarray]:
    """The raw numbers of bivariate mixtures."""
    logits, means, log_stddevs, correlations = parts
    result = {
        "logits": rng.normal(size=(*logits, k)) * (30 if wild and chance(rng, 0.2) else 1),
        "means": rng.normal(size=(*means, k, 2)) * (1e3 if wild and chance(rng, 0.2) else 1),
        "log_stddevs": rng.normal(size=(*log_stddevs, k, 2)) * (5 if wild and chance(rng, 0.3) else 0.5),
        "atanh_correlations": rng.normal(size=(*correlations, k)) * (2 if wild and chance(rng, 0.3) else 0.7),
    }
    if wild and chance(rng, 0.2):
        result["atanh_correlations"] = np.zeros_like(result["atanh_correlations"])
    if wild and chance(rng, 0.2):
        result["logits"][..., 1:][rng.random(result["logits"][..., 1:].shape) < 0.5] = -np.inf
    return {name: array.astype(dtype) for name, array in result.items()}


def _bivariate(rng: Random, wild: bool, points: bool = True) -> tuple[dict[str, np.ndarray], str]:
    dtype = pick(rng, DTYPES if wild else ("float64",))
    _, parts = draws.batch_and_parts(rng, 5)
    k = int(pick(rng, (1, 2, 3, 20)))
    arrays = _parameters(rng, wild, dtype, parts[1:] if points else parts[:4], k)
    if points:
        near = rng.normal(size=(*parts[0], 2)) * (1e2 if wild and chance(rng, 0.1) else 1)
        arrays = {"points": near.astype(dtype), **arrays}
    return arrays, dtype


STEPS = dict.fromkeys(("points", "logits", "means", "log_stddevs", "atanh_correlations"), 0.1)


def mixture_log_density(rng: Random, wild: bool) -> Case:
    arrays, _ = _bivariate(rng, wild)
    return Case(gaussgrad.mixture_log_density, mixtures.mixture_log_density, arrays, {}, None if wild else STEPS)


def responsibilities(rng: Random, wild: bool) -> Case:
    arrays, _ = _bivariate(rng, wild)
    return Case(gaussgrad.responsibilities, mixtures.responsibilities, arrays, {}, None if wild else STEPS)


def mixture_moments(rng: Random, wild: bool) -> Case:
    arrays, _ = _bivariate(rng, wild, points=False)
    return Case(gaussgrad.mixture_moments, mixtures.mixture_moments, arrays, {}, None if wild else STEPS)


def sample_mixture(rng: Random, wild: bool) -> Case:
    arrays, dtype = _bivariate(rng, wild, points=False)
    own = np.broadcast_shapes(*(array.shape[: array.ndim - (1 if name in ("logits", "atanh_correlations") else 2)]
                                for name, array in arrays.items()))  # fmt: skip
    shape = (3, *((1,) * len(own))) if chance(rng, 0.3) else own
    uniform = np.minimum(rng.random(shape), 1 - 2**-20).astype(dtype)
    arrays |= {"uniform": uniform, "noise": rng.normal(size=(*shape, 2)).astype(dtype)}
    options = {"bias": float(pick(rng, (0.0, 0.0, 0.5, 2.0)))}
    return Case(gaussgrad.sample_mixture, mixtures.sample_mixture, arrays, options)


def _widths(rng: Random, wild: bool, dtype: str, shape: tuple[int, ...], d: int, diagonal: bool) -> dict:
    form = pick(rng, ("covariances", "cholesky", "log_stddevs") if diagonal else ("covariances", "cholesky"))
    if form == "log_stddevs":
        return {form: rng.normal(size=(*shape, d))}
    if d <= 3:
        packed = draws.factors(rng, shape, d, dtype, wild and dtype == "float64")
        return {form: packed if form == "cholesky" else draws.covariances(packed, d)}
    rows = np.tril(0.3 * rng.normal(size=(*shape, d, d)))
    rows[..., range(d), range(d)] = np.exp(0.5 * rng.normal(size=(*shape, d)))
    packed = rows[..., *np.tril_indices(d)]
    return {form: packed if form == "cholesky" else draws.covariances(packed, d)}


def _any_dimensions(rng: Random, wild: bool, diagonal: bool) -> tuple[dict[str, np.ndarray], int, list, str]:
    dtype = pick(rng, DTYPES if wild else ("float64",))
    d, n = int(pick(rng, (1, 2, 2, 3, 5))), int(rng.integers(1, 5))
    _, parts = draws.batch_and_parts(rng, 4)
    spread = 10 if wild and chance(rng, 0.2) else 1
    arrays = {"points": spread * rng.normal(size=(*parts[0], d)), "means": rng.normal(size=(*parts[1], n, d))}
    arrays |= _widths(rng, wild, dtype, (*parts[2], pick(rng, (1, n))), d, diagonal)
    return arrays, n, parts, dtype


def _steps(arrays: dict[str, np.ndarray], wild: bool) -> dict | None:
    own = {"covariances", "cholesky"}
    return None if wild else {name: 0.02 * np.abs(array) if name in own else 0.1 for name, array in arrays.items()}


def log_density(rng: Random, wild: bool) -> Case:
    arrays, _, _, dtype = _any_dimensions(rng, wild, diagonal=False)
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    return Case(gaussgrad.log_density, mixtures.log_density, arrays, {}, _steps(arrays, wild))


def gaussian_mixture_log_density(rng: Random, wild: bool) -> Case:
    arrays, n, parts, dtype = _any_dimensions(rng, wild, diagonal=True)
    arrays["logits"] = rng.normal(size=(*parts[3], n))
    if wild and n > 1 and chance(rng, 0.2):
        arrays["logits"][..., 1] = -np.inf
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    oracle = mixtures.gaussian_mixture_log_density
    return Case(gaussgrad.gaussian_mixture_log_density, oracle, arrays, {}, _steps(arrays, wild))


def bivariate_density(rng: Random, wild: bool) -> Case:
    dtype = pick(rng, DTYPES if wild else ("float64",))
    n, m = (int(k) for k in rng.integers(1, 4, 2))
    correlation = draws.correlations(rng, (n, m, 1), "float32", wild and chance(rng, 0.3))
    arrays = {
        "x": rng.normal(size=(n, 1, 2)),
        "mean": rng.normal(size=(n, m, 2)),
        "stddev": np.exp(0.5 * rng.normal(size=(n, m, 2))),
        "correlation": correlation,
    }
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    steps = None if wild else {"x": 0.1, "mean": 0.1, "stddev": 0.02, "correlation": 0.02}
    options = {"derivatives": chance(rng, 0.5)}
    return Case(gaussgrad.bivariate_density, mixtures.bivariate_density, arrays, options, steps)


KINDS = {
    "mixture_log_density": (12, mixture_log_density),
    "responsibilities": (4, responsibilities),
    "mixture_moments": (3, mixture_moments),
    "sample_mixture": (4, sample_mixture),
    "log_density": (6, log_density),
    "gaussian_mixture_log_density": (4, gaussian_mixture_log_density),
    "bivariate_density": (4, bivariate_density),
}
