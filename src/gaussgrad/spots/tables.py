"""The table of spots: one row each, with standard errors."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from gaussgrad.spots.likelihood.records import PHOTONS, X_STDDEV, Y_STDDEV, X, Y
from gaussgrad.spots.rounds import Found

COLUMNS = (
    "frame", "x", "y", "xx", "xy", "yy", "photons", "background", "x_stddev", "y_stddev", "photons_stddev", "deviance",
)  # fmt: skip


class SpotTable(NamedTuple):
    """Spots in the order of their frames.

    Examples
    --------
    >>> one = np.ones(1)
    >>> table = SpotTable(one, np.ones((1, 2)), np.ones((1, 3)), one, one, np.ones((1, 2)), one, one)
    >>> table.moved(4, (10, 20)).means
    array([[11., 21.]])
    """

    frame: np.ndarray  # (n,), from 0
    means: np.ndarray  # (n, 2): x and y in pixels
    covariances: np.ndarray  # (n, 3): of the light of a spot, xx, xy and yy in pixels²
    photons: np.ndarray  # (n,)
    background: np.ndarray  # (n,): photons for each pixel
    mean_stddevs: np.ndarray  # (n, 2): standard errors of x and y, in pixels
    photons_stddev: np.ndarray  # (n,): standard error
    deviance: np.ndarray  # (n,): mean over the pixels of the window; near 1 where the model holds and light is plenty

    def moved(self, frames: int, corner: tuple[float, float]) -> "SpotTable":
        """The same, so many frames later, and with x and y from another corner."""
        return self._replace(frame=self.frame + frames, means=self.means + np.asarray(corner))

    def times(self, factor: float) -> "SpotTable":
        """The same with lengths in another unit."""
        return self._replace(
            means=self.means * factor,
            covariances=self.covariances * factor**2,
            mean_stddevs=self.mean_stddevs * factor,
        )

    def chosen(self, rows: np.ndarray) -> "SpotTable":
        """Some of its spots, by index or mask."""
        return SpotTable(*(field[rows] for field in self))

    def rows(self, pixel_size: float = 1.0) -> np.ndarray:
        """(n, 12), in the order of COLUMNS; lengths times the size of a pixel."""
        table = self.times(pixel_size)
        return np.column_stack([table.frame, *table[1:]])


def table_of(found: Found, first: int) -> SpotTable:
    """The table of a batch whose first frame has this number."""
    numbers = found.numbers
    covariances = np.zeros((len(numbers), 3))
    covariances[:, 0], covariances[:, 2] = numbers[:, X_STDDEV] ** 2, numbers[:, Y_STDDEV] ** 2
    return SpotTable(
        found.frame + first,
        numbers[:, [X, Y]],
        covariances,
        numbers[:, PHOTONS],
        found.background,
        found.errors[:, [X, Y]],
        found.errors[:, PHOTONS],
        found.deviance,
    )


def joined(tables: Iterable[SpotTable]) -> SpotTable:
    """One table of several, at least one."""
    return SpotTable(*(np.concatenate(parts) for parts in zip(*tables, strict=True)))
