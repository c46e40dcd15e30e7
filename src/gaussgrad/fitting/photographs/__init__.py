"""A photograph drawn by Gaussians: the doors, for one image and for many small ones."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from gaussgrad import checks
from gaussgrad.files.compact import Steps
from gaussgrad.fitting.photographs import inputs, rounding
from gaussgrad.fitting.photographs.descent import Budget, Descent, Rules, Target, descend
from gaussgrad.fitting.photographs.fits import Fit, picture_of
from gaussgrad.fitting.photographs.moments import Descending, Moment, Rounding, State
from gaussgrad.fitting.photographs.search import Trial, search
from gaussgrad.fitting.photographs.start import Arrays
from gaussgrad.picture import Picture

__all__ = ["Fit", "Moment", "State", "fit_image", "fit_images"]


def fit_image(
    image: Any,
    n: int | None = None,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    psnr: float | None = None,
    mask: Any = None,
    start: Fit | Picture | State | None = None,
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
    """Fit n Gaussians to an image: gradient descent finds their positions, shapes and colours.

    The first Gaussians stand where the image has structure. Most are added later, where the error is largest, and
    those that draw least move there. Each step is one of Adam, in coordinates of each Gaussian's own widths, with the
    gradient of the whole image.

    Parameters
    ----------
    image : array (h, w) or (c, h, w)
        Of NumPy or torch, on the CPU: unsigned integers of 8 or 16 bits, or floats.
    n : int, optional
        How many Gaussians. Without it, the fewest that reach `psnr`: several descents of different n ("trials") find
        them, each with all steps or seconds. There are never more than pixels, which may be too few for the PSNR.
    steps, seconds : optional
        When to stop: at the first that is reached. Rates and growth follow them. 1,000 steps if neither is given.
    psnr : float, optional
        Stop when this PSNR in dB is reached. Without n, the result is at most 0.1 dB above it.
    mask : array (h, w), optional
        True where a pixel is known. Others count for nothing, and may be NaN.
    start : Fit, Picture or State, optional
        A fit to continue. Adam begins anew, with short steps at first; if there are fewer than n Gaussians, the others
        are added where the error is. But from `moment.state()` of an unfinished fit, with the same other arguments, it
        goes on as if nobody had stopped it: with `steps`, to the same bits.
    used : Moment, optional
        The moment of an unfinished descent whose Gaussians are `start`. Its steps and seconds count: rates, growth and
        trials continue from there, and end as they would have.
    data_range : float, optional
        White minus black. By default 255 or 65,535 for integers and 1 for floats. PSNR is relative to it.
    non_negative : bool
        Whether weights stay at 0 or above, on a black background, as an SVG file needs it.
    narrowest : float
        The smallest standard deviation in any direction, in pixels. It keeps an enlarged picture free of needles.
    tolerance : float in [0, 1)
        As in `gaussgrad.render`. The default ends a Gaussian at three standard deviations.
    compact : bool or Steps
        Whether to round the numbers at the end, in 200 more steps, for a smaller file:
        `fit.save(path, compact=True)` keeps them as they are. True takes steps that cost a photograph
        less than 0.3 dB. With a finished fit as `start` and `steps=0` nothing else is done.
    seed : int
        The seed of the places where Gaussians begin. With `steps`, a seed gives the same Gaussians each time.
    threads : int, optional
        By default every core.
    callback : function of a Moment, optional
        Called before each step. `moment.picture()` copies the current Gaussians. If it raises an error, the descent
        ends.

    Returns
    -------
    fit : Fit
        Of n Gaussians with peak amplitude, on a background of the mean colour; of fewer if `psnr` ended it early.

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
    held = start.picture if isinstance(start, Fit) else start
    numbers = inputs.numbers_of(image)
    most = inputs.largest_n(n, psnr, held, used, numbers)
    white = inputs.white_of(numbers, data_range)
    known = inputs.known_pixels(numbers, mask)
    grid = inputs.grid_of(compact, held)
    rules = inputs.rules_of(tolerance, narrowest, non_negative, seed, threads)
    budget = inputs.budget_of(steps, seconds, psnr)
    target = inputs.target_of(numbers, known, white, held, black=non_negative)
    since = inputs.state_of(held, used, n, most, target, rules)

    picture = partial(picture_of, target, white, numbers.dtype, rules.tolerance)
    told = None if callback is None else _telling(callback, picture)
    if isinstance(since, Rounding):
        history = [since.unrounded]
    else:
        arrays, history = _descended(target, n, most, budget, rules, told, since)
        fitted = picture(arrays, history[-1].psnr)
        if compact is False:
            return Fit(fitted, tuple(history), target)
        grid = grid or fitted.steps_within(history[-1].psnr + rounding.MARGIN)
        since = rounding.begin(arrays, grid, history[-1], target.background)
    arrays, last = rounding.settle(target, since, rules, told)
    return Fit(replace(picture(arrays, last.psnr), steps=since.steps), (*history, last), target)


def fit_images(
    images: Any,
    n: int,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    psnr: float | None = None,
    masks: Any = None,
    data_range: float | None = None,
    non_negative: bool = False,
    narrowest: float = 0.25,
    tolerance: float = 0.0111,
    seed: int = 0,
    threads: int | None = None,
    callback: Callable[[Moment], None] | None = None,
) -> list[Fit]:
    """Fit n Gaussians to each of many small images of one size, in one descent.

    With `steps`, each fit is the same as by `fit_image`, bit for bit. Small images take far less time together.

    Parameters
    ----------
    images : array (b, h, w) or (b, c, h, w)
        Of NumPy or torch, on the CPU: unsigned integers of 8 or 16 bits, or floats.
    n : int
        How many Gaussians for each.
    steps, seconds : optional
        When to stop: at the first that is reached. 1,000 steps if neither is given.
    psnr : float, optional
        Stop when every image has this PSNR, in dB.
    masks : array (b, h, w), optional
        True where a pixel is known.
    data_range, non_negative, narrowest, tolerance, seed, threads
        As in `fit_image`.
    callback : function of a Moment, optional
        Called before each step, with the mean PSNR of the images; there is no picture.

    Returns
    -------
    fits : list of Fit
        In the order of the images.

    Raises
    ------
    ValueError, TypeError
        As `fit_image`; the message names the image.

    Examples
    --------
    >>> import gaussgrad, numpy
    >>> images = gaussgrad.render([[[5.0, 7.0]], [[9.0, 6.0]]], [4.0, 1.0, 3.0], size=(16, 16), amplitude="peak")
    >>> fits = fit_images(images, 4, steps=200)
    >>> [fit.psnr > 35 for fit in fits], fits[1].render().shape
    ([True, True], (1, 16, 16))
    """
    n = checks.count("n", n)
    each = inputs.each_of(images, masks)
    rules = inputs.rules_of(tolerance, narrowest, non_negative, seed, threads)
    budget = inputs.budget_of(steps, seconds, psnr)
    white = inputs.white_of(each[0][0], data_range)
    targets = [inputs.target_of(numbers, known, white, None, black=non_negative) for numbers, known in each]
    told = None if callback is None else lambda moment, _: callback(moment)
    dtype = each[0][0].dtype
    return [
        Fit(
            picture_of(target, white, dtype, rules.tolerance, found.arrays, found.history[-1].psnr),
            tuple(found.history),
            target,
        )
        for target, found in zip(targets, descend(targets, n, budget, rules, told), strict=True)
    ]


def _descended(
    target: Target,
    n: int | None,
    most: int,
    budget: Budget,
    rules: Rules,
    told: Callable[[Moment, Callable[[], State]], None] | None,
    since: State | None,
) -> Descent:
    """The descent of n Gaussians, or that of the fewest that reach the PSNR."""

    def descent(count: int, until: float | None, tried: tuple[Trial, ...] = ()) -> tuple[Descent, float]:
        limits, where = replace(budget, psnr=until), None
        if isinstance(since, Descending) and (count, tried) == (since.moment.n, since.moment.tried):
            where = since
        (found,) = descend([target], count, limits, rules, told, where, tried)
        return found, found.history[-1].psnr

    if n is None and budget.psnr is not None:
        return search(descent, budget.psnr, most, () if since is None else since.moment.tried)
    return descent(most, budget.psnr)[0]


def _telling(
    callback: Callable[[Moment], None], picture: Callable[[Arrays, float], Picture]
) -> Callable[[Moment, Callable[[], State]], None]:
    """What calls the callback with a moment that has its picture and state until the callback returns."""

    def tell(moment: Moment, now: Callable[[], State]) -> None:
        told = replace(
            moment, _copy=lambda: picture(_copied(now().gaussians), moment.psnr), _state=lambda: now().copy()
        )
        callback(told)
        for name in ("_copy", "_state"):  # the arrays are about to change
            object.__setattr__(told, name, None)

    return tell


def _copied(arrays: Arrays) -> Arrays:
    means, factors, weights = arrays
    return means.copy(), factors.copy(), weights.copy()
