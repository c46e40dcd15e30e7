"""The forward kernel: one pass over the components of a block of points, after one over their logits."""

import math

import triton
import triton.language as tl

from gaussgrad.ops.mixture.triton.pairs import exp_or_zero, joint_exponent, largest_logit, places, standardize

LOG_FOUR_PI = tl.constexpr(math.log(4 * math.pi))


@triton.jit
def is_valid(x, y, logit, mixture, at, inside, limit):
    """Whether each pair holds finite numbers within range; a logit relative to the largest is NaN where none is."""
    infinity = float("inf")
    mean_x = tl.load(mixture.means + 2 * at, mask=inside, other=0.0)
    mean_y = tl.load(mixture.means + 2 * at + 1, mask=inside, other=0.0)
    log_x = tl.load(mixture.log_stddevs + 2 * at, mask=inside, other=0.0)
    log_y = tl.load(mixture.log_stddevs + 2 * at + 1, mask=inside, other=0.0)
    a = tl.load(mixture.atanh_correlations + at, mask=inside, other=0.0)
    fine = (tl.abs(x) < infinity) & (tl.abs(y) < infinity) & (logit == logit)
    fine = fine & (tl.abs(mean_x) < infinity) & (tl.abs(mean_y) < infinity)
    return (fine & (tl.abs(log_x) < limit) & (tl.abs(log_y) < limit) & (tl.abs(a) < limit)) | (inside == 0)


@triton.jit
def mix(mixture, out, kept, batch, k, lowest, POINTS: tl.constexpr, COMPONENTS: tl.constexpr):
    """The log densities of POINTS points (equation M6); NaN where a value is not valid.

    `kept` (b, 4) gets what the backward pass needs of each point: its largest logit, the sum of the weights relative to
    that, the largest joint exponent, relative to it too, and the sum of the joint terms, relative to both.
    """
    kind: tl.constexpr = out.dtype.element_ty
    p = tl.program_id(0).to(tl.int64) * POINTS + tl.arange(0, POINTS)
    known = p < batch
    x = tl.load(mixture.points + 2 * p, mask=known, other=0.0)[:, None]
    y = tl.load(mixture.points + 2 * p + 1, mask=known, other=0.0)[:, None]
    top = largest_logit(mixture.logits, p, k, batch, COMPONENTS)
    lowest = tl.cast(lowest, kind)
    none = float("-inf")
    weights, joints = tl.zeros((POINTS,), kind), tl.zeros((POINTS,), kind)
    peak = tl.full((POINTS,), none, kind)
    faults = tl.zeros((POINTS,), tl.int32)
    for start in range(0, k, COMPONENTS):
        at, inside = places(start, p, k, batch, COMPONENTS)
        s = standardize(x, y, mixture, at, inside)
        logit = tl.load(mixture.logits + at, mask=inside, other=none) - top[:, None]
        fine = is_valid(x, y, logit, mixture, at, inside, -lowest)
        faults += tl.sum(tl.where(fine, 0, 1), 1)
        logit = tl.where(inside, logit, none)
        exponent = joint_exponent(logit, s)
        higher = tl.maximum(peak, tl.max(tl.where(exponent == exponent, exponent, none), 1))
        stable = tl.where(higher > none, higher, 0.0)  # all terms are then 0, none NaN
        term = exp_or_zero(exponent - stable[:, None], lowest)
        weights += tl.sum(exp_or_zero(logit, lowest), 1)
        joints = joints * exp_or_zero(peak - stable, lowest) + tl.sum(term + term * s.small * s.small, 1)
        peak = higher
    peak = tl.where(peak > none, peak, 0.0)
    value = peak + (tl.log(tl.where(joints > 0.0, joints, 1.0)) - tl.log(weights) - LOG_FOUR_PI)
    value = tl.where(joints > 0.0, value, none)
    nothing = float("nan")
    tl.store(out + p, tl.where(faults == 0, value, nothing), mask=known)
    tl.store(kept + 4 * p, tl.where(faults == 0, top, nothing), mask=known)
    tl.store(kept + 4 * p + 1, tl.where(faults == 0, weights, nothing), mask=known)
    tl.store(kept + 4 * p + 2, tl.where(faults == 0, peak, nothing), mask=known)
    tl.store(kept + 4 * p + 3, tl.where(faults == 0, joints, nothing), mask=known)
