"""The Gaussians of a descent while they move: their arrays, their memory, and which of them matter least."""

import numpy as np

from gaussgrad.fitting.photographs.start import Arrays

PROVING = 15  # steps that a Gaussian is given before it may be replaced
UNKNOWN = 0.1  # of what a Gaussian draws counts where its mean lies on an unknown pixel
NONE = np.zeros(0, np.intp)


class Particles:
    """The arrays of at most n Gaussians, of which `count` are there: means, factors, weights and Adam's moments."""

    def __init__(self, n: int, channels: int) -> None:
        self.count = 0
        self.means, self.factors, self.weights = (np.zeros((n, k), np.float32) for k in (2, 3, channels))
        self.moments = np.zeros((2, n, 5 + channels), np.float32)
        self.ages = np.zeros(n, np.int32)

    def add(self, means: np.ndarray, factors: np.ndarray, weights: np.ndarray, instead: np.ndarray = NONE) -> None:
        """Let in more Gaussians, at rest: the first in the places `instead`, the others after all."""
        end = self.count + len(means) - len(instead)
        new = np.concatenate((instead, np.arange(self.count, end)))
        self.means[new], self.factors[new], self.weights[new] = means, factors, weights
        self.moments[:, new], self.ages[new] = 0, 0
        self.count = end

    def least(self, share: float, mask: np.ndarray) -> np.ndarray:
        """The places of that share of the Gaussians, rounded down, which draw least on the known pixels (h, w).

        The measure is the integral of the square of what each draws. Those that came in lately are left out.
        """
        weights = self.arrays[2]
        energy = np.einsum("nc,nc->n", weights, weights) * _seen(mask, *self.arrays[:2])
        proved = np.flatnonzero(self.ages[: self.count] >= PROVING)
        dropped = min(int(share * self.count), len(proved))
        return proved[np.argsort(energy[proved], kind="stable")[:dropped]]

    @property
    def arrays(self) -> Arrays:
        """Means (count, 2), factors (count, 3) and weights (count, c), not copied."""
        return self.means[: self.count], self.factors[: self.count], self.weights[: self.count]


def _seen(mask: np.ndarray, means: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The integral of each squared shape (n,), but for a factor of pi, and about what of it is on known pixels."""
    pixels = np.clip(np.round(means), 0, np.array(mask.shape[::-1]) - 1).astype(np.int64)  # the nearest ones
    stddevs = np.stack((factors[:, 0], np.hypot(factors[:, 1], factors[:, 2])), axis=1)
    beyond = np.maximum(np.abs(means - pixels) - 0.5, 0) / stddevs
    known = np.where(mask[pixels[:, 1], pixels[:, 0]] > 0, 1, UNKNOWN)
    return factors[:, 0] * factors[:, 2] * np.exp(-np.square(beyond).sum(axis=1)) * known
