"""Down the squared error to one image, with Gaussians added on the way where the error is."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gaussgrad import parallel
from gaussgrad.fitting.photographs.particles import Particles
from gaussgrad.fitting.photographs.search import Trial
from gaussgrad.fitting.photographs.start import Arrays, by_error, by_structure
from gaussgrad.picture import Picture

DECAYS = (0.85, 0.95)  # of Adam's moments: the gradient is of the whole image, and has no noise to average out
RATES = (0.2, 0.1, 0.02)  # of means and factors in each Gaussian's own widths, of weights in the range of the data
WARM_UP = 20  # steps
HELD = 0.2  # how far the descent is when the rates begin to fall
FIRST_SHARE = 0.2  # of the Gaussians are there from the beginning
STAGES = tuple(k / 20 for k in range(1, 13))  # how far the descent is when Gaussians come in
GROWN_AT = 10  # the stage by which all are there
RENEWED = 0.07  # of the Gaussians begin anew at each stage
LEAST_TO_GROW = 20  # steps of a descent that is worth it
SECONDS_PER_NUMBER = 2e-8  # of one step of Adam, roughly; only decides whether threads are worth it
WIDEST = 2.0  # of the longer side of the image: what is wider is flat
CHECKED = 10  # steps between two looks at how good the image is


@dataclass(frozen=True)
class Target:
    """What is to be drawn: an image (c, h, w) in units of its range, on a background, and which pixels are known."""

    image: np.ndarray
    background: np.ndarray  # (c,)
    mask: np.ndarray  # (h, w), 1 where a pixel is known and 0 elsewhere
    has_gaps: bool


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many steps, so many seconds, or at a PSNR in dB; None for never."""

    steps: int | None
    seconds: float | None
    psnr: float | None


@dataclass(frozen=True)
class Rules:
    """How Gaussians are drawn, and what they may be."""

    tolerance: float
    narrowest: float  # pixels, of the smaller principal stddev
    least_weight: float
    seed: int
    threads: int


@dataclass(frozen=True)
class Moment:
    """Where a descent is: what a callback gets."""

    step: int
    seconds: float
    gaussians: int
    psnr: float  # dB, of the Gaussians before this step
    progress: float = 0.0  # share of the steps or seconds that is used, from 0 to 1
    n: int = 0  # Gaussians there will be
    tried: tuple[Trial, ...] = ()  # the descents before this one, where n is looked for
    _copy: Callable[[], Picture] | None = field(default=None, repr=False, compare=False)

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


UNUSED = Moment(0, 0.0, 0, -math.inf)  # before a descent


def descend(
    target: Target,
    n: int,
    start: Arrays | None,
    budget: Budget,
    rules: Rules,
    callback: Callable[[Moment, Arrays], None] | None,
    used: Moment = UNUSED,
) -> tuple[Arrays, list[Moment]]:
    """Means, factors and weights of n Gaussians, and how it went.

    The callback gets the arrays that go on changing. The steps and seconds of
    `used` are those that the start took of the budget, and its trials were before.
    """
    history, particles, draw = list[Moment](), Particles(n, len(target.image)), Drawing(target, rules)
    grow = _Growth(target, n, budget, rules)
    if start is None:
        particles.add(*by_structure(_wanted(target), target.mask, grow.due(0), grow.generator))
    else:
        particles.add(*start)
    draw.compile(particles)
    step, began = used.step, time.perf_counter() - used.seconds
    while True:
        residual, psnr = draw.residual(particles)
        seconds = time.perf_counter() - began
        progress = _progress(step, seconds, psnr, budget)
        moment = Moment(step, seconds, particles.count, psnr, progress, n, used.tried)
        if step % CHECKED == 0:
            history.append(moment)
        if callback is not None:
            callback(moment, particles.arrays)
        if progress >= 1:
            break
        if grow(particles, residual, progress):
            continue
        draw.step(particles, residual, _rate(step - used.step, progress))
        step += 1
    if history[-1:] != [moment]:
        history.append(moment)
    return particles.arrays, history


class _Growth:
    """Gaussians come in where the error is largest: new ones, and those that draw least begin anew there."""

    def __init__(self, target: Target, n: int, budget: Budget, rules: Rules) -> None:
        self.target, self.n, self.generator = target, n, np.random.default_rng(rules.seed)
        self.stages = STAGES if budget.steps is None or budget.steps >= LEAST_TO_GROW else ()
        self.stage: int | None = None  # the last one that was led through

    def __call__(self, particles: Particles, residual: np.ndarray, progress: float) -> bool:
        """Whether any came in, so far into the descent; the residual is that of `Drawing`."""
        stage = sum(progress >= each for each in self.stages)
        missing = max(self.due(stage) - particles.count, 0)
        begun, self.stage = self.stage is not None and stage > self.stage, stage
        leaving = particles.least(RENEWED if begun else 0.0, self.target.mask)
        coming = missing + len(leaving)
        if coming == 0:
            return False
        image = residual.reshape(self.target.image.shape)
        particles.add(*by_error(image, coming, self.n, self.generator), instead=leaving)
        return True

    def due(self, stage: int) -> int:
        """How many Gaussians there shall be; all from the beginning where there are no stages."""
        if not self.stages:
            return self.n
        first = math.ceil(FIRST_SHARE * self.n)
        return first + round((self.n - first) * min(stage / GROWN_AT, 1.0))


def _wanted(target: Target) -> np.ndarray:
    """What the Gaussians together shall be."""
    return target.image - target.background[:, None, None]


def _progress(step: int, seconds: float, psnr: float, budget: Budget) -> float:
    """How much of the budget is used, from 0 to 1."""
    used = [0.0]
    if budget.steps is not None:
        used.append(step / budget.steps if budget.steps else 1.0)
    if budget.seconds is not None:
        used.append(seconds / budget.seconds if budget.seconds else 1.0)
    if budget.psnr is not None and psnr >= budget.psnr:
        return 1.0
    return min(max(used), 1.0)


def _rate(since: int, progress: float) -> float:
    """The factor of all rates, so many steps after Adam began with moments of 0.

    A short rise, then level, then half a cosine down to 0 (Loshchilov and Hutter, 2017, equation 5).
    """
    falling = max(progress - HELD, 0.0) / (1 - HELD)
    return min(1.0, (since + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * falling))


class Drawing:
    """The kernels of `render`, called for one image, its residual and the gradients of its squared error."""

    def __init__(self, target: Target, rules: Rules) -> None:
        from gaussgrad.ops.render import cpu

        self.kernels, self.target, self.rules = cpu, target, rules
        self.options: dict[str, Any] = {
            "size": target.image.shape[1:],
            "amplitude": "peak",
            "compose": "sum",
            "pixel": "point",
            "tolerance": rules.tolerance,
            "form": "cholesky",
        }
        self.known = float(target.mask.sum(dtype=np.float64)) * len(target.image)
        self.wanted = np.ascontiguousarray(_wanted(target)).reshape(1, len(target.image), -1)

    def compile(self, particles: Particles) -> None:
        """Call every kernel as the descent will, moving nothing: no time that is planned shall go into compiling."""
        residual, _ = self.residual(particles)
        self._mover(particles, residual, 0.0)(0, 0)

    def residual(self, particles: Particles) -> tuple[np.ndarray, float]:
        """What is drawn less what is wanted (1, c, pixels), 0 where nothing is known, and the PSNR in dB."""
        arrays = (array[None] for array in particles.arrays)
        image, _ = self.kernels.forward(*arrays, threads=self.rules.threads, **self.options)
        np.subtract(image, self.wanted, out=image)
        if self.target.has_gaps:
            image *= self.target.mask.reshape(1, 1, -1)
        flat = image.reshape(-1)
        error = float(np.dot(flat, flat)) / max(self.known, 1.0)
        return image, -10 * math.log10(error) if error > 0 else math.inf

    def step(self, particles: Particles, residual: np.ndarray, rate: float) -> None:
        """One step of Adam; the residual is half the gradient of the squared error."""
        task = self._mover(particles, residual, rate)
        seconds = particles.moments[0].size * SECONDS_PER_NUMBER
        parallel.run(task, particles.count, self.rules.threads, seconds)

    def _mover(self, particles: Particles, residual: np.ndarray, rate: float) -> Callable[[int, int], None]:
        """What moves a range of the Gaussians."""
        from gaussgrad.fitting.photographs.natural import move

        arrays, count = particles.arrays, particles.count
        batched = (array[None] for array in arrays)
        gradients = self.kernels.backward(residual, (), *batched, threads=self.rules.threads, **self.options)
        gradients = tuple(gradient[0] for gradient in gradients)
        moments = tuple(moment[:count] for moment in particles.moments)
        rates = tuple(rate * each for each in RATES)
        narrowest, least_weight = self.rules.narrowest, self.rules.least_weight
        bounds = (narrowest, max(WIDEST * max(self.options["size"]), narrowest), least_weight)

        def task(start: int, stop: int) -> None:
            move(start, stop, arrays, gradients, moments, particles.ages[:count], rates, DECAYS, bounds)

        return task
