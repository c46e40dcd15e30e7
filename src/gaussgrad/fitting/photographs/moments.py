"""Where a fit is: what a callback gets, and all that it takes to go on as if nobody had stopped it."""

import math
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self, final

import numpy as np

from gaussgrad import checks
from gaussgrad.files.compact import Steps
from gaussgrad.fitting.photographs.particles import Memory
from gaussgrad.fitting.photographs.search import Trial
from gaussgrad.fitting.photographs.start import Arrays
from gaussgrad.picture import Picture


@dataclass(frozen=True)
class Moment:
    """Where a fit is: what a callback gets."""

    step: int
    seconds: float
    gaussians: int
    psnr: float  # dB, of the Gaussians before this step
    progress: float = 0.0  # share of the steps or seconds that is used, from 0 to 1
    n: int = 0  # Gaussians there will be
    tried: tuple[Trial, ...] = ()  # the descents before this one, where n is looked for
    _copy: Callable[[], Picture] | None = field(default=None, repr=False, compare=False)
    _state: "Callable[[], State] | None" = field(default=None, repr=False, compare=False)

    def picture(self) -> Picture:
        """The Gaussians as they are now, copied; for a callback, while it is called.

        Raises
        ------
        RuntimeError
            Later, when the descent has gone on, and for the moments of a history.
        """
        if self._copy is None:
            raise RuntimeError("a moment has its picture only in the callback that gets it: call picture() there.")
        return self._copy()

    def state(self) -> "State":
        """All that it takes to go on to the same bits, copied; for a callback, while it is called.

        `fit_image` takes it as `start`. It can be pickled.

        Raises
        ------
        RuntimeError
            Later, when the descent has gone on, for the moments of a history, and for those of `fit_images`.
        """
        if self._state is None:
            raise RuntimeError("a moment has its state only in the callback of fit_image: call state() there.")
        return self._state()


UNUSED = Moment(0, 0.0, 0, -math.inf)  # before a descent


@dataclass(frozen=True, eq=False)
class State(ABC):
    """All that a fit needs to go on to the same bits, with the same image and settings; by `Moment.state`."""

    moment: Moment
    gaussians: Arrays
    memory: Memory
    background: np.ndarray  # (c,)

    def __post_init__(self) -> None:
        means, factors, weights = self.gaussians
        n, channels = len(means), self.background.size
        shapes = ((n, 2), (n, 3), (n, channels), (n, 5 + channels), (n, 5 + channels), (n,))
        wanted = [*zip(shapes, (*["float32"] * 5, "int32"), strict=True)]
        got = [(array.shape, array.dtype.name) for array in (means, factors, weights, *self.memory)]
        if got != wanted:
            raise ValueError(checks.complain("the arrays of a state", f"of {wanted}", got))

    def copy(self) -> Self:
        """The same in memory of its own."""
        means, factors, weights = (array.copy() for array in self.gaussians)
        memory = Memory(*(array.copy() for array in self.memory))
        return replace(self, gaussians=(means, factors, weights), memory=memory, background=self.background.copy())


@final
@dataclass(frozen=True, eq=False)
class Descending(State):
    """On the way down."""

    begun: int  # the step at which Adam began, with moments of 0
    stage: int | None  # of growth: the last one that was led through
    generator: Any  # the state of NumPy's PCG64, which chooses places

    def drawing_on(self) -> np.random.Generator:
        """A generator that goes on where that of the state was."""
        bits = np.random.PCG64(0)
        bits.state = self.generator
        return np.random.Generator(bits)


@final
@dataclass(frozen=True, eq=False)
class Rounding(State):
    """Down, with some of the numbers rounded: those of the first Gaussians."""

    unrounded: Moment  # where the descent ended
    steps: Steps
