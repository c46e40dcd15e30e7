"""Cases of histograms, mutual information and moments."""

import numpy as np

import gaussgrad
from benchmarks.endurance import draws
from benchmarks.endurance.cases import Case
from benchmarks.endurance.draws import Random, chance, pick
from benchmarks.endurance.oracles import counting

DTYPES = ("float32", "float64")


def _axis(rng: Random, even: bool) -> tuple:
    """Bins and range, or edges and None."""
    low = float(rng.normal())
    if even:
        return int(rng.integers(1, 7)), (low, low + float(np.exp(rng.normal())))
    return (low + np.cumsum(rng.uniform(0.1, 1, int(rng.integers(2, 7))))).tolist(), None


def histogram(rng: Random, wild: bool) -> Case:
    dtype = pick(rng, DTYPES if wild else ("float64",))
    d, even = int(pick(rng, (0, 0, 1, 2, 3))), chance(rng, 0.5)  # 0: samples without an axis of coordinates
    axes = [_axis(rng, even) for _ in range(max(1, d))]
    bins, ends = ([each[0] for each in axes], [each[1] for each in axes]) if d else axes[0]
    batch = pick(rng, draws.BATCHES)
    n = int(rng.integers(0 if wild else 1, 9))
    samples = rng.normal(size=(*batch, n, d) if d else (*batch, n)) * (30 if wild and chance(rng, 0.1) else 1)
    width = np.exp(rng.normal(size=pick(rng, ((), samples.shape, samples.shape[-1:] if n else ()))) - 1)
    if wild and chance(rng, 0.2):
        width = width * 10.0 ** rng.uniform(-4, 3)
    arrays = {"samples": samples, "stddev": np.asarray(width)}
    if chance(rng, 0.6):
        arrays["weights"] = rng.uniform(-0.5, 1, (*batch, n))
    keep = chance(rng, 0.5)
    options = {"bins": bins, "range": ends if even else None, "edge": "keep" if keep else "drop"}
    if keep and n and "weights" not in arrays and chance(rng, 0.5):
        options["density"] = True
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    steps = None if wild else {"samples": 0.05, "stddev": 0.05 * width, "weights": 0.1}
    return Case(gaussgrad.histogram, counting.histogram, arrays, options, steps)


def mutual_information(rng: Random, wild: bool) -> Case:
    dtype = pick(rng, DTYPES if wild else ("float64",))
    shape = (*pick(rng, ((), (2,))), int(rng.integers(1, 12)))
    arrays = {"a": rng.random(shape), "b": rng.random(shape), "stddev": np.exp(rng.normal(size=2) - 2)}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    options = {"bins": pick(rng, (3, [2, 4])), "range": (-0.1, 1.1)}
    steps = None if wild else {"a": 0.02, "b": 0.02, "stddev": 0.01}
    return Case(gaussgrad.mutual_information, counting.mutual_information, arrays, options, steps)


def moments(rng: Random, wild: bool) -> Case:
    dtype = pick(rng, ("float32", "float64", "float16") if wild else ("float64",))
    shape = (*pick(rng, draws.BATCHES), *(int(k) for k in rng.integers(1, 24, 2)))
    soft = chance(rng, 0.5)
    images = rng.normal(size=shape) if soft else rng.random(shape) + 1e-3
    if wild and chance(rng, 0.3):
        images[..., 1:][rng.random(images[..., 1:].shape) < 0.5] = -np.inf if soft else 0.0
    options = {"coordinates": pick(rng, ("pixel", "normalized"))}
    if soft:
        options["softmax"] = float(pick(rng, (1.0, 0.3, 5.0)))
    arrays = {"images": images.astype(dtype)}
    return Case(gaussgrad.moments, counting.moments, arrays, options, None if wild else {"images": 3e-4})


KINDS = {
    "histogram": (8, histogram),
    "mutual_information": (3, mutual_information),
    "moments": (8, moments),
}
