"""Scenes of spots: how many, how bright and how wide; drawn into frames, or read off frames."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gaussgrad import checks
from gaussgrad.ops.render import render
from gaussgrad.simulation import estimation
from gaussgrad.simulation.camera import Camera

TOLERANCE = 1e-7  # of a spot's peak: less than a thousandth of a photon
MARGIN = 3.0  # stddevs beyond the border where spots still shine into the frame


class Simulation(NamedTuple):
    """Frames, and the spots whose centres lie in them.

    Examples
    --------
    >>> simulated = Scene(size=(16, 16), density=0.01, photons=500).simulate(2, seed=0)
    >>> simulated.frames.shape, len(simulated.photons) == len(simulated.means)
    ((2, 16, 16), True)
    """

    frames: np.ndarray  # (f, h, w): counts
    frame: np.ndarray  # (n,): the frame of each spot
    means: np.ndarray  # (n, 2): x, y
    photons: np.ndarray  # (n,)


@dataclass(frozen=True)
class Scene:
    """Spots at random places on a background.

    Parameters
    ----------
    size : (height, width)
        In pixels.
    density : number
        Spots for each pixel of area, at least 0.
    photons : number or (lowest, highest)
        Of one spot; between two numbers, evenly in the logarithm.
    stddev : number
        Of a spot, in pixels: the geometric mean of those along x and y.
    ellipticity : number
        The stddev along x over that along y.
    background : number
        Photons for each pixel, in the middle of the frame.
    gradient : (along x, along y)
        By how much the background rises from a pixel to the next.
    camera : Camera
        What counts the light.

    Raises
    ------
    ValueError
        For numbers out of range, or a background that is negative at a corner.

    Examples
    --------
    >>> scene = Scene(size=(32, 48), density=0.005, photons=500, stddev=1.3, background=1.0)
    >>> scene.simulate(3).frames.shape
    (3, 32, 48)
    """

    size: tuple[int, int]
    density: float
    photons: float | tuple[float, float] = (200.0, 5000.0)
    stddev: float = 1.3
    ellipticity: float = 1.0
    background: float = 1.0
    gradient: tuple[float, float] = (0.0, 0.0)
    camera: Camera = field(default_factory=Camera)

    def __post_init__(self) -> None:
        size = checks.image_size(self.size)
        if len(size) != 2:
            raise ValueError(checks.complain("size", "(height, width)", repr(self.size)))
        for name, low in (("density", 0.0), ("background", 0.0), ("stddev", 1e-3), ("ellipticity", 1e-3)):
            checks.number(name, getattr(self, name), f"a finite number of at least {low:g}", low)
        low, high = self.photon_range
        if not 0 < low <= high < math.inf:
            raise ValueError(checks.complain("photons", "one number above 0, or two that ascend", self.photons))
        if (lowest := self.background_image().min()) < 0:
            raise ValueError(checks.complain("gradient", "so small that no pixel is below 0", f"{lowest:.3g} at one"))
        if self.camera.size not in (None, size):
            raise ValueError(checks.complain("camera", f"of the size {size}", f"maps of {self.camera.size}"))

    @classmethod
    def estimate(cls, frames: np.ndarray) -> "Scene":
        """A scene that gives frames like these: width, density, photons, background and gain, told by moments.

        The gain comes from mean and variance, the width from the autocorrelation, density and photons from the first
        moments of what rises above the background. All are rough; `gaussgrad.spots.find` improves its own by fits.

        Parameters
        ----------
        frames : array (f, h, w)
            Counts.

        Raises
        ------
        ValueError
            For frames without noise, which tell nothing.

        Examples
        --------
        >>> scene = Scene(size=(64, 64), density=0.003, photons=1000, background=10, camera=Camera(gain=2.0))
        >>> 1.5 < Scene.estimate(scene.simulate(10).frames).camera.gain < 2.5
        True
        """
        found = estimation.moments_of(frames)
        camera = Camera(gain=found.gain, offset=found.offset)
        return cls(
            size=frames.shape[1:],
            density=found.density,
            photons=found.photons,
            stddev=found.stddev,
            background=max(0.0, (found.level - found.offset) / found.gain),
            camera=camera,
        )

    @property
    def photon_range(self) -> tuple[float, float]:
        """Photons of the faintest and the brightest spots."""
        low, high = np.broadcast_to(self.photons, 2).tolist()
        return low, high

    @property
    def covariance(self) -> np.ndarray:
        """Of a spot, packed: xx, xy, yy."""
        return np.array([self.stddev**2 * self.ellipticity, 0.0, self.stddev**2 / self.ellipticity])

    def background_image(self) -> np.ndarray:
        """Photons of each pixel without spots, (h, w)."""
        h, w = self.size
        rows, columns = np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2
        return self.background + self.gradient[0] * columns + self.gradient[1] * rows[:, None]

    def expected(self, means: np.ndarray, photons: np.ndarray) -> np.ndarray:
        """Photons of each pixel, (h, w), for spots with means (n, 2) and photons (n,)."""
        light = self.background_image()
        if not len(means):
            return light
        return light + render(means, self.covariance, photons, size=self.size, pixel="area", tolerance=TOLERANCE)

    def simulate(self, frames: int, seed: int | np.random.Generator = 0) -> Simulation:
        """So many frames, and the spots in them; those beyond the border shine into it and are not listed.

        Parameters
        ----------
        frames : integer
            How many.
        seed : integer or generator of NumPy
            Where chance comes from.

        Returns
        -------
        Simulation
            `frames` (f, h, w), and of each spot `frame`, `means` and `photons`.
        """
        rng = np.random.default_rng(seed)
        drawn = [self._draw(rng) for _ in range(checks.count("frames", frames))]
        inside = [self._inside(means) for _, means, _ in drawn]
        counts = np.stack([self.camera.counts(light, rng) for light, _, _ in drawn])
        numbers = np.repeat(np.arange(len(drawn)), [int(one.sum()) for one in inside])
        means = np.concatenate([means[kept] for (_, means, _), kept in zip(drawn, inside, strict=True)])
        photons = np.concatenate([light[kept] for (_, _, light), kept in zip(drawn, inside, strict=True)])
        return Simulation(counts, numbers, means, photons)

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Expected photons of one frame, and the means and photons of all that shines into it."""
        h, w = self.size
        margin = MARGIN * self.stddev
        n = rng.poisson(self.density * (h + 2 * margin) * (w + 2 * margin))
        means = rng.uniform((-0.5 - margin,) * 2, (w - 0.5 + margin, h - 0.5 + margin), (n, 2))
        low, high = self.photon_range
        photons = np.exp(rng.uniform(math.log(low), math.log(high), n))
        return self.expected(means, photons), means, photons

    def _inside(self, means: np.ndarray) -> np.ndarray:
        h, w = self.size
        return np.all((means >= -0.5) & (means < (w - 0.5, h - 0.5)), axis=1)
