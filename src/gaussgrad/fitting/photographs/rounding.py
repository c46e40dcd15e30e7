"""Gaussians whose numbers become whole steps one after the other, while the others make up for it."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gaussgrad.files import compact
from gaussgrad.fitting.photographs.descent import Drawing, Moment, Rules, Target
from gaussgrad.fitting.photographs.particles import Memory, Particles
from gaussgrad.fitting.photographs.start import Arrays

STEPS = 200  # of descent; more gain a tenth of a dB at most
RATE = 0.3  # of the rates of the descent before, at first
WARM_UP = 5  # steps
MARGIN = 8.0  # dB of the rounding below the error of the fit, before the others make up for two thirds of it


def settle(
    target: Target,
    arrays: Arrays,
    steps: compact.Steps,
    rules: Rules,
    since: Moment,
    callback: Callable[[Moment, Arrays], None] | None,
) -> tuple[Arrays, Moment]:
    """Means, factors and weights rounded to steps, and how good they are.

    Each step of the descent rounds a few Gaussians for good, those with the most energy first, and moves those that
    are left.
    """
    particles = _by_energy(arrays)
    draw, began, n = Drawing([target], rules), time.perf_counter() - since.seconds, particles.count
    for step in range(STEPS + 1):
        fixed = n * step // STEPS
        _round(particles, n * max(step - 1, 0) // STEPS, fixed, steps)
        residual, psnr = draw.residual(particles)
        moment = replace(since, step=since.step + step, seconds=time.perf_counter() - began, psnr=float(psnr[0]))
        if callback is not None:
            callback(moment, particles.of(0))
        if fixed < n:
            draw.step(_rest(particles, fixed), residual, _rate(step))
    return particles.of(0), moment


def _by_energy(arrays: Arrays) -> Particles:
    """The Gaussians at rest, those first that change the image most."""
    means, factors, weights = arrays
    energy = np.einsum("nc,nc,n,n->n", weights, weights, factors[:, 0], factors[:, 2], dtype=np.float64)
    order = np.argsort(-energy, kind="stable")
    particles = Particles(1, len(means), weights.shape[1])
    particles.add(0, (means[order], factors[order], weights[order]))
    return particles


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
