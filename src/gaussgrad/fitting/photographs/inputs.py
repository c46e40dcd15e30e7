"""What `fit_image` is given, checked and brought to the arrays that a descent works on."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gaussgrad import checks, parallel
from gaussgrad.checks import complain
from gaussgrad.files.compact import Steps
from gaussgrad.fitting.photographs.descent import Budget, Rules, Target
from gaussgrad.fitting.photographs.moments import UNUSED, Descending, Moment, Rounding, State
from gaussgrad.fitting.photographs.particles import at_rest
from gaussgrad.fitting.photographs.start import Arrays
from gaussgrad.picture import Picture

STEPS = 1000  # where nothing says when to stop
RANGES = {"uint8": 255.0, "uint16": 65535.0}  # of the integers that images are kept in
MOST_CHANNELS = 16  # more are an image with its channels last


def largest_n(
    n: int | None, psnr: float | None, start: Picture | State | None, used: Moment | None, numbers: np.ndarray
) -> int:
    """The number of Gaussians, or the largest that is looked for."""
    if n is not None:
        return checks.count("n", n)
    if psnr is None:
        raise ValueError(complain("n", "a number of Gaussians where no psnr is given", "None"))
    if isinstance(start, Picture) and used is None:
        raise ValueError(complain("n", "a number of Gaussians where a start is given", "None"))
    return int(np.prod(numbers.shape[1:]))


def state_of(
    start: Picture | State | None, used: Moment | None, n: int | None, most: int, target: Target, rules: Rules
) -> State | None:
    """Where the fit goes on; a picture is at rest. Where n is given, there are no trials."""
    if isinstance(start, State):
        if used is not None:
            raise ValueError(complain("used", "left out where start is a state, which knows it", "both"))
        since = start
        if since.moment.n > most or (n is not None and since.moment.n != n) or len(since.memory.ages) > most:
            wanted = f"the state of a fit of {'at most ' if n is None else ''}n = {most} Gaussians"
            raise ValueError(complain("start", wanted, f"{since.moment.n}"))
    elif start is None:
        if used is not None:
            raise ValueError(complain("used", "given together with start", "no start", "Give the Gaussians too."))
        return None
    else:
        used, arrays = used or UNUSED, _arrays_of(start, most, target)
        memory = at_rest((len(arrays[0]),), len(target.image))
        places = np.random.default_rng(rules.seed).bit_generator.state
        since = Descending(used, arrays, memory, target.background, begun=used.step, stage=None, generator=places)
    return since if n is None else replace(since, moment=replace(since.moment, n=most, tried=()))


def numbers_of(image: Any) -> np.ndarray:
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


def white_of(numbers: np.ndarray, data_range: float | None) -> float:
    """The number that is 1."""
    if data_range is not None:
        return checks.number("data_range", data_range, "a number above 0", math.ulp(0.0))
    return RANGES.get(numbers.dtype.name, 1.0)


def known_pixels(numbers: np.ndarray, mask: Any) -> np.ndarray:
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


def each_of(images: Any, masks: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each image its numbers (c, h, w), and which pixels (h, w) are known."""
    whole = np.asarray(images.detach() if hasattr(images, "detach") else images)
    if whole.ndim not in (3, 4) or len(whole) == 0:
        raise ValueError(complain("images", "of shape (b, h, w) or (b, c, h, w)", f"shape {whole.shape}"))
    given = [None] * len(whole) if masks is None else masks
    if len(given) != len(whole):
        raise ValueError(complain("masks", f"{len(whole)}, one for each image", f"{len(given)}"))
    each = []
    for i, (image, mask) in enumerate(zip(whole, given, strict=True)):
        try:
            numbers = numbers_of(image)
            each.append((numbers, known_pixels(numbers, mask)))
        except (TypeError, ValueError) as error:
            raise type(error)(f"image {i}: {error}") from None
    return each


def rules_of(tolerance: float, narrowest: float, non_negative: bool, seed: int, threads: int | None) -> Rules:
    return Rules(
        tolerance=checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0),
        narrowest=checks.number("narrowest", narrowest, "a number of pixels, 0 or more", 0.0),
        least_weight=0.0 if checks.option("non_negative", non_negative, (False, True)) else -math.inf,
        seed=natural("seed", seed),
        threads=checks.thread_count(threads) or parallel.available_cores(),
    )


def budget_of(steps: int | None, seconds: float | None, psnr: float | None) -> Budget:
    if steps is None and seconds is None:
        steps = STEPS
    return Budget(
        steps=None if steps is None else natural("steps", steps),
        seconds=None if seconds is None else checks.number("seconds", seconds, "0 or more seconds", 0.0),
        psnr=None if psnr is None else checks.number("psnr", psnr, "a number of dB", -math.inf),
    )


def natural(name: str, value: Any) -> int:
    return 0 if type(value) is int and value == 0 else checks.count(name, value)


def target_of(
    numbers: np.ndarray, known: np.ndarray, white: float, start: Picture | State | None, *, black: bool
) -> Target:
    """The image in units of its range, on the background of the start, on black, or on the mean of what is known."""
    image = np.where(known, numbers, 0).astype(np.float32) / np.float32(white)
    if start is not None:
        background = np.asarray(start.background, np.float32)
    elif black:
        background = np.zeros(len(image), np.float32)
    else:
        background = image[:, known].mean(axis=1, dtype=np.float64).astype(np.float32)
    if background.shape != image.shape[:1]:
        wanted = f"of {len(image)} channels, as the image"
        raise ValueError(complain("start", wanted, f"{len(background)}"))
    return Target(image, background, known.astype(np.float32), bool(not known.all()))


def _arrays_of(start: Picture, n: int, target: Target) -> Arrays:
    """Means, factors and weights (m, c), in NumPy, float32, m at most n."""
    held = start.gaussians
    if start.amplitude != "peak" or start.size != target.image.shape[1:] or start.n > n:
        wanted = f"of peak amplitude, of size {target.image.shape[1:]} and of at most n = {n} Gaussians"
        raise ValueError(complain("start", wanted, f"{start.amplitude!r}, {start.size} and {start.n}"))
    weights = np.ones(start.n) if held.weights is None else np.asarray(held.weights)
    means, factors = np.array(held.means, np.float32), np.array(held.factors(), np.float32)
    return means, factors, weights.reshape(start.n, -1).astype(np.float32)


def grid_of(compact: bool | Steps, start: Picture | State | None) -> Steps | None:
    """The steps that are asked for, if any are."""
    if isinstance(start, Rounding) and compact is False:
        raise ValueError(complain("compact", "as it was for the start, whose numbers are being rounded", False))
    if isinstance(compact, Steps):
        return compact.checked()
    checks.option("compact", compact, (False, True))
    return None
