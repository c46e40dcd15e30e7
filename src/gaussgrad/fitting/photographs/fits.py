"""What a fit gives back."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gaussgrad import metrics
from gaussgrad.fitting.photographs.descent import Target
from gaussgrad.fitting.photographs.inputs import RANGES
from gaussgrad.fitting.photographs.moments import Moment
from gaussgrad.fitting.photographs.start import Arrays
from gaussgrad.gaussians import Gaussians
from gaussgrad.picture import Picture


@dataclass(frozen=True)
class Fit:
    """A photograph as Gaussians, and how they came there.

    Attributes
    ----------
    picture : Picture
        What draws them, and what is saved; its `gaussians` hold means (n, 2), Cholesky factors (n, 3) and weights
        (n, c), in NumPy, float32.
    history : tuple of Moment
        Every ten steps and at the end: step, seconds, number of Gaussians and PSNR. With `compact`, the last is that of
        the rounded Gaussians, and the one before it of the Gaussians before that.

    Examples
    --------
    >>> spot = Gaussians([[4.0, 3.0]], [[2.0, 0.0, 2.0]], [1.0])
    >>> fit = Fit(Picture(spot, (8, 10)), (Moment(step=0, seconds=0.0, gaussians=1, psnr=30.0),))
    >>> fit.psnr, fit.render().shape
    (30.0, (1, 8, 10))
    """

    picture: Picture
    history: tuple[Moment, ...]
    _target: Target | None = field(default=None, repr=False, compare=False)

    @property
    def gaussians(self) -> Gaussians:
        """Means (n, 2), Cholesky factors (n, 3) and weights (n, c)."""
        return self.picture.gaussians

    @property
    def background(self) -> tuple[float, ...]:
        """What the Gaussians are added to, a number for each channel."""
        return self.picture.background

    @property
    def psnr(self) -> float:
        """PSNR in dB against the image, over the pixels that are known, in the range of its data."""
        return self.history[-1].psnr

    @cached_property
    def ssim(self) -> float | None:
        """SSIM against the image, over the windows of 11 x 11 pixels that are known; None where there is none."""
        target = self._target
        if target is None:
            return None
        known = target.mask > 0
        if not metrics.has_windows(known):
            return None
        return metrics.ssim(target.image, self.picture.render(), mask=known)

    def render(self, scale: float = 1.0) -> np.ndarray:
        """The image (c, scale * h, scale * w), 0 for black and 1 for white; see `Picture.render`."""
        return self.picture.render(scale)

    def save(self, path: Any, **options: Any) -> None:
        """Write a `.gauss` file; see `Picture.save`."""
        self.picture.save(path, **options)


def picture_of(target: Target, white: float, dtype: np.dtype, tolerance: float, arrays: Arrays, psnr: float) -> Picture:
    """The picture of Gaussians that draw a target, of an image of that dtype and range."""
    means, factors, weights = arrays
    return Picture(
        Gaussians(means, cholesky=factors, weights=weights),
        target.image.shape[1:],
        tolerance=tolerance,
        background=target.background,
        black=0.0,
        white=white,
        sample_type=dtype.name if dtype.name in RANGES else "float32",
        fit_psnr=psnr if math.isfinite(psnr) else None,
    )
