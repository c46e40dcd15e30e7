"""Cases of the functions of the latent layer."""

import numpy as np

import gaussgrad
from benchmarks.endurance import draws
from benchmarks.endurance.cases import Case
from benchmarks.endurance.draws import Random, chance, pick
from benchmarks.endurance.oracles import latents

DTYPES = ("float32", "float64")


def _shape(rng: Random) -> tuple[int, ...]:
    return pick(rng, ((), (1,), (7,), (2, 3), (0,), (2, 1, 5)))


def _log_variances(rng: Random, shape: tuple[int, ...], wild: bool) -> np.ndarray:
    """Where wild, next to 0 or far from it."""
    values = rng.normal(size=shape)
    return values * 10.0 ** rng.uniform(-7, 1.2) if wild and chance(rng, 0.5) else values


def kl_divergence(rng: Random, wild: bool) -> Case:
    dtype, shape = pick(rng, DTYPES if wild else ("float64",)), _shape(rng)
    arrays = {"mean": rng.normal(size=shape), "log_variance": _log_variances(rng, shape, wild)}
    if wild and chance(rng, 0.3):
        arrays["mean"] = arrays["mean"] * 1e-6
    options = {}
    if chance(rng, 0.3):
        options = {"prior_mean": float(rng.normal()), "prior_variance": float(np.exp(rng.normal()))}
    elif chance(rng, 0.3) and shape:
        prior = pick(rng, (shape, shape[-1:]))
        arrays |= {"prior_mean": rng.normal(size=prior), "prior_variance": np.exp(rng.normal(size=prior))}
    arrays = {name: np.asarray(array, dtype) for name, array in arrays.items()}
    steps = None if wild else {"mean": 0.1, "log_variance": 0.1, "prior_mean": 0.1, "prior_variance": 0.01}
    return Case(gaussgrad.kl_divergence, latents.kl_divergence, arrays, options, steps)


def kl_divergence_full(rng: Random, wild: bool) -> Case:
    dtype, d = pick(rng, DTYPES if wild else ("float64",)), int(rng.integers(1, 4))
    _, parts = draws.batch_and_parts(rng, 4)
    log_diagonal = chance(rng, 0.3)

    def width(part: tuple[int, ...], name: str) -> tuple[str, np.ndarray]:
        packed = draws.factors(rng, part, d, dtype, wild=False)
        if chance(rng, 0.5) and not log_diagonal:
            return f"{name}covariance", draws.covariances(packed, d)
        if log_diagonal:
            places = [i * (i + 3) // 2 for i in range(d)]
            packed[..., places] = np.log(packed[..., places])
        return f"{name}cholesky", packed

    arrays = {"mean": rng.normal(size=(*parts[0], d)), **dict([width(parts[1], "")])}
    if chance(rng, 0.6):
        arrays |= {"prior_mean": rng.normal(size=(*parts[2], d)), **dict([width(parts[3], "prior_")])}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    steps = None if wild else {
        name: 0.1 if "mean" in name or log_diagonal else 0.02 * np.abs(array) for name, array in arrays.items()
    }  # fmt: skip
    options = {"log_diagonal": log_diagonal}
    return Case(gaussgrad.kl_divergence_full, latents.kl_divergence_full, arrays, options, steps)


def density(rng: Random, wild: bool) -> Case:
    shape = _shape(rng)
    arrays = {"x": rng.normal(size=shape), "mean": rng.normal(size=shape)}
    arrays["variance"] = np.exp(_log_variances(rng, shape, wild))
    return _latent(rng, wild, gaussgrad.density, latents.density, arrays, {"x": 0.1, "mean": 0.1, "variance": 0.01})


def entropy(rng: Random, wild: bool) -> Case:
    arrays = {"log_variance": _log_variances(rng, _shape(rng), wild)}
    return _latent(rng, wild, gaussgrad.entropy, latents.entropy, arrays, {"log_variance": 0.1})


def reparameterize(rng: Random, wild: bool) -> Case:
    shape = _shape(rng)
    arrays = {"mean": rng.normal(size=shape), "noise": rng.normal(size=shape)}
    if chance(rng, 0.5):
        arrays["log_variance"] = _log_variances(rng, shape, wild)
    else:
        arrays["stddev"] = np.exp(rng.normal(size=shape))
    return _latent(rng, wild, gaussgrad.reparameterize, latents.reparameterize, arrays, dict.fromkeys(arrays, 0.05))


def conversion(rng: Random, wild: bool) -> Case:
    name = pick(rng, ("log_variance_to_stddev", "log_variance_to_variance", "variance_to_log_variance"))
    own = name.partition("_to_")[0]
    values = _log_variances(rng, _shape(rng), wild)
    arrays = {own: np.exp(values) if own == "variance" else values}
    return _latent(rng, wild, getattr(gaussgrad, name), getattr(latents, name), arrays, {own: 0.01})


def _latent(rng: Random, wild: bool, function, oracle, arrays: dict, steps: dict) -> Case:
    dtype = pick(rng, DTYPES if wild else ("float64",))
    arrays = {name: np.asarray(array, dtype) for name, array in arrays.items()}
    return Case(function, oracle, arrays, {}, None if wild else steps)


KINDS = {
    "kl_divergence": (8, kl_divergence),
    "kl_divergence_full": (4, kl_divergence_full),
    "density": (3, density),
    "entropy": (2, entropy),
    "reparameterize": (3, reparameterize),
    "conversions of variances": (3, conversion),
}
