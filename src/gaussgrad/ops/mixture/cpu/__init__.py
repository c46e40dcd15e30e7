"""The CPU kernels of mixtures: arrays in, arrays out, points split over threads."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gaussgrad import arrays, parallel, simd
from gaussgrad.ops.mixture.cpu.backward import unmix
from gaussgrad.ops.mixture.cpu.forward import mix
from gaussgrad.ops.mixture.cpu.pairs import GROUP, points_per_block
from gaussgrad.ops.mixture.cpu.validity import valid_range

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

NANOSECONDS_PER_PAIR, NANOSECONDS_PER_CHECK = 2.5, 1.0
PAST_CACHE = 2**26  # bytes of gradients from which on they are written past the cache, as they would only sweep it

Array = np.ndarray


def valid(
    points: Array, logits: Array, means: Array, log_stddevs: Array, atanh_correlations: Array, threads: int = 1
) -> bool:
    """Whether all values are finite (logits also -infinity, but not all of a point's) and within range."""
    given = (points, logits, means, log_stddevs, atanh_correlations, largest_logarithm(logits.dtype))
    seconds = logits.size * NANOSECONDS_PER_CHECK * 1e-9
    return parallel.all_hold(lambda start, stop: valid_range(start, stop, *given), len(points), threads, seconds)


def largest_logarithm(dtype: np.dtype) -> Any:
    """The magnitude that logarithms and inverse hyperbolic tangents stay below, so that no exponential overflows."""
    return -simd.LOWEST[dtype]


def forward_if_valid(
    points: Array, logits: Array, means: Array, log_stddevs: Array, atanh_correlations: Array, *, threads: int
) -> tuple[Array, tuple[Array]] | None:
    """The log densities (b, 1); saved: the largest terms and the sums of each point (b, 4), see `mix`.

    None where a value is not valid: each block of points is checked when it comes to the cache to be mixed.
    """
    batch = len(logits)
    out, kept = arrays.empty((batch, 1), points.dtype), arrays.empty((batch, 4), points.dtype)
    given = (points, logits, means, log_stddevs, atanh_correlations)
    lowest, limit = simd.LOWEST[points.dtype], largest_logarithm(points.dtype)
    verdicts: list[bool] = []

    def task(start: int, stop: int, block: int) -> None:
        verdicts.append(mix(start, stop, block, given, lowest, limit, out.reshape(-1), kept))

    _run(task, logits, threads)
    return (out, (kept,)) if all(verdicts) else None


def forward(*given: Array, threads: int) -> tuple[Array, tuple[Array]]:
    """The same of values that are valid."""
    found = forward_if_valid(*given, threads=threads)
    if found is None:
        raise ValueError("the arrays must be valid; got values that are not. Use forward_if_valid.")
    return found


def backward(
    grad: Array,
    saved: tuple[Array],
    points: Array,
    logits: Array,
    means: Array,
    log_stddevs: Array,
    atanh_correlations: Array,
    *,
    threads: int,
) -> tuple[Array, ...]:
    """The gradients of points, logits, means, log stddevs and atanh correlations."""
    given = (points, logits, means, log_stddevs, atanh_correlations)
    gradients = tuple(map(arrays.empty_like, given))
    lowest = simd.LOWEST[points.dtype]
    past_cache = _is_past_cache(gradients)

    def task(start: int, stop: int, block: int) -> None:
        unmix(start, stop, block, grad.reshape(-1), saved[0], lowest, past_cache, given, gradients)

    _run(task, logits, threads)
    return gradients


def _is_past_cache(gradients: tuple[Array, ...]) -> bool:
    """Whether to write the gradients past the cache: they are large, and every block begins at whole vectors."""
    logits = gradients[1]
    return (
        6 * logits.nbytes >= PAST_CACHE
        and points_per_block(logits.shape[1]) % GROUP == 0
        and all(map(arrays.is_large_and_aligned, gradients[1:]))
    )


def _run(task: Callable[[int, int, int], None], logits: Array, threads: int) -> None:
    """Call `task(start, stop, block)` on pieces of the points that begin where a block may: at whole groups."""
    batch, k = logits.shape
    block = points_per_block(k)
    unit = GROUP if block % GROUP == 0 else 1

    def piece(first: int, last: int) -> None:
        task(first * unit, min(batch, last * unit), block)

    parallel.run(piece, -(-batch // unit), threads, logits.size * NANOSECONDS_PER_PAIR * 1e-9)
