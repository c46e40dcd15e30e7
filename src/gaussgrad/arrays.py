"""Room for results: large arrays begin where frameworks can take them over without a copy."""

import math

import numpy as np

LINE = 64  # bytes of a cache line, and the alignment that TensorFlow wants
LARGE = 2**16  # bytes from which on a copy costs more than finding an aligned place


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array to be filled; a large one begins at a whole cache line."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    room = np.empty(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size].view(dtype).reshape(shape)


def is_large_and_aligned(array: np.ndarray) -> bool:
    """Whether taking it over is possible, and worth it."""
    return array.nbytes >= LARGE and array.ctypes.data % LINE == 0
