"""A camera: how many counts it gives for light, and how much light its counts tell of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussgrad import checks


@dataclass(frozen=True)
class Camera:
    """What turns photons into counts: counts = gain · Poisson(photons) + offset + read noise.

    Parameters
    ----------
    gain : number or array (h, w)
        Counts for one photon, above 0. An array has a number for each pixel, as sCMOS cameras need it.
    offset : number or array (h, w)
        Counts without light.
    read_noise : number or array (h, w)
        Standard deviation in counts of what reading adds, at least 0.

    Raises
    ------
    ValueError
        For numbers out of range, or maps of several shapes.

    Examples
    --------
    >>> import numpy
    >>> camera = Camera(gain=2.0, offset=100.0)
    >>> camera.photons(numpy.array([100.0, 110.0]))
    array([0., 5.])
    """

    gain: Any = 1.0
    offset: Any = 0.0
    read_noise: Any = 0.0

    def __post_init__(self) -> None:
        for name in ("gain", "offset", "read_noise"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            checks.finite(name, values)
            if values.ndim not in (0, 2):
                raise ValueError(checks.complain(name, "a number or a map (h, w)", f"shape {values.shape}"))
            object.__setattr__(self, name, values if values.ndim else float(values))
        checks.positive("gain", np.asarray(self.gain))
        if np.min(self.read_noise) < 0:
            raise ValueError(checks.complain("read_noise", "at least 0", float(np.min(self.read_noise))))
        if len(shapes := {np.shape(one) for one in self._maps()}) > 1:
            raise ValueError(checks.complain("gain, offset and read_noise", "maps of one shape", sorted(shapes)))

    def _maps(self) -> list[np.ndarray]:
        return [one for one in (self.gain, self.offset, self.read_noise) if np.ndim(one)]

    @property
    def size(self) -> tuple[int, ...] | None:
        """(height, width) of its maps; None where it has numbers only, and takes frames of any size."""
        return next((one.shape for one in self._maps()), None)

    @property
    def read_variance(self) -> Any:
        """The variance of the read noise, in photons²: a number, or (h, w)."""
        return (self.read_noise / self.gain) ** 2

    def counts(self, photons: np.ndarray, seed: int | np.random.Generator = 0) -> np.ndarray:
        """What the camera tells of light: float64 counts of the shape of `photons`, not rounded.

        Parameters
        ----------
        photons : array (..., h, w)
            Expected photons of each pixel, at least 0.
        seed : integer or generator of NumPy
            Where chance comes from.

        Examples
        --------
        >>> import numpy
        >>> Camera(gain=2.0, offset=100.0).counts(numpy.zeros((1, 2)))
        array([[100., 100.]])
        """
        rng = np.random.default_rng(seed)
        light = self.gain * rng.poisson(photons) + self.offset
        return light + self.read_noise * rng.standard_normal(np.shape(photons)) if np.any(self.read_noise) else light

    def photons(self, counts: np.ndarray) -> np.ndarray:
        """The photons that counts tell of, (counts - offset) / gain."""
        return (counts - self.offset) / self.gain

    def cropped(self, rows: slice, columns: slice) -> "Camera":
        """The camera of a region: its maps cut, its numbers as they are."""
        parts = (one[rows, columns] if np.ndim(one) else one for one in (self.gain, self.offset, self.read_noise))
        return Camera(*parts)
