"""The CPU kernels of mixtures: arrays in, arrays out, points split over threads."""

import numpy as np

from gaussgrad import parallel, simd
from gaussgrad.ops.mixture.backward import unmix
from gaussgrad.ops.mixture.forward import mix
from gaussgrad.ops.mixture.pairs import valid_range

__all__ = ["backward", "forward", "valid"]

NANOSECONDS_PER_PAIR, NANOSECONDS_PER_CHECK = 2.0, 1.0


def valid(points, logits, means, log_stddevs, atanh_correlations, threads=1):
    """Whether all values are finite (logits also -infinity, but not all of a point's) and within range."""
    arrays = (points, logits, means, log_stddevs, atanh_correlations, largest_logarithm(logits.dtype))
    seconds = logits.size * NANOSECONDS_PER_CHECK * 1e-9
    return parallel.all_hold(lambda start, stop: valid_range(start, stop, *arrays), len(points), threads, seconds)


def largest_logarithm(dtype):
    """The magnitude that logarithms and inverse hyperbolic tangents stay below, so that no exponential overflows."""
    return -simd.LOWEST[dtype]


def forward(points, logits, means, log_stddevs, atanh_correlations, *, threads):
    """The log densities (b, 1); saved: the largest terms and the sums of each point (b, 4), see pairs.py."""
    batch = len(logits)
    out, kept = np.empty((batch, 1), points.dtype), np.empty((batch, 4), points.dtype)
    arrays = (points, logits, means, log_stddevs, atanh_correlations)
    lowest = simd.LOWEST[points.dtype]

    def task(start, stop):
        mix(start, stop, *arrays, lowest, out.reshape(-1), kept)

    parallel.run(task, batch, threads, logits.size * NANOSECONDS_PER_PAIR * 1e-9)
    return out, (kept,)


def backward(grad, saved, points, logits, means, log_stddevs, atanh_correlations, *, threads):
    """The gradients of points, logits, means, log stddevs and atanh correlations."""
    arrays = (points, logits, means, log_stddevs, atanh_correlations)
    gradients = tuple(np.empty_like(array) for array in arrays)
    lowest = simd.LOWEST[points.dtype]

    def task(start, stop):
        unmix(start, stop, grad.reshape(-1), saved[0], lowest, *arrays, *gradients)

    parallel.run(task, len(points), threads, logits.size * NANOSECONDS_PER_PAIR * 1e-9)
    return gradients
