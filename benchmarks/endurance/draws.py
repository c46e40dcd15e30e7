"""Random shapes, values and memory layouts, with the extremes that random numbers seldom meet."""

from typing import Any

import numpy as np

Random = np.random.Generator
BATCHES = ((), (), (), (1,), (2,), (3, 1), (2, 2), (0,))


def pick(rng: Random, choices: Any) -> Any:
    """One of a sequence, whatever it holds."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: Random, share: float) -> bool:
    return bool(rng.random() < share)


def batch_and_parts(rng: Random, count: int) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Leading axes, and leading axes of so many arrays that broadcast to them; the first has them whole."""
    batch = pick(rng, BATCHES)
    parts = [batch]
    for _ in range(count - 1):
        kept = batch[int(rng.integers(len(batch) + 1)) :]
        parts.append(tuple(1 if chance(rng, 0.3) else length for length in kept) if chance(rng, 0.5) else batch)
    return batch, parts


def stddevs(rng: Random, shape: tuple[int, ...], dtype: str, wild: bool) -> np.ndarray:
    """Of some pixels; where wild, from far below a pixel to far beyond any frame."""
    if not wild:
        return np.exp(rng.uniform(-1, 1.5, shape))
    reach = 12 if dtype != "float64" else 30
    return 10.0 ** rng.uniform(-reach, reach / 2, (*shape[:-1], 1)) * np.exp(rng.uniform(-1, 1, shape))


def correlations(rng: Random, shape: tuple[int, ...], dtype: str, wild: bool) -> np.ndarray:
    """Where wild, as near to 1 as leaves some digits."""
    if not wild:
        return rng.uniform(-0.9, 0.9, shape)
    nearest = -6 if dtype == "float64" else -2.5
    return np.where(rng.random(shape) < 0.5, -1, 1) * (1 - 10.0 ** rng.uniform(nearest, -0.5, shape))


def factors(rng: Random, shape: tuple[int, ...], d: int, dtype: str, wild: bool) -> np.ndarray:
    """Packed lower Cholesky factors (*shape, d(d+1)/2)."""
    widths = stddevs(rng, (*shape, d), dtype, wild and chance(rng, 0.5))
    rows = np.zeros((*shape, d, d))
    rho = correlations(rng, shape, dtype, wild and chance(rng, 0.5))
    rows[..., 0, 0] = 1
    if d > 1:
        rows[..., 1, 0], rows[..., 1, 1] = rho, np.sqrt((1 - rho) * (1 + rho))
    if d > 2:
        row = rng.normal(size=(*shape, 3))
        row[..., 2] = 0.7 + np.abs(row[..., 2])
        rows[..., 2, :] = row / np.linalg.norm(row, axis=-1, keepdims=True)
    return (widths[..., None] * rows)[..., *np.tril_indices(d)]


def covariances(packed_factors: np.ndarray, d: int) -> np.ndarray:
    """Packed upper triangles of factors."""
    rows = np.zeros((*packed_factors.shape[:-1], d, d))
    rows[..., *np.tril_indices(d)] = packed_factors
    return (rows @ np.swapaxes(rows, -1, -2))[..., *np.triu_indices(d)]


def disguised(rng: Random, array: np.ndarray) -> np.ndarray:
    """The same numbers in another memory layout: backwards, transposed, with gaps, broadcast, read-only."""
    way = int(rng.integers(8)) if array.ndim else 7
    if way == 0:
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    if way == 1:
        return np.asfortranarray(array)
    if way == 2:
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1] + 1), np.nan, array.dtype)
        wide[..., 1::2] = array
        return wide[..., 1::2]
    if way == 3:
        array = array.copy()
        array.flags.writeable = False
        return array
    if way == 4 and array.shape[0] and (array == array[:1]).all():
        return np.broadcast_to(array[0], array.shape)
    if way == 5:
        raw = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype) if array.nbytes else array.ravel()
        raw = raw.reshape(array.shape)  # not aligned
        raw[...] = array
        return raw
    return array
