"""A photograph drawn by Gaussians: the door, where the image and the options are checked once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from gaussgrad import checks, metrics, parallel
from gaussgrad.checks import complain
from gaussgrad.files.compact import Steps
from gaussgrad.fitting.photographs import rounding
from gaussgrad.fitting.photographs.descent import Budget, Moment, Rules, Target, descend
from gaussgrad.fitting.photographs.start import Arrays
from gaussgrad.gaussians import Gaussians
from gaussgrad.picture import Picture

__all__ = ["Fit", "Moment", "fit_image"]

STEPS = 1000  # where nothing says when to stop
RANGES = {"uint8": 255.0, "uint16": 65535.0}  # of the integers that images are kept in
MOST_CHANNELS = 16  # more are an image with its channels last


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


def fit_image(
    image: Any,
    n: int,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    psnr: float | None = None,
    mask: Any = None,
    start: Fit | Picture | None = None,
    used: Moment | None = None,
    data_range: float | None = None,
    non_negative: bool = False,
    narrowest: float = 0.25,
    tolerance: float = 0.0111,
    compact: bool | Steps = False,
    seed: int = 0,
    threads: int | None = None,
    callback: Callable[[Moment], None] | None = None,
) -> Fit:
    """Draw an image by n Gaussians: their places, shapes and colours, found by gradient descent.

    They begin where the image has structure. Half of them come in on the way, where the error is largest. Each step is
    one of Adam in coordinates of each Gaussian's own widths, by a gradient of the whole image.

    Parameters
    ----------
    image : array (h, w) or (c, h, w)
        Of NumPy or torch, on the CPU: unsigned integers of 8 or 16 bits, or floats.
    n : int
        How many Gaussians.
    steps, seconds : optional
        When to stop, the first that comes. Both rates and growth go by them. 1,000 steps where neither is given.
    psnr : float, optional
        Stop as soon as the image is drawn as well, in dB.
    mask : array (h, w), optional
        True where a pixel is known. Others count for nothing, and may be NaN.
    start : Fit or Picture, optional
        Where to go on from. If it has fewer than n Gaussians, the others come in where the error is.
    used : Moment, optional
        Of an unfinished descent whose Gaussians are `start`. Its steps and seconds count: rates and growth go on from
        there, and end as they would have.
    data_range : float, optional
        White less black. By default 255 or 65,535 for integers and 1 for floats. PSNR is relative to it.
    non_negative : bool
        Whether weights stay at 0 or above, on a black background, as an SVG file needs it.
    narrowest : float
        Pixels: the least standard deviation, in any direction. It keeps needles from showing when the picture is
        enlarged.
    tolerance : float in [0, 1)
        As in `gaussgrad.render`. The default ends a Gaussian at three standard deviations.
    compact : bool or Steps
        Whether to round the numbers in the end, in 200 steps more, for a file of fewer bytes: `fit.save(path,
        compact=True)` keeps them as they are. True takes steps that cost a photograph less than 0.3 dB. With a
        finished fit as `start` and `steps=0` nothing else is done.
    seed : int
        Of the places where Gaussians begin. With `steps`, a seed gives the same Gaussians each time.
    threads : int, optional
        By default every core.
    callback : function of a Moment, optional
        Called before each step. `moment.picture()` copies the Gaussians as they are then. An error that it raises ends
        the descent.

    Returns
    -------
    fit : Fit
        Of n Gaussians, with peak amplitude, on a background of the mean colour; of fewer where `psnr` ended it early.

    Raises
    ------
    ValueError
        For an image of another shape, values that are not finite, or options out of range.
    TypeError
        For an image of another dtype.

    Notes
    -----
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1. The sum of Gaussians is that of
    Zhang et al. (2024), "GaussianImage: 1000 FPS image representation and compression by 2D Gaussian splatting".

    Examples
    --------
    >>> import gaussgrad, numpy
    >>> image = gaussgrad.render([[8.0, 7.0]], [4.0, 1.0, 3.0], size=(16, 16), amplitude="peak")
    >>> fit = fit_image(image, 4, steps=200)
    >>> fit.psnr > 35, fit.gaussians.means.shape
    (True, (4, 2))
    """
    n = checks.count("n", n)
    numbers = _numbers(image)
    white = _white(numbers, data_range)
    known = _known(numbers, mask)
    grid = _grid(compact)
    rules = Rules(
        tolerance=checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0),
        narrowest=checks.number("narrowest", narrowest, "a number of pixels, 0 or more", 0.0),
        least_weight=0.0 if checks.option("non_negative", non_negative, (False, True)) else -math.inf,
        seed=_natural("seed", seed),
        threads=checks.thread_count(threads) or parallel.available_cores(),
    )
    budget = _budget(steps, seconds, psnr)
    target = _target(numbers, known, white, start, black=non_negative)
    began = None if start is None else _start(start, n, target)

    def picture(arrays: Arrays, psnr: float) -> Picture:
        means, factors, weights = arrays
        return Picture(
            Gaussians(means, cholesky=factors, weights=weights),
            numbers.shape[1:],
            tolerance=rules.tolerance,
            background=target.background,
            black=0.0,
            white=white,
            sample_type=numbers.dtype.name if numbers.dtype.name in RANGES else "float32",
            fit_psnr=psnr if math.isfinite(psnr) else None,
        )

    told = None if callback is None else _telling(callback, picture)
    arrays, history = descend(target, n, began, budget, rules, told, _used(used, start))
    fitted = picture(arrays, history[-1].psnr)
    if compact is False:
        return Fit(fitted, tuple(history), target)
    grid = grid or fitted.steps_within(history[-1].psnr + rounding.MARGIN)
    arrays, last = rounding.settle(target, arrays, grid, rules, history[-1], told)
    return Fit(replace(picture(arrays, last.psnr), steps=grid), (*history, last), target)


def _grid(compact: bool | Steps) -> Steps | None:
    """The steps that are asked for, if any are."""
    if isinstance(compact, Steps):
        return compact.checked()
    checks.option("compact", compact, (False, True))
    return None


def _telling(
    callback: Callable[[Moment], None], picture: Callable[[Arrays, float], Picture]
) -> Callable[[Moment, Arrays], None]:
    """What calls the callback with a moment that has its picture until the callback returns."""

    def tell(moment: Moment, arrays: Arrays) -> None:
        with_picture = replace(moment, _copy=lambda: picture(_copied(arrays), moment.psnr))
        callback(with_picture)
        object.__setattr__(with_picture, "_copy", None)  # the arrays are about to change

    return tell


def _copied(arrays: Arrays) -> Arrays:
    means, factors, weights = arrays
    return means.copy(), factors.copy(), weights.copy()


def _used(used: Moment | None, start: Fit | Picture | None) -> tuple[int, float]:
    """Steps and seconds that count as used."""
    if used is None:
        return 0, 0.0
    if start is None:
        raise ValueError(checks.complain("used", "given together with start", "no start", "Give the Gaussians too."))
    return used.step, used.seconds


def _numbers(image: Any) -> np.ndarray:
    """The image (c, h, w) in NumPy, of the dtype it has."""
    numbers = np.asarray(image.detach() if hasattr(image, "detach") else image)
    if numbers.dtype.name not in (*RANGES, "float16", "float32", "float64"):
        wanted = "of unsigned integers of 8 or 16 bits, or of floats"
        raise TypeError(complain("image", wanted, str(numbers.dtype), "Convert it."))
    shape = numbers.shape
    numbers = numbers[None] if numbers.ndim == 2 else numbers
    if numbers.ndim != 3 or 0 in shape or len(numbers) > MOST_CHANNELS:
        cure = "Use numpy.moveaxis(image, -1, 0)." if numbers.ndim == 3 and shape[-1] <= MOST_CHANNELS else ""
        raise ValueError(complain("image", "of shape (h, w) or (c, h, w)", f"shape {shape}", cure))
    return numbers


def _white(numbers: np.ndarray, data_range: float | None) -> float:
    """The number that is 1."""
    if data_range is not None:
        return checks.number("data_range", data_range, "a number above 0", math.ulp(0.0))
    return RANGES.get(numbers.dtype.name, 1.0)


def _known(numbers: np.ndarray, mask: Any) -> np.ndarray:
    """Which pixels (h, w) are known; what is known must be finite."""
    size = numbers.shape[1:]
    known = np.ones(size, bool) if mask is None else np.asarray(mask)
    if known.shape != size or known.dtype != bool:
        wanted = f"booleans of shape {size}, as the image"
        raise ValueError(complain("mask", wanted, f"{known.dtype} of shape {known.shape}", "Use mask > 0."))
    if not known.any():
        raise ValueError(complain("mask", "true at one pixel or more", "none"))
    bad = ~np.isfinite(numbers).all(axis=0) & known
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        got = f"{numbers[:, row, column].tolist()} at pixel ({row}, {column})"
        cure = "Leave such pixels out by mask=numpy.isfinite(image), of channels numpy.isfinite(image).all(axis=0)."
        raise ValueError(complain("image", "finite", got, cure))
    return known


def _budget(steps: int | None, seconds: float | None, psnr: float | None) -> Budget:
    if steps is None and seconds is None:
        steps = STEPS
    return Budget(
        steps=None if steps is None else _natural("steps", steps),
        seconds=None if seconds is None else checks.number("seconds", seconds, "0 or more seconds", 0.0),
        psnr=None if psnr is None else checks.number("psnr", psnr, "a number of dB", -math.inf),
    )


def _natural(name: str, value: Any) -> int:
    return 0 if type(value) is int and value == 0 else checks.count(name, value)


def _target(
    numbers: np.ndarray, known: np.ndarray, white: float, start: Fit | Picture | None, *, black: bool
) -> Target:
    """The image in units of its range, on the background of the start, on black, or on the mean of what is known."""
    image = np.where(known, numbers, 0).astype(np.float32) / np.float32(white)
    if start is not None:
        background = np.asarray((start.picture if isinstance(start, Fit) else start).background, np.float32)
    elif black:
        background = np.zeros(len(image), np.float32)
    else:
        background = image[:, known].mean(axis=1, dtype=np.float64).astype(np.float32)
    if background.shape != image.shape[:1]:
        wanted = f"of {len(image)} channels, as the image"
        raise ValueError(complain("start", wanted, f"{len(background)}"))
    return Target(image, background, known.astype(np.float32), bool(not known.all()))


def _start(start: Fit | Picture, n: int, target: Target) -> Arrays:
    """Means, factors and weights (m, c), in NumPy, float32, m at most n."""
    picture = start.picture if isinstance(start, Fit) else start
    held = picture.gaussians
    if picture.amplitude != "peak" or picture.size != target.image.shape[1:] or picture.n > n:
        wanted = f"of peak amplitude, of size {target.image.shape[1:]} and of at most n = {n} Gaussians"
        raise ValueError(complain("start", wanted, f"{picture.amplitude!r}, {picture.size} and {picture.n}"))
    weights = np.ones(picture.n) if held.weights is None else np.asarray(held.weights)
    means, factors = np.array(held.means, np.float32), np.array(held.factors(), np.float32)
    return means, factors, weights.reshape(picture.n, -1).astype(np.float32)
