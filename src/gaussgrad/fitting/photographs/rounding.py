"""Gaussians whose numbers become whole steps one after the other, while the others make up for it."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gaussgrad.files import compact
from gaussgrad.fitting.photographs.descent import Drawing, Rules, Target
from gaussgrad.fitting.photographs.moments import Moment, Rounding, State
from gaussgrad.fitting.photographs.particles import Memory, Particles, at_rest
from gaussgrad.fitting.photographs.start import Arrays

STEPS = 200  # of descent; more gain a tenth of a dB at most
RATE = 0.3  # of the rates of the descent before, at first
WARM_UP = 5  # steps
MARGIN = 8.0  # dB of the rounding below the error of the fit, before the others make up for two thirds of it


def begin(arrays: Arrays, steps: compact.Steps, unrounded: Moment, background: np.ndarray) -> Rounding:
    """Where rounding begins: the Gaussians at rest, those first that change the image most."""
    means, factors, weights = arrays
    energy = np.einsum("nc,nc,n,n->n", weights, weights, factors[:, 0], factors[:, 2], dtype=np.float64)
    order = np.argsort(-energy, kind="stable")
    memory = at_rest((len(means),), weights.shape[1])
    return Rounding(
        unrounded, (means[order], factors[order], weights[order]), memory, background, unrounded=unrounded, steps=steps
    )


def settle(
    target: Target, since: Rounding, rules: Rules, callback: Callable[[Moment, Callable[[], State]], None] | None
) -> tuple[Arrays, Moment]:
    """Means, factors and weights rounded to steps, and how good they are.

    Each step of the descent moves the Gaussians that are left, and rounds a few of them for good, those with the most
    energy first.
    """
    n, moment = len(since.memory.ages), since.moment
    particles, draw = Particles(1, n, len(since.background)), Drawing([target], rules)
    particles.put(0, since.gaussians, since.memory)

    def now() -> State:
        return replace(since, moment=moment, gaussians=particles.of(0), memory=particles.memory_of(0))

    first, began = since.unrounded.step, time.perf_counter() - since.moment.seconds
    for step in range(since.moment.step - first, STEPS + 1):
        residual, psnr = draw.residual(particles)
        moment = replace(moment, step=first + step, seconds=time.perf_counter() - began, psnr=float(psnr[0]))
        if callback is not None:
            callback(moment, now)
        if step < STEPS:
            fixed, next_fixed = n * step // STEPS, n * (step + 1) // STEPS
            draw.step(_rest(particles, fixed), residual, _rate(step))
            _round(particles, fixed, next_fixed, since.steps)
    return particles.of(0), moment


def _round(particles: Particles, start: int, stop: int, steps: compact.Steps) -> None:
    """Round the Gaussians [start, stop)."""
    held = compact.Unpacked(*(array[start:stop].astype(np.float64) for array in particles.of(0)))
    for array, numbers in zip(particles.of(0), compact.rounded(held, steps), strict=True):
        array[start:stop] = numbers


def _rest(particles: Particles, start: int) -> Particles:
    """The Gaussians from `start` on, in the same memory."""
    rest = copy.copy(particles)
    rest.counts = particles.counts - start
    means, factors, weights = (array[:, start:] for array in particles.gaussians)
    rest.gaussians, rest.memory = (means, factors, weights), Memory(*(array[:, start:] for array in particles.memory))
    return rest


def _rate(step: int) -> float:
    return RATE * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / STEPS))
