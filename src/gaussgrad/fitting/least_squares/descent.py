"""Levenberg-Marquardt on the Gaussians of single images: few steps, each as far as the normal equations trust it."""

import math

import numpy as np

from gaussgrad import simd
from gaussgrad.fitting.least_squares.equations import (
    FIRST_WEIGHT,
    SLOTS,
    Equations,
    Gaussians,
    Line,
    normal_equations,
)

LARGEST_SLANT = 8.0  # of a factor's off-diagonal entry, in its last one: correlations to 0.992
LONGEST_STEP = 1.0  # of a mean, in its widths
LARGEST_GROWTH = 0.7  # of the logarithm of a width in one step
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1.0, 1e-4, 1e8
RELAXED, TIGHTENED = 0.5, 3.0  # factors on the damping after a step that helped, and after one that did not
RIDGE = 1e-3  # of the mean diagonal, added to each: holds what no pixel sees


@simd.inner
def _solve(matrix, right, free, damping, system, step):
    """Solve for the free numbers of all Gaussians with a damped diagonal; False where the system is singular."""
    n = matrix.shape[0]
    k = len(free)
    size = n * k
    system_ = simd.address(system)
    order = simd.iota(system_)
    ridge = np.float64(0)
    for i in range(n):
        for r in range(k):
            ridge += matrix[i, i, free[r], free[r]]
    ridge = RIDGE * ridge / size + 1e-30
    for i in range(n):
        for r in range(k):
            row = system[i * k + r]
            for j in range(i, n):
                for s in range(k):
                    row[j * k + s] = matrix[j, i, free[s], free[r]]
            row[i * k + r] += damping * (row[i * k + r] + ridge)
            step[i * k + r] = right[i, free[r]]
    for i in range(size):  # Cholesky, U^T U, and U^T solved on the way
        pivot = system[i, i]
        if not pivot > 0:
            return False
        scale = 1 / math.sqrt(pivot)
        for j in range(i, size):
            system[i, j] *= scale
        step[i] *= scale
        for j in range(i + 1, size):
            value = system[i, j]
            if value != 0:
                step[j] -= value * step[i]
                factor = simd.splat(-value, order)
                for m in range(j, size, simd.lanes_of(system_)):
                    left = size - m
                    old = simd.load(system_, j * size + m, left, order)
                    new = simd.fused(factor, simd.load(system_, i * size + m, left, order), old)
                    simd.store(system_, j * size + m, left, new)
    for i in range(size - 1, -1, -1):
        step[i] /= system[i, i]
        for j in range(i):
            step[j] -= system[j, i] * step[i]
    return True


@simd.inner
def _move(gaussians, free, step, limits, moved):
    """Apply a step in the coordinates of each Gaussian, within the bounds."""
    means, factors, weights = gaussians
    new_means, new_factors, new_weights = moved
    n = len(means)
    k = len(free)
    narrowest, lightest, heaviest = limits
    full = np.zeros(SLOTS)
    for i in range(n):
        full[:] = 0
        for r in range(k):
            full[free[r]] = step[i * k + r]
        a, b, c = factors[i]
        u = min(max(full[0], -LONGEST_STEP), LONGEST_STEP)
        v = min(max(full[1], -LONGEST_STEP), LONGEST_STEP)
        new_means[i, 0] = means[i, 0] + a * u
        new_means[i, 1] = means[i, 1] + b * u + c * v
        wider = math.exp(min(max(full[2], -LARGEST_GROWTH), LARGEST_GROWTH))
        higher = math.exp(min(max(full[4], -LARGEST_GROWTH), LARGEST_GROWTH))
        new_factors[i, 0] = max(a * wider, min(a, narrowest))
        new_factors[i, 2] = max(c * higher, min(c, narrowest))
        slant = max(LARGEST_SLANT * new_factors[i, 2], abs(b))
        lean = min(max(full[3], -1.0), 1.0)
        new_factors[i, 1] = min(max(b * wider + c * lean, -slant), slant)
        for channel in range(weights.shape[1]):
            weight = weights[i, channel]
            new_weight = weight + full[FIRST_WEIGHT + channel]
            new_weights[i, channel] = min(max(new_weight, min(weight, lightest)), max(weight, heaviest))


@simd.kernel
def descend_images(start, stop, targets, background, gaussians, free, mode, tolerance, cut, limits, steps):
    """Improve the Gaussians of images [start, stop) in place; shapes as in `descend`. `gaussians` holds the fields.

    `limits` are the least diagonal entry of a factor, the least and the largest weight.
    """
    means, factors, weights = gaussians
    n, width = means.shape[1], targets.shape[3]
    kind = targets.dtype
    matrices, rights = np.empty((2, n, n, SLOTS, SLOTS), kind), np.empty((2, n, SLOTS), kind)
    spans, profiles = np.empty((n, 2), np.int64), np.empty((n, 4, width), kind)
    line = Line(spans, profiles, np.empty((n, width, SLOTS), kind), np.empty(width, kind))
    size = n * len(free)
    system, step = np.empty((size, size), kind), np.empty(size, kind)
    moved = Gaussians(np.empty((n, 2), kind), np.empty((n, 3), kind), np.empty_like(weights[0]))
    for image in range(start, stop):
        kept = 0
        target, old = targets[image], Gaussians(means[image], factors[image], weights[image])
        equations = Equations(matrices[kept], rights[kept])
        loss = normal_equations(target, background, old, mode, tolerance, cut, equations, line)
        damping = FIRST_DAMPING
        for _ in range(steps):
            better = False
            if _solve(matrices[kept], rights[kept], free, damping, system, step):
                _move(old, free, step, limits, moved)
                equations = Equations(matrices[1 - kept], rights[1 - kept])
                new_loss = normal_equations(target, background, moved, mode, tolerance, cut, equations, line)
                better = new_loss < loss
            if better:
                means[image], factors[image], weights[image] = moved.means, moved.factors, moved.weights
                kept, loss = 1 - kept, new_loss
                damping = max(damping * RELAXED, LEAST_DAMPING)
            else:
                damping = min(damping * TIGHTENED, MOST_DAMPING)
