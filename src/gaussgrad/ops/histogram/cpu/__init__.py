"""Histograms on the CPU: each sample touches only the bins that its mass reaches; docs/maths.md, equations 67 to 71.

Distances to edges and sums are in float64, whatever the dtype: an edge and a sample that nearly meet lose no digits to
their difference, and a million samples none to their sum. So one compiled kernel serves both dtypes; only the masses of
few bins are computed in float32 where the samples are. 1-D and 2-D are computed as 3-D, with leading axes of one bin.
"""

import functools
import math
from typing import Any

import numpy as np

from gaussgrad import arrays, parallel
from gaussgrad.ops.histogram.axes import edges_of
from gaussgrad.ops.histogram.cpu.axes import PAD
from gaussgrad.ops.histogram.cpu.backward import gradients
from gaussgrad.ops.histogram.cpu.forward import count_samples
from gaussgrad.ops.histogram.cpu.tails import FARTHEST

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

BLOCKS = 64  # most parts of a batch element's samples, each with a histogram of its own, whatever the number of threads
SAMPLES_PER_BLOCK = 1024  # at least
MOST_CELLS = 2**23  # bins of all parts together, where one part alone has no more
NANOSECONDS_PER_SAMPLE = 40  # measured; only decides whether threads are worth it

Array = np.ndarray


def valid(samples: Array, stddevs: Array, weights: Array, **_: Any) -> bool:
    """Whether every value is finite, and every standard deviation positive."""
    finite = (bool(np.isfinite(array).all()) for array in (samples, stddevs, weights))
    return all(finite) and bool((stddevs > 0).all())


def forward(
    samples: Array,  # (b, n, d)
    stddevs: Array,  # (b, n or 1, d)
    weights: Array,  # (b, n or 1)
    *,
    bins: tuple[int, ...],
    given: tuple[int, ...],
    edges: tuple[float, ...],
    edge: str,
    threads: int,
) -> tuple[Array, tuple[Array, ...]]:
    """The counts (b, 1, bins), and nothing to save."""
    batch, n, _ = samples.shape
    blocks, block = _blocks(n, bins)
    frame = _frame(bins)
    partial = arrays.empty((batch, blocks, *frame[:2], 1 + frame[2] + PAD), np.dtype(np.float64))
    known = (
        *_in_float64(samples, stddevs, weights),
        *_axes(tuple(bins), tuple(given), tuple(edges), edge),
        *_precision(samples.dtype),
    )

    def task(start: int, stop: int) -> None:
        count_samples(start, stop, block, *known, partial)

    parallel.run(task, batch * blocks, threads, samples.size * NANOSECONDS_PER_SAMPLE * 1e-9)
    whole = partial[:, 0] if blocks == 1 else partial.sum(axis=1)
    counts = arrays.empty((batch, 1, math.prod(bins)), samples.dtype)
    counts.reshape(batch, *frame)[:] = whole[..., 1:-PAD]
    return counts, ()


def forward_if_valid(
    samples: Array, stddevs: Array, weights: Array, *, threads: int, **options: Any
) -> tuple[Array, tuple[Array, ...]] | None:
    """The same; None where a value is not valid."""
    if not valid(samples, stddevs, weights):
        return None
    return forward(samples, stddevs, weights, threads=threads, **options)


def backward(
    grad: Array,
    saved: tuple[Array, ...],
    samples: Array,
    stddevs: Array,
    weights: Array,
    *,
    bins: tuple[int, ...],
    given: tuple[int, ...],
    edges: tuple[float, ...],
    edge: str,
    threads: int,
) -> tuple[Array, Array, Array]:
    """The gradients of samples, standard deviations and weights."""
    batch, n, d = samples.shape
    blocks, block = _blocks(n, bins)
    double, frame = np.dtype(np.float64), _frame(bins)
    upstream = np.zeros((batch, *frame[:2], 1 + frame[2] + PAD))
    upstream[..., 1:-PAD] = grad.reshape(batch, *frame)
    of_samples = arrays.empty((batch, n, d), double)
    of_stddevs = arrays.empty((batch, n if stddevs.shape[1] > 1 else blocks, d), double)
    of_weights = arrays.empty((batch, n if weights.shape[1] > 1 else blocks), double)
    known = (
        *_in_float64(samples, stddevs, weights),
        *_axes(tuple(bins), tuple(given), tuple(edges), edge),
        *_precision(samples.dtype),
    )

    def task(start: int, stop: int) -> None:
        gradients(start, stop, block, blocks, upstream, *known, of_samples, of_stddevs, of_weights)

    parallel.run(task, batch * blocks, threads, 2 * samples.size * NANOSECONDS_PER_SAMPLE * 1e-9)
    return (
        of_samples.astype(samples.dtype, copy=False),
        _shared(of_stddevs, stddevs),
        _shared(of_weights, weights),
    )


def _shared(gradient: Array, like: Array) -> Array:
    """The gradient of what each sample has of its own, or the sum over blocks of what they share."""
    whole = gradient if like.shape[1] != 1 else gradient.sum(axis=1, keepdims=True)
    return whole.astype(like.dtype, copy=False)


def _precision(dtype: np.dtype) -> tuple[float, bool]:
    """How far tails count, and whether masses of few bins may be computed in float32."""
    return FARTHEST[dtype.itemsize], dtype.itemsize == 4


def _in_float64(*values: Array) -> list[Array]:
    return [array.astype(np.float64, copy=False) for array in values]


def _blocks(n: int, bins: tuple[int, ...]) -> tuple[int, int]:
    """How many blocks the samples are cut into, and the samples of each; the threads have no say in it."""
    blocks = max(1, min(BLOCKS, n // SAMPLES_PER_BLOCK, MOST_CELLS // math.prod(bins)))
    return blocks, -(-n // blocks)


def _frame(bins: tuple[int, ...]) -> tuple[int, int, int]:
    """The bins along z, y and x: one along axes that do not exist."""
    missing: tuple[int, ...] = (1,) * (3 - len(bins))
    depth, height, width = missing + tuple(bins)
    return depth, height, width


@functools.lru_cache(maxsize=256)
def _axes(bins: tuple[int, ...], given: tuple[int, ...], edges: tuple[float, ...], edge: str) -> tuple[Any, ...]:
    """The edges of z, y and x as tables, the lowest edges, and the bins per unit: 0 where they are uneven."""
    own = edges_of(bins, given, edges)
    everything = np.array([-np.inf, np.inf])
    missing = 3 - len(bins)
    tables = [everything] * missing + [_opened(array) if edge == "keep" else array for array in own]
    pad = np.full(PAD, np.inf)
    lows, rates = [0.0] * missing, [0.0] * missing
    for number, count, array in zip(bins, given, own, strict=True):
        lows.append(float(array[0]))
        rates.append(number / float(array[-1] - array[0]) if count == 2 else 0.0)
    return tuple(np.concatenate([-pad, table, pad]) for table in tables), tuple(lows), tuple(rates)


def _opened(edges: Array) -> Array:
    """The same edges, but the outermost bins keep what falls outside."""
    return np.concatenate([[-np.inf], edges[1:-1], [np.inf]])
