"""Down the squared error to images, with Gaussians added on the way where the error is."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gaussgrad import parallel
from gaussgrad.fitting.photographs.moments import UNUSED, Descending, Moment, State
from gaussgrad.fitting.photographs.particles import Memory, Particles
from gaussgrad.fitting.photographs.search import Trial
from gaussgrad.fitting.photographs.start import Arrays, by_error, by_structure

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


class Descent(NamedTuple):
    """Where a descent ended, and the way there: every ten steps and the last."""

    arrays: Arrays
    history: list[Moment]


def descend(
    targets: Sequence[Target],
    n: int,
    budget: Budget,
    rules: Rules,
    callback: Callable[[Moment, Callable[[], State]], None] | None,
    since: Descending | None = None,
    tried: tuple[Trial, ...] = (),
) -> list[Descent]:
    """Of each image, means, factors and weights of n Gaussians, and how it went; images have one size.

    The callback gets a moment whose PSNR is the mean, and what gives the state of the first image, whose arrays go on
    changing. The descent ends early where every image has the PSNR of the budget. With `since`, of the only image, it
    goes on from there: what was used then counts. The trials were before it.
    """
    particles, draw = Particles(len(targets), n, len(targets[0].image)), Drawing(targets, rules)
    history = list[tuple[Moment, np.ndarray]]()
    grow = [_Growth(target, n, budget, rules) for target in targets]
    if since is None:
        moment, begun = UNUSED, 0
        for i, each in enumerate(grow):
            particles.add(i, each.start())
    else:
        moment, begun = since.moment, since.begun
        particles.put(0, since.gaussians, since.memory)
        grow[0].stage, grow[0].generator = since.stage, since.drawing_on()

    def now() -> State:
        kept, first = (particles.of(0), particles.memory_of(0), targets[0].background), grow[0]
        return Descending(moment, *kept, begun, first.stage, first.generator.bit_generator.state)

    draw.compile(particles)
    step, began = moment.step, time.perf_counter() - moment.seconds
    while True:
        residual, psnr = draw.residual(particles)
        seconds = time.perf_counter() - began
        progress = _progress(step, seconds, float(psnr.min()), budget)
        moment = Moment(step, seconds, particles.count, float(psnr.mean()), progress, n, tried)
        if callback is not None:
            callback(moment, now)
        if step % CHECKED == 0 or progress >= 1:
            history.append((moment, psnr))
        if progress >= 1:
            break
        came = [each(particles, i, residual[i], progress) for i, each in enumerate(grow)]
        if any(came):
            continue
        draw.step(particles, residual, _rate(step - begun, progress))
        step += 1
    return [Descent(particles.of(i), _of(history, i)) for i in range(len(targets))]


def _of(history: list[tuple[Moment, np.ndarray]], image: int) -> list[Moment]:
    """The history of one image; of several moments at one step, the last."""
    steps = {moment.step: replace(moment, psnr=float(psnr[image])) for moment, psnr in history}
    return list(steps.values())


class _Growth:
    """Gaussians come in where the error is largest: new ones, and those that draw least begin anew there."""

    def __init__(self, target: Target, n: int, budget: Budget, rules: Rules) -> None:
        self.target, self.n, self.generator = target, n, np.random.default_rng(rules.seed)
        self.stages = STAGES if budget.steps is None or budget.steps >= LEAST_TO_GROW else ()
        self.stage: int | None = None  # the last one that was led through

    def start(self) -> Arrays:
        """Those that are there from the beginning."""
        return by_structure(_wanted(self.target), self.target.mask, self._due(0), self.generator)

    def __call__(self, particles: Particles, image: int, residual: np.ndarray, progress: float) -> bool:
        """Whether any came in, so far into the descent; the residual (c, pixels) is that of `Drawing`."""
        stage = sum(progress >= each for each in self.stages)
        missing = max(self._due(stage) - int(particles.counts[image]), 0)
        begun, self.stage = self.stage is not None and stage > self.stage, stage
        if not (missing or begun):
            return False
        leaving = particles.least(image, RENEWED if begun else 0.0, self.target.mask)
        coming = missing + len(leaving)
        if coming:
            error = residual.reshape(self.target.image.shape)
            particles.add(image, by_error(error, coming, self.n, self.generator), instead=leaving)
        return coming > 0

    def _due(self, stage: int) -> int:
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
    """The kernels of `render`, called for images of one size: residuals, and the gradients of their squared errors."""

    def __init__(self, targets: Sequence[Target], rules: Rules) -> None:
        from gaussgrad.ops.render import cpu

        channels, *size = targets[0].image.shape
        self.kernels, self.rules = cpu, rules
        self.options: dict[str, Any] = {
            "size": tuple(size),
            "amplitude": "peak",
            "compose": "sum",
            "pixel": "point",
            "tolerance": rules.tolerance,
            "form": "cholesky",
        }
        self.wanted = np.stack([_wanted(target).reshape(channels, -1) for target in targets])
        masks = np.stack([target.mask.reshape(1, -1) for target in targets])
        self.mask = masks if any(target.has_gaps for target in targets) else None
        self.known = np.maximum(masks.sum(axis=(1, 2), dtype=np.float64) * channels, 1.0)

    def compile(self, particles: Particles) -> None:
        """Call every kernel as the descent will, moving nothing: no time that is planned shall go into compiling."""
        residual, _ = self.residual(particles)
        self._mover(*particles.present, residual, 0.0)(0, 0)

    def residual(self, particles: Particles) -> tuple[np.ndarray, np.ndarray]:
        """What is drawn less what is wanted (b, c, pixels), 0 where nothing is known, and the PSNR (b,) in dB."""
        image, _ = self.kernels.forward(*particles.present[0], threads=self.rules.threads, **self.options)
        np.subtract(image, self.wanted, out=image)
        if self.mask is not None:
            image *= self.mask
        errors = np.array([np.dot(flat, flat) for flat in image.reshape(len(image), -1)], np.float64) / self.known
        with np.errstate(divide="ignore"):
            return image, -10 * np.log10(errors)

    def step(self, particles: Particles, residual: np.ndarray, rate: float) -> None:
        """One step of Adam; the residual is half the gradient of the squared error."""
        gaussians, memory = particles.present
        task = self._mover(gaussians, memory, residual, rate)
        parallel.run(task, memory.ages.size, self.rules.threads, memory.first.size * SECONDS_PER_NUMBER)
        particles.keep(gaussians, memory)

    def _mover(
        self, gaussians: Arrays, memory: Memory, residual: np.ndarray, rate: float
    ) -> Callable[[int, int], None]:
        """What moves a range of the Gaussians of all images, numbered through."""
        from gaussgrad.fitting.photographs.natural import move

        gradients = self.kernels.backward(residual, (), *gaussians, threads=self.rules.threads, **self.options)
        moving, slopes, moments = (
            tuple(array.reshape(-1, array.shape[-1]) for array in arrays)
            for arrays in (gaussians, gradients, (memory.first, memory.second))
        )
        ages = memory.ages.reshape(-1)
        rates = tuple(rate * each for each in RATES)
        narrowest, least_weight = self.rules.narrowest, self.rules.least_weight
        bounds = (narrowest, max(WIDEST * max(self.options["size"]), narrowest), least_weight)

        def task(start: int, stop: int) -> None:
            move(start, stop, moving, slopes, moments, ages, rates, DECAYS, bounds)

        return task
