"""The CPU kernels of mixtures: arrays in, arrays out, points split over threads."""

import numpy as np

from gaussgrad import parallel, simd
from gaussgrad.ops.mixture.backward import unmix
from gaussgrad.ops.mixture.forward import mix
from gaussgrad.ops.mixture.pairs import valid_range

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

NANOSECONDS_PER_PAIR, NANOSECONDS_PER_CHECK = 3.5, 1.0


def valid(points, logits, means, log_stddevs, atanh_correlations, threads=1):
    """Whether all values are finite (logits also -infinity, but not all of a point's) and within range."""
    arrays = (points, logits, means, log_stddevs, atanh_correlations, largest_logarithm(logits.dtype))
    seconds = logits.size * NANOSECONDS_PER_CHECK * 1e-9
    return parallel.all_hold(lambda start, stop: valid_range(start, stop, *arrays), len(points), threads, seconds)


def largest_logarithm(dtype):
    """The magnitude that logarithms and inverse hyperbolic tangents stay below, so that no exponential overflows."""
    return -simd.LOWEST[dtype]


def forward_if_valid(points, logits, means, log_stddevs, atanh_correlations, *, threads):
    """The log densities (b, 1); saved: the largest terms and the sums of each point (b, 4), see pairs.py.

    None where a value is not valid: each block of points is checked when it comes to the cache to be mixed.
    """
    batch = len(logits)
    out, kept = np.empty((batch, 1), points.dtype), np.empty((batch, 4), points.dtype)
    arrays = (points, logits, means, log_stddevs, atanh_correlations)
    lowest, limit = simd.LOWEST[points.dtype], largest_logarithm(points.dtype)
    verdicts = []

    def task(start, stop):
        verdicts.append(mix(start, stop, *arrays, lowest, limit, out.reshape(-1), kept))

    parallel.run(task, batch, threads, logits.size * NANOSECONDS_PER_PAIR * 1e-9)
    return (out, (kept,)) if all(verdicts) else None


def forward(*arrays, threads):
    """The same of values that are valid."""
    return forward_if_valid(*arrays, threads=threads)


def backward(grad, saved, points, logits, means, log_stddevs, atanh_correlations, *, threads):
    """The gradients of points, logits, means, log stddevs and atanh correlations."""
    arrays = (points, logits, means, log_stddevs, atanh_correlations)
    gradients = tuple(np.empty_like(array) for array in arrays)
    lowest = simd.LOWEST[points.dtype]

    def task(start, stop):
        unmix(start, stop, grad.reshape(-1), saved[0], lowest, *arrays, *gradients)

    parallel.run(task, len(points), threads, logits.size * NANOSECONDS_PER_PAIR * 1e-9)
    return gradients
