"""How few Gaussians draw an image as well as is wanted: trials, each a descent, along a line in the logarithm of n."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")

ABOVE = 0.1  # dB, at most, above what is wanted
BEYOND = 2.0  # dB above what is wanted: a descent ends there, since it has far too many Gaussians
PIXELS = 400  # for each Gaussian of the first trial
DOUBLING = 3.0  # dB gained by twice as many Gaussians, until two trials tell; photographs lie between
LEAST_DOUBLING, MOST_DOUBLING = 0.5, 8.0
FURTHEST = 2  # doublings, at most, from one number to the next
STRAIGHT = 6  # trials by lines; then the middle between too few and enough
CLOSE = 0.02  # of a number: what is found lies no further above one that is too few


class Trial(NamedTuple):
    """How well so many Gaussians drew the image."""

    n: int
    psnr: float  # dB


class Bracket(NamedTuple):
    """The most Gaussians that are known to be too few, and the fewest above them that are enough."""

    few: Trial | None
    enough: Trial | None


def search(
    descent: Callable[[int, float, tuple[Trial, ...]], tuple[Result, float]],
    wanted: float,
    pixels: int,
    tried: tuple[Trial, ...] = (),
) -> Result:
    """What a descent of the fewest Gaussians that reach a PSNR gives.

    `descent` takes a number of Gaussians, a PSNR at which it may end early, and the trials before it; it gives a result
    and its PSNR. The last one is made once more if its result is not at hand, or is far above.
    """
    last: list[tuple[int, Result, float]] = []

    def attempt(n: int, trials: tuple[Trial, ...]) -> float:
        last[:] = [(n, *descent(n, wanted + BEYOND, trials))]
        return last[0][2]

    while True:
        tried = fewest(attempt, wanted, pixels, tried)
        enough = bracket(tried, wanted).enough
        n = tried[-1].n if enough is None else enough.n
        if last and last[0][0] == n and last[0][2] <= wanted + ABOVE:
            return last[0][1]
        result, psnr = descent(n, wanted, tried)
        if enough is None or psnr >= wanted:
            return result
        tried = (*tried, Trial(n, psnr))  # as many seconds were fewer steps this time


def fewest(
    attempt: Callable[[int, tuple[Trial, ...]], float], wanted: float, pixels: int, tried: Sequence[Trial] = ()
) -> tuple[Trial, ...]:
    """All trials, the last of them of the number of Gaussians that was looked for.

    `attempt` gives the PSNR of n Gaussians, and gets the trials before it. The number is at most that of the pixels,
    which may be too few. It may have been tried before the last one; then it is at the end once more.
    """
    trials = tuple(tried)
    while True:
        n = following(trials, wanted, pixels)
        if n is None:
            return trials
        trials = (*trials, Trial(n, attempt(n, trials)))


def following(trials: Sequence[Trial], wanted: float, pixels: int) -> int | None:
    """The number of Gaussians to try next; None where the search is at its end."""
    if not trials:
        return max(1, pixels // PIXELS)
    few, enough = bracket(trials, wanted)
    if enough is None:
        return None if few is None or few.n >= pixels else min(_towards(trials, few, wanted), pixels)
    if enough.psnr <= wanted + ABOVE or enough.n - (few.n if few else 0) <= max(1, int(CLOSE * enough.n)):
        return None
    if few is None:
        return max(_towards(trials, enough, wanted), 1)
    if len(trials) > STRAIGHT or enough.psnr >= wanted + BEYOND:
        n = math.isqrt(few.n * enough.n)
    else:
        n = _along(few, (enough.psnr - few.psnr) / math.log2(enough.n / few.n), wanted)
    return min(max(n, few.n + 1), enough.n - 1)


def bracket(trials: Sequence[Trial], wanted: float) -> Bracket:
    """What the trials say; the last one of a number counts."""
    last = sorted({trial.n: trial for trial in trials}.values())
    enough = [trial for trial in last if trial.psnr >= wanted]
    few = [trial for trial in last if trial.psnr < wanted and (not enough or trial.n < enough[0].n)]
    return Bracket(few[-1] if few else None, enough[0] if enough else None)


def _towards(trials: Sequence[Trial], near: Trial, wanted: float) -> int:
    """Beyond all trials, from the nearest of them, as they rose so far."""
    if near.psnr >= wanted + BEYOND:
        return near.n >> FURTHEST
    others = [trial for trial in trials if trial.psnr < wanted + BEYOND and trial.n != near.n]
    slope = DOUBLING
    if others:
        other = min(others, key=lambda trial: abs(trial.psnr - wanted))
        slope = (near.psnr - other.psnr) / math.log2(near.n / other.n)
    n = _along(near, min(max(slope, LEAST_DOUBLING), MOST_DOUBLING), wanted)
    return n if n != near.n else near.n + (1 if near.psnr < wanted else -1)


def _along(trial: Trial, slope: float, wanted: float) -> int:
    """The number where the line through a trial, so many dB for each doubling, is just above what is wanted."""
    missing = wanted + ABOVE / 2 - trial.psnr
    factor = 2 ** min(max(missing / slope, -FURTHEST), FURTHEST)
    return round(trial.n * factor)
