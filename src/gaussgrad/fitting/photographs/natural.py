"""One step of Adam for each Gaussian in coordinates of its own widths: the kernel.

With L the Cholesky factor of a Gaussian, a step u moves its mean by L u, and its factor to L E, E lower triangular of
diagonal exp(p), exp(r) and q below. A step of 0.1 then is a tenth of the Gaussian's own width, along it and across it,
however long, narrow and slanted it is (docs/fitting.md).
"""

import math

import numpy as np

from gaussgrad import simd

SHAPE = 5  # numbers of mean and factor: along, across, p, q, r
LEAST = 1e-30  # of the root mean square of a gradient: what nothing pulls does not move
FURTHEST = 0.5  # that a shape moves in one step, in its own widths


@simd.inlined
def adam(gradient, first, second, k, i, decay_first, decay_second, age):
    """The direction of Adam (Kingma and Ba, 2015, algorithm 1) for the number k of Gaussian i."""
    first[i, k] += (1 - decay_first) * (gradient - first[i, k])
    second[i, k] += (1 - decay_second) * (gradient * gradient - second[i, k])
    mean = first[i, k] / (1 - decay_first**age)
    return mean / (math.sqrt(second[i, k] / (1 - decay_second**age)) + LEAST)


@simd.inlined
def bounded(value, bound):
    """The value within [-bound, bound]."""
    return min(max(value, -bound), bound)


@simd.inlined
def within(a, b, c, narrowest, widest):
    """The factor with its principal stddevs in [narrowest, widest].

    One that is too wide shrinks as a whole. One that is too narrow gets so much of the identity on its covariance.
    """
    trace, root = a * a + b * b + c * c, a * c  # of the covariance, and the root of its determinant
    larger = 0.5 * (trace + math.sqrt(max(trace * trace - 4 * root * root, 0.0)))
    if larger > widest * widest:
        less = widest / math.sqrt(larger)
        a, b, c, root, larger = a * less, b * less, c * less, root * less * less, widest * widest
    missing = narrowest * narrowest - root * root / larger
    if missing <= 0.0:
        return a, b, c
    new = math.sqrt(a * a + missing)
    slope = a * b / new
    return new, slope, math.sqrt(max(b * b + c * c + missing - slope * slope, missing))


@simd.kernel
def move(start, stop, gaussians, gradients, moments, ages, rates, decays, bounds):
    """Move the Gaussians [start, stop): `gaussians` and `gradients` are means (n, 2), factors (n, 3), weights (n, c).

    `moments` are the two of Adam, (n, 5 + c), and `ages` (n,) says how many steps each Gaussian has made. `rates` are
    those of means, factors and weights, `bounds` the least and the largest principal stddev, and the least weight.
    """
    means, factors, weights = gaussians
    to_means, to_factors, to_weights = gradients
    first, second = moments
    decay_first, decay_second = decays
    narrowest, widest, least_weight = bounds
    for i in range(start, stop):
        ages[i] += 1
        age = np.float64(ages[i])
        a, b, c = np.float64(factors[i, 0]), np.float64(factors[i, 1]), np.float64(factors[i, 2])
        gx, gy = np.float64(to_means[i, 0]), np.float64(to_means[i, 1])
        ga, gb, gc = np.float64(to_factors[i, 0]), np.float64(to_factors[i, 1]), np.float64(to_factors[i, 2])
        pulls = (a * gx + b * gy, c * gy, a * ga + b * gb, c * gb, c * gc)  # the gradient in these coordinates
        u = -rates[0] * adam(pulls[0], first, second, 0, i, decay_first, decay_second, age)
        v = -rates[0] * adam(pulls[1], first, second, 1, i, decay_first, decay_second, age)
        p = -rates[1] * adam(pulls[2], first, second, 2, i, decay_first, decay_second, age)
        q = -rates[1] * adam(pulls[3], first, second, 3, i, decay_first, decay_second, age)
        r = -rates[1] * adam(pulls[4], first, second, 4, i, decay_first, decay_second, age)
        u, v = bounded(u, FURTHEST), bounded(v, FURTHEST)
        p, q, r = bounded(p, FURTHEST), bounded(q, FURTHEST), bounded(r, FURTHEST)
        means[i, 0] += a * u
        means[i, 1] += b * u + c * v
        wider, higher = math.exp(p), math.exp(r)
        factor = within(a * wider, b * wider + c * q, c * higher, narrowest, widest)
        factors[i, 0], factors[i, 1], factors[i, 2] = factor
        for k in range(weights.shape[1]):
            pull = np.float64(to_weights[i, k])
            change = rates[2] * adam(pull, first, second, SHAPE + k, i, decay_first, decay_second, age)
            weights[i, k] = max(weights[i, k] - change, least_weight)
