"""Memory for results: large arrays begin at a whole cache line, and take over memory that earlier ones have left.

A training step asks for the same arrays as the one before. Memory that the system has just given must be cleared by it
first, page by page, which takes about as long as filling it.
"""

import functools
import math
import operator
from collections import deque

import numpy as np

LINE = 64  # bytes of a cache line, and the alignment that TensorFlow wants
LARGE = 2**16  # bytes from which on a copy costs more than finding an aligned place
LENT = 2**20  # bytes from which on memory is kept for the next array; the C library keeps what is smaller
MOST_KEPT = 2**28  # bytes kept at most for the next array
UNUSED = 64  # arrays made since a size was last asked for, after which nothing of it is kept


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array to be filled; a large one begins at a whole cache line."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    memory = _STORE.lend(size) if LENT <= size <= _STORE.most else _aligned(size)
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
    """Let go of the memory that is kept for later arrays: at most 256 MiB, of sizes that were in use lately.

    Examples
    --------
    >>> release()
    """
    _STORE.clear()


def _aligned(size: int) -> np.ndarray:
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size]


class _Size:
    """Blocks of one size: those that nobody uses, how many there are in all, and when one was last asked for."""

    def __init__(self) -> None:
        self.blocks: deque[np.ndarray] = deque()
        self.made = self.asked = 0


class _Store:
    """Blocks of memory that nobody uses, by their size.

    As many are kept of a size as were in use at once, and none of a size that was not asked for lately. With those that
    are lent they make up `most` bytes at most: the sizes that have waited longest make way, and what is more than that
    is not kept. There is no lock, as a finaliser or a signal handler may run in the very thread that holds it: each
    step is one that Python cannot interrupt.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.sizes: dict[int, _Size] = {}  # what was asked for last stands last
        self.asked = 0

    @property
    def kept(self) -> int:
        """In bytes."""
        return sum(size * len(held.blocks) for size, held in list(self.sizes.items()))

    def lend(self, size: int) -> np.ndarray:
        """Bytes (size,), whose last view gives them back."""
        held = self.sizes.pop(size, None) or _Size()
        self.sizes[size] = held
        self.asked = held.asked = self.asked + 1
        self._forget_unused()
        try:
            block = held.blocks.pop()
        except IndexError:
            block = _aligned(size)
            if not self._has_room(size):
                return block
            held.made += 1
        return np.asarray(_Loan(block, held.blocks))

    def clear(self) -> None:
        """Keep nothing, nor what is lent at the moment."""
        self.sizes = {}

    def _forget_unused(self) -> None:
        for size, held in list(self.sizes.items()):
            if self.asked - held.asked <= UNUSED:
                return
            self.sizes.pop(size, None)

    def _has_room(self, size: int) -> bool:
        """Whether another block of the size may be kept, if need be for others."""
        whole = size + sum(other * held.made for other, held in list(self.sizes.items()))
        for other, held in list(self.sizes.items()):
            if whole <= self.most:
                break
            if other != size:
                self.sizes.pop(other, None)
                whole -= other * held.made
        return whole <= self.most


class _Loan:
    """A block lent to one array, whose last view gives it back.

    No Python runs then: a Ctrl-C that comes during a finaliser in Python is lost, and one that came during the kernel
    before waits for just that.
    """

    def __init__(self, block: np.ndarray, blocks: deque[np.ndarray]) -> None:
        self.give_back = functools.partial(blocks.append, block)
        self.__array_interface__ = block.__array_interface__

    __del__ = property(operator.attrgetter("give_back"))


class _Writeable:
    """The memory of a read-only array, as if it were writeable."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__ | {"data": (array.ctypes.data, False)}


_STORE = _Store(MOST_KEPT)
