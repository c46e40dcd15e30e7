"""The Gaussians of a descent while they move: their arrays, their memory, and which of them matter least."""

from typing import NamedTuple

import numpy as np

from gaussgrad.fitting.photographs.start import Arrays

PROVING = 15  # steps that a Gaussian is given before it may be replaced
UNKNOWN = 0.1  # of what a Gaussian draws counts where its mean lies on an unknown pixel
NONE = np.zeros(0, np.intp)


class Memory(NamedTuple):
    """What Adam keeps of Gaussians (b, n): both moments (b, n, 5 + c), and how many steps each has made (b, n)."""

    first: np.ndarray
    second: np.ndarray
    ages: np.ndarray


def at_rest(counts: tuple[int, ...], channels: int) -> Memory:
    """The memory of so many Gaussians before their first step."""
    moments = (*counts, 5 + channels)
    return Memory(np.zeros(moments, np.float32), np.zeros(moments, np.float32), np.zeros(counts, np.int32))


class Particles:
    """The arrays of at most n Gaussians for each of b images, of which as many are there for every image."""

    def __init__(self, images: int, n: int, channels: int) -> None:
        self.counts = np.zeros(images, np.int64)
        self.gaussians: Arrays = (
            np.zeros((images, n, 2), np.float32),
            np.zeros((images, n, 3), np.float32),
            np.zeros((images, n, channels), np.float32),
        )
        self.memory = at_rest((images, n), channels)

    @property
    def count(self) -> int:
        """How many are there for each image."""
        return int(self.counts[0])

    @property
    def present(self) -> tuple[Arrays, Memory]:
        """Gaussians and memory of those that are there, contiguous: copies where there are several images."""
        means, factors, weights = (np.ascontiguousarray(array[:, : self.count]) for array in self.gaussians)
        return (means, factors, weights), Memory(
            *(np.ascontiguousarray(array[:, : self.count]) for array in self.memory)
        )

    def keep(self, gaussians: Arrays, memory: Memory) -> None:
        """Write what `present` gave, where it was a copy."""
        for kept, array in zip((*self.gaussians, *self.memory), (*gaussians, *memory), strict=True):
            if not np.may_share_memory(kept, array):
                kept[:, : self.count] = array

    def of(self, image: int) -> Arrays:
        """Means (count, 2), factors (count, 3) and weights (count, c) of one image, not copied."""
        means, factors, weights = (array[image, : self.counts[image]] for array in self.gaussians)
        return means, factors, weights

    def memory_of(self, image: int) -> Memory:
        """What Adam keeps of those of one image (count, ...), not copied."""
        return Memory(*(array[image, : self.counts[image]] for array in self.memory))

    def put(self, image: int, arrays: Arrays, memory: Memory) -> None:
        """Let in the first Gaussians of an image, with what Adam knows of them."""
        self.add(image, arrays)
        for kept, array in zip(self.memory_of(image), memory, strict=True):
            kept[:] = array

    def add(self, image: int, arrays: Arrays, instead: np.ndarray = NONE) -> None:
        """Let in more Gaussians, at rest: the first in the places `instead`, the others after all."""
        end = self.counts[image] + len(arrays[0]) - len(instead)
        new = np.concatenate((instead, np.arange(self.counts[image], end)))
        for kept, array in zip(self.gaussians, arrays, strict=True):
            kept[image, new] = array
        for kept in self.memory:
            kept[image, new] = 0
        self.counts[image] = end

    def least(self, image: int, share: float, mask: np.ndarray) -> np.ndarray:
        """The places of that share of an image's Gaussians, rounded down, which draw least on its known pixels (h, w).

        The measure is the integral of the square of what each draws. Those that came in lately are left out.
        """
        means, factors, weights = self.of(image)
        energy = np.einsum("nc,nc->n", weights, weights) * _seen(mask, means, factors)
        proved = np.flatnonzero(self.memory.ages[image, : len(means)] >= PROVING)
        dropped = min(int(share * len(means)), len(proved))
        return proved[np.argsort(energy[proved], kind="stable")[:dropped]]


def _seen(mask: np.ndarray, means: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The integral of each squared shape (n,), but for a factor of pi, and about what of it is on known pixels."""
    pixels = np.clip(np.round(means), 0, np.array(mask.shape[::-1]) - 1).astype(np.int64)  # the nearest ones
    stddevs = np.stack((factors[:, 0], np.hypot(factors[:, 1], factors[:, 2])), axis=1)
    beyond = np.maximum(np.abs(means - pixels) - 0.5, 0) / stddevs
    known = np.where(mask[pixels[:, 1], pixels[:, 0]] > 0, 1, UNKNOWN)
    return factors[:, 0] * factors[:, 2] * np.exp(-np.square(beyond).sum(axis=1)) * known
