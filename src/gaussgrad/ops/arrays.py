"""Room for results."""

import math

import numpy as np

LINE = 64  # bytes of a cache line, and the alignment from which on TensorFlow takes an array over without copying it
LARGE = 2**16  # bytes from which on a copy costs more than finding an aligned place


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array to be filled; a large one begins at a whole cache line."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    room = np.empty(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size].view(dtype).reshape(shape)
