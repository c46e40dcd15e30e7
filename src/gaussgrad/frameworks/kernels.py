"""Kernels for programs that are compiled ahead, where nothing may raise: what is not valid gives NaN."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gaussgrad import parallel
from gaussgrad.arrays import for_kernels
from gaussgrad.op import Kernels

Arrays = list[np.ndarray]


def forward(kernels: Kernels, arrays: Arrays, options: dict[str, Any], threads: int) -> Arrays:
    """The output and what is saved; NaN in the output of each batch item whose values are not valid."""
    threads = threads or parallel.available_cores()
    arrays = [for_kernels(array) for array in arrays]
    found = kernels.forward_if_valid(*arrays, threads=threads, **options)
    if found is not None:
        return [found[0], *found[1]]
    valid = _valid_items(kernels, arrays, options)
    out, saved = kernels.forward(*(array[valid] for array in arrays), threads=threads, **options)
    return [_spread(array, valid) for array in (out, *saved)]


def backward(
    kernels: Kernels, grad: np.ndarray, saved: Arrays, arrays: Arrays, options: dict[str, Any], threads: int
) -> Arrays:
    """A gradient per array; NaN in those of each batch item whose values are not valid."""
    threads = threads or parallel.available_cores()
    grad, *arrays = (for_kernels(array) for array in (grad, *arrays))
    saved = [for_kernels(array) for array in saved]
    if kernels.valid(*arrays, threads=threads, **options):
        return list(kernels.backward(grad, tuple(saved), *arrays, threads=threads, **options))
    valid = _valid_items(kernels, arrays, options)
    kept = [array[valid] for array in arrays]
    grads = kernels.backward(grad[valid], tuple(array[valid] for array in saved), *kept, threads=threads, **options)
    return [_spread(array, valid) for array in grads]


def _valid_items(kernels: Kernels, arrays: Arrays, options: dict[str, Any]) -> np.ndarray:
    """Whether the values of each batch item are valid, (b,)."""
    valid = np.ones(len(arrays[0]), dtype=bool)
    valid[list(_find_invalid(kernels, arrays, options, 0, len(valid)))] = False
    return valid


def _find_invalid(kernels: Kernels, arrays: Arrays, options: dict[str, Any], start: int, stop: int) -> Iterator[int]:
    """The batch items whose values are not valid, by halving."""
    if start == stop or kernels.valid(*(array[start:stop] for array in arrays), **options):
        return
    if stop - start == 1:
        yield start
        return
    middle = (start + stop) // 2
    yield from _find_invalid(kernels, arrays, options, start, middle)
    yield from _find_invalid(kernels, arrays, options, middle, stop)


def _spread(some: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The items at their places among all; NaN at the others (0 for integers)."""
    whole = np.full((len(valid), *some.shape[1:]), np.nan if some.dtype.kind == "f" else 0, some.dtype)
    whole[valid] = some
    return whole
