"""How time is taken: two calls in turn, so that what slows the machine slows both, and a ratio per round."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

BLOCK_SECONDS = 0.01  # a block of calls lasts at least this long, so that the clock's grain does not show
SETTLE_SECONDS = 0.005  # between blocks: threads of the one library that still spin would slow the other
FEWEST_ROUNDS, MOST_ROUNDS = 5, 101


class Timed(Protocol):
    """A prepared call, here or in another process."""

    def seconds(self, repeats: int) -> float:
        """The mean time of so many calls in a row."""

    def results(self) -> dict[str, np.ndarray]:
        """What one call returns."""


class Here:
    """A prepared call in this process."""

    def __init__(self, call: Callable[[], dict[str, Any]]) -> None:
        self.call = call

    def seconds(self, repeats: int) -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            self.call()
        return (time.perf_counter() - start) / repeats

    def results(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(array) for name, array in self.call().items()}


def repeats_of(timed: Timed) -> tuple[int, float]:
    """The calls that make a block, and the seconds of such a block; warms up first."""
    timed.seconds(1)
    once = min(timed.seconds(1), timed.seconds(1))
    repeats = max(1, math.ceil(BLOCK_SECONDS / max(once, 1e-9)))
    return repeats, repeats * once


def rounds_in(seconds: float, block_seconds: float) -> int:
    """How many rounds fit, an odd number within bounds, so that the median is one of them."""
    rounds = int(seconds / (block_seconds + SETTLE_SECONDS))
    return min(max(rounds, FEWEST_ROUNDS), MOST_ROUNDS) | 1


def alone(timed: Timed, seconds: float) -> list[float]:
    """Times of one call, a value per round."""
    repeats, block = repeats_of(timed)
    times = []
    for _ in range(rounds_in(seconds, block)):
        time.sleep(SETTLE_SECONDS)
        times.append(timed.seconds(repeats))
    return times


def processors(call: Here, seconds: float) -> list[float]:
    """How many processors a call of ours keeps at work, a value per round."""
    repeats, block = repeats_of(call)
    shares = []
    for _ in range(rounds_in(seconds, block)):
        time.sleep(SETTLE_SECONDS)
        start = time.process_time()
        elapsed = repeats * call.seconds(repeats)
        shares.append((time.process_time() - start) / elapsed)
    return shares


def in_turn(first: Timed, second: Timed, seconds: float) -> tuple[list[float], list[float]]:
    """Times of two calls taken in turn, a pair per round, as many as fit."""
    pair = (first, second)
    repeats, blocks = zip(*(repeats_of(timed) for timed in pair), strict=True)
    return alternate(pair, repeats, rounds_in(seconds, sum(blocks)))


def alternate(pair: tuple[Timed, Timed], repeats: Sequence[int], rounds: int) -> tuple[list[float], list[float]]:
    """So many rounds of two calls; every other round begins with the second."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            time.sleep(SETTLE_SECONDS)
            times[which].append(pair[which].seconds(repeats[which]))
    return times


def ratios(numerators: list[float], denominators: list[float]) -> list[float]:
    """The ratio of each round: what slowed both in a round cancels, which a ratio of medians would not give."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]
