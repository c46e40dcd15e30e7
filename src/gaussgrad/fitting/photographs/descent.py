"""Down the squared error to one image, with Gaussians added on the way where the error is."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gaussgrad import parallel
from gaussgrad.fitting.photographs.start import Arrays, by_error, by_structure
from gaussgrad.picture import Picture

DECAYS = (0.85, 0.95)  # of Adam's moments: the gradient is of the whole image, and has no noise to average out
RATES = (0.2, 0.1, 0.02)  # of means and factors in each Gaussian's own widths, of weights in the range of the data
WARM_UP = 20  # steps
FIRST_SHARE = 0.5  # of the Gaussians are there from the beginning
GROWN = (0.1, 0.2, 0.3, 0.4)  # how far the descent is when the others come
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


class Particles:
    """The arrays of at most n Gaussians, of which `count` are there: means, factors, weights and Adam's moments."""

    def __init__(self, n: int, channels: int) -> None:
        self.count = 0
        self.means, self.factors, self.weights = (np.zeros((n, k), np.float32) for k in (2, 3, channels))
        self.moments = np.zeros((2, n, 5 + channels), np.float32)
        self.ages = np.zeros(n, np.int32)

    def add(self, means: np.ndarray, factors: np.ndarray, weights: np.ndarray) -> None:
        """Let in more Gaussians, at rest."""
        new = slice(self.count, self.count + len(means))
        self.means[new], self.factors[new], self.weights[new] = means, factors, weights
        self.moments[:, new], self.ages[new] = 0, 0
        self.count = new.stop

    @property
    def arrays(self) -> Arrays:
        """Means (count, 2), factors (count, 3) and weights (count, c), not copied."""
        return self.means[: self.count], self.factors[: self.count], self.weights[: self.count]


def descend(
    target: Target,
    n: int,
    start: Arrays | None,
    budget: Budget,
    rules: Rules,
    callback: Callable[[Moment, Arrays], None] | None,
    used: tuple[int, float] = (0, 0.0),
) -> tuple[Arrays, list[Moment]]:
    """Means, factors and weights of n Gaussians, and how it went.

    The callback gets the arrays that go on changing. `used` are steps and seconds of the budget that the start took.
    """
    generator, history = np.random.default_rng(rules.seed), list[Moment]()
    particles = Particles(n, len(target.image))
    stages = GROWN if budget.steps is None or budget.steps >= LEAST_TO_GROW else ()
    if start is None:
        particles.add(*by_structure(_wanted(target), target.mask, _due(0.0, n, stages), generator))
    else:
        particles.add(*start)
    draw = Drawing(target, rules)
    draw.compile(particles)
    first, began = used[0], time.perf_counter() - used[1]
    step = first
    while True:
        residual, psnr = draw.residual(particles)
        seconds = time.perf_counter() - began
        moment = Moment(step, seconds, particles.count, psnr, _progress(step, seconds, psnr, budget))
        if step % CHECKED == 0:
            history.append(moment)
        if callback is not None:
            callback(moment, particles.arrays)
        if moment.progress >= 1:
            break
        missing = _due(moment.progress, n, stages) - particles.count
        if missing > 0:
            particles.add(*by_error(residual.reshape(target.image.shape), missing, n, generator))
            continue
        draw.step(particles, residual, _rate(step - first, moment.progress))
        step += 1
    if history[-1:] != [moment]:
        history.append(moment)
    return particles.arrays, history


def _wanted(target: Target) -> np.ndarray:
    """What the Gaussians together shall be."""
    return target.image - target.background[:, None, None]


def _due(progress: float, n: int, stages: Sequence[float]) -> int:
    """How many Gaussians there shall be; all from the beginning where there are no stages."""
    if not stages:
        return n
    first = math.ceil(FIRST_SHARE * n)
    return first + round((n - first) * sum(progress >= stage for stage in stages) / len(stages))


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

    A short rise, then half a cosine down to 0 (Loshchilov and Hutter, 2017, equation 5).
    """
    return min(1.0, (since + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))


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
