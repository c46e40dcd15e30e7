"""Damped Gauss-Newton on many images at once: the kernels that propose a step for each, and keep it where it helped."""

import math

import numpy as np

from gaussgrad import simd
from gaussgrad.fitting.gauss_newton.equations import FIELDS, FREE, RIGHT, SHAPE, STEP, Memory, solve
from gaussgrad.fitting.gauss_newton.overlaps import BLOCK, NUMBERS, PROFILES, view

LARGEST_SLANT = 8.0  # of a factor's off-diagonal entry, in its last one: correlations to 0.992
LONGEST_STEP = 1.0  # of a mean, in its widths
LARGEST_GROWTH = 0.7  # of the logarithm of a width in one step
LEAST_DAMPING, MOST_DAMPING = 1e-4, 1e8
LEAST_RELAXED = 1 / 3  # the least factor on the damping after a step that helped
FAR = -1e6  # pixels: where nothing stands, in the places that pad a vector
MOST_NEIGHBOURS = 256  # of a Gaussian, in the mean, whose overlaps are kept


@simd.inner
def _remember(n, padded, channels, lanes, kind):
    """The memory of a thread."""
    most = n * (min(padded, max(MOST_NEIGHBOURS, lanes)) // lanes)
    plane = np.zeros(NUMBERS * padded, kind)
    for k in range(padded):
        plane[k], plane[padded + k] = FAR, FAR
        plane[2 * padded + k], plane[4 * padded + k] = 1, 1
    return Memory(
        plane,
        np.zeros(channels * padded, kind),
        np.zeros(channels * PROFILES * padded, kind),
        np.zeros(channels * PROFILES * padded, kind),
        np.zeros(FIELDS * (SHAPE + channels) * padded, kind),
        np.empty(n + 1, np.int64),
        np.empty(most, np.int64),
        np.empty(most * BLOCK * lanes, kind),
    )


@simd.inner
def _read(image, gaussians, gradients, free, size, padded, memory):
    """Put the Gaussians of an image and what pulls them into memory; what must not move is not pulled."""
    means, factors, weights = gaussians
    to_means, to_factors, to_weights = gradients
    plane, fields = memory.plane, memory.fields
    right, may_move = RIGHT * len(fields) // FIELDS, FREE * len(fields) // FIELDS
    height, width = size
    for i in range(means.shape[1]):
        a, b, c = factors[image, i, 0], factors[image, i, 1], factors[image, i, 2]
        gx, gy = to_means[image, i, 0], to_means[image, i, 1]
        ga, gb, gc = to_factors[image, i, 0], to_factors[image, i, 1], to_factors[image, i, 2]
        numbers = (means[image, i, 0], means[image, i, 1], a, b, c)
        pulls = (a * gx + b * gy, c * gy, a * ga + b * gb, c * gb, c * gc)
        for row in range(SHAPE):
            plane[row * padded + i] = numbers[row]
            fields[right + row * padded + i] = -pulls[row]
        plane[SHAPE * padded + i] = view(np.float64(a), np.float64(b), np.float64(c), height, width)
        for channel in range(weights.shape[2]):
            memory.weights[channel * padded + i] = weights[image, i, channel]
            fields[right + (SHAPE + channel) * padded + i] = -to_weights[image, i, channel]
        for row in range(len(free)):
            at = row * padded + i
            fields[may_move + at] = free[row]
            fields[right + at] *= free[row]


@simd.inner
def _move(image, gaussians, steps, limits, moved):
    """Apply a step in the coordinates of each Gaussian, within the bounds."""
    means, factors, weights = gaussians
    new_means, new_factors, new_weights = moved
    narrowest, lightest, heaviest = limits
    for i in range(means.shape[1]):
        a, b, c = np.float64(factors[image, i, 0]), np.float64(factors[image, i, 1]), np.float64(factors[image, i, 2])
        u = min(max(np.float64(steps[image, i, 0]), -LONGEST_STEP), LONGEST_STEP)
        v = min(max(np.float64(steps[image, i, 1]), -LONGEST_STEP), LONGEST_STEP)
        new_means[image, i, 0] = means[image, i, 0] + a * u
        new_means[image, i, 1] = means[image, i, 1] + b * u + c * v
        wider = math.exp(min(max(np.float64(steps[image, i, 2]), -LARGEST_GROWTH), LARGEST_GROWTH))
        lean = min(max(np.float64(steps[image, i, 3]), -1.0), 1.0)
        higher = math.exp(min(max(np.float64(steps[image, i, 4]), -LARGEST_GROWTH), LARGEST_GROWTH))
        new_a, new_c = max(a * wider, min(a, narrowest)), max(c * higher, min(c, narrowest))
        slant = max(LARGEST_SLANT * new_c, abs(b))
        new_factors[image, i, 0] = new_a
        new_factors[image, i, 1] = min(max(b * wider + c * lean, -slant), slant)
        new_factors[image, i, 2] = new_c
        for channel in range(weights.shape[2]):
            weight = np.float64(weights[image, i, channel])
            new = weight + steps[image, i, SHAPE + channel]
            new_weights[image, i, channel] = min(max(new, min(weight, lightest)), max(weight, heaviest))


@simd.kernel
def propose_images(start, stop, gaussians, gradients, dampings, free, size, limits, steps, moved, predicted):
    """Solve for a step of each image [start, stop), and apply it within the bounds.

    `gaussians` and `moved` are means (b, n, 2), factors (b, n, 3) and weights (b, n, c), and `gradients` those of half
    the squared error to them. `dampings` (b,); `free` (5 + c,) is 1 where a number may move, else 0; `size` is that of
    the frame, and `limits` are the least diagonal entry of a factor, the least and the largest weight. Steps
    (b, n, 5 + c) are along, across, p, q, r and the weights; `predicted` (b,) is how far each squared error falls, if
    the equations are right.
    """
    weights = gaussians[2]
    n, channels = weights.shape[1], weights.shape[2]
    lanes = simd.lanes_of(simd.address(weights))
    padded = (n + lanes - 1) // lanes * lanes
    memory = _remember(n, padded, channels, lanes, weights.dtype)
    found = STEP * (SHAPE + channels) * padded
    for image in range(start, stop):
        _read(image, gaussians, gradients, free, size, padded, memory)
        predicted[image] = solve(n, padded, dampings[image], memory)
        for i in range(n):
            for row in range(SHAPE + channels):
                steps[image, i, row] = memory.fields[found + row * padded + i]
        _move(image, gaussians, steps, limits, moved)


@simd.kernel
def judge_images(start, stop, drawn, targets, gaussians, moved, losses, predicted, dampings, tightenings, helped):
    """Keep what was moved in the images [start, stop) that it draws better, and damp the next step by how well it did.

    `drawn` (b, pixels) becomes what is drawn less the targets. `losses` (b,) are the squared errors that are kept, at
    first infinite, `tightenings` (b,) the factor on the damping of a step that does not help; `helped` (b,) is filled.
    Nielsen (1999), "Damping parameter in Marquardt's method".
    """
    pixels = drawn.shape[1]
    drawn_, targets_ = simd.address(drawn), simd.address(targets)
    order = simd.iota(drawn_)
    lanes = simd.lanes_of(drawn_)
    for image in range(start, stop):
        loss = 0.0
        for begin in range(0, pixels, 1024):  # sums in the dtype of the image, which go on in float64
            value = simd.zero(order)
            for k in range(begin, min(begin + 1024, pixels), lanes):
                at, count = image * pixels + k, pixels - k
                error = simd.load(drawn_, at, count, order) - simd.load(targets_, at, count, order)
                simd.store(drawn_, at, count, error)
                value = simd.fused(error, error, value)
            loss += np.float64(simd.total(value))
        helped[image] = loss < losses[image]
        if helped[image]:
            if losses[image] < math.inf:
                gain = 2 * (losses[image] - loss) / predicted[image] - 1
                dampings[image] = max(dampings[image] * max(LEAST_RELAXED, 1 - gain**3), LEAST_DAMPING)
            tightenings[image] = 2.0
            losses[image] = loss
            means, factors, weights = gaussians
            new_means, new_factors, new_weights = moved
            for i in range(means.shape[1]):
                means[image, i, 0], means[image, i, 1] = new_means[image, i, 0], new_means[image, i, 1]
                for entry in range(3):
                    factors[image, i, entry] = new_factors[image, i, entry]
                for channel in range(weights.shape[2]):
                    weights[image, i, channel] = new_weights[image, i, channel]
        else:
            dampings[image] = min(dampings[image] * tightenings[image], MOST_DAMPING)
            tightenings[image] *= 2
