"""Memory for results: large arrays begin at a whole cache line, and take over memory that earlier ones have left.

A training step asks for the same arrays as the one before. Memory that the system has just given must be cleared by it
first, page by page, which takes about as long as filling it.
"""

import contextlib
import math
import os
import threading
from collections.abc import Iterator

import numpy as np

LINE = 64  # bytes of a cache line, and the alignment that TensorFlow wants
LARGE = 2**16  # bytes from which on a copy costs more than finding an aligned place
LENT = 2**20  # bytes from which on memory is kept for the next array; the C library keeps what is smaller
MOST_KEPT = 2**28  # bytes kept at most


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array to be filled; a large one begins at a whole cache line."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    memory = np.asarray(_Loan(_STORE, _STORE.take(size))) if size >= LENT else _aligned(size)
    return memory.view(dtype).reshape(shape)


def empty_like(array: np.ndarray) -> np.ndarray:
    """An array to be filled, of the shape and dtype of another."""
    return empty(array.shape, array.dtype)


def for_kernels(array: np.ndarray) -> np.ndarray:
    """The array as kernels are compiled for it: contiguous, aligned and writeable, though they do not write to it.

    What is read-only would be another type to Numba, and every kernel compiled once more.
    """
    flags = array.flags
    if flags.carray:
        return array
    if array.nbytes >= LARGE and flags.c_contiguous and flags.aligned:
        return np.asarray(_Writeable(array))
    return np.array(array, order="C")


def is_large_and_aligned(array: np.ndarray) -> bool:
    """Whether taking it over is possible, and worth it."""
    return array.nbytes >= LARGE and array.ctypes.data % LINE == 0


def release() -> None:
    """Let go of the memory that is kept for later arrays."""
    _STORE.clear()


def _aligned(size: int) -> np.ndarray:
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size]


class _Store:
    """Blocks of memory that nobody uses, by their size.

    A block that would make them too many drives out all others: they are of shapes that are no longer asked for.
    Nobody waits for the lock, as a finaliser or a signal handler may run in the very thread that holds it: memory is
    then taken from the system, or given back to it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.reset()

    def reset(self) -> None:
        """Empty, as if new."""
        self.blocks: dict[int, list[np.ndarray]] = {}
        self.kept = 0
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def if_free(self) -> Iterator[bool]:
        """Whether the lock was free, and is now held."""
        lock = self.lock
        held = lock.acquire(blocking=False)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def take(self, size: int) -> np.ndarray:
        with self.if_free() as held:
            if held and self.blocks.get(size):
                self.kept -= size
                return self.blocks[size].pop()
        return _aligned(size)

    def clear(self) -> None:
        with self.if_free() as held:
            if held:
                self.blocks, self.kept = {}, 0

    def give_back(self, block: np.ndarray) -> None:
        with self.if_free() as held:
            if not held or block.nbytes > self.most:
                return
            if self.kept + block.nbytes > self.most:
                self.blocks, self.kept = {}, 0
            self.blocks.setdefault(block.nbytes, []).append(block)
            self.kept += block.nbytes


class _Loan:
    """A block lent to one array, whose last view gives it back."""

    def __init__(self, store: _Store, block: np.ndarray) -> None:
        self.store, self.block = store, block
        self.__array_interface__ = self.block.__array_interface__

    def __del__(self) -> None:
        self.store.give_back(self.block)


class _Writeable:
    """The memory of a read-only array, as if it were writeable."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__ | {"data": (array.ctypes.data, False)}


_STORE = _Store(MOST_KEPT)

if hasattr(os, "register_at_fork"):  # a thread that stayed with the parent may hold the lock
    os.register_at_fork(after_in_child=_STORE.reset)
