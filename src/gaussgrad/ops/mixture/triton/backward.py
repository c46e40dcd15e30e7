"""The backward kernel: the gradients of a block of points and their components, whose terms are computed again."""

import triton
import triton.language as tl

from gaussgrad.ops.mixture.triton.pairs import exp_or_zero, joint_exponent, places, standardize


@triton.jit
def put(array, at, value, counts, invalid, inside):
    """Write the gradients of pairs; 0 where a component has no share, even where it overflows, and NaN if invalid."""
    value = tl.where(invalid, float("nan"), tl.where(counts, value, 0.0))
    tl.store(array + at, value, mask=inside)


@triton.jit
def unmix(mixture, gradients, grad, kept, batch, k, lowest, POINTS: tl.constexpr, COMPONENTS: tl.constexpr):
    """The gradients of POINTS points and of their components, each with its one owner; equations M5 and M7."""
    kind: tl.constexpr = grad.dtype.element_ty
    p = tl.program_id(0).to(tl.int64) * POINTS + tl.arange(0, POINTS)
    known = p < batch
    lowest = tl.cast(lowest, kind)
    x = tl.load(mixture.points + 2 * p, mask=known, other=0.0)[:, None]
    y = tl.load(mixture.points + 2 * p + 1, mask=known, other=0.0)[:, None]
    top = tl.load(kept + 4 * p, mask=known, other=0.0)[:, None]
    weights = tl.load(kept + 4 * p + 1, mask=known, other=1.0)
    peak = tl.load(kept + 4 * p + 2, mask=known, other=0.0)[:, None]
    joints = tl.load(kept + 4 * p + 3, mask=known, other=1.0)
    above = tl.load(grad + p, mask=known, other=0.0)
    invalid = (weights != weights)[:, None]
    over_joints = (above / tl.where(joints > 0.0, joints, 1.0))[:, None]  # without joints there is no share
    over_weights = (above / weights)[:, None]
    to_x, to_y = tl.zeros((POINTS,), kind), tl.zeros((POINTS,), kind)
    for start in range(0, k, COMPONENTS):
        at, inside = places(start, p, k, batch, COMPONENTS)
        s = standardize(x, y, mixture, at, inside)
        square = s.small * s.small
        inverse = 1.0 / (1.0 + square)
        correlation, q = s.sign * (1.0 - square) * inverse, (s.small + s.small) * inverse
        along_y = s.d * s.steepness
        along_x = s.o_x - correlation * along_y
        logit = tl.load(mixture.logits + at, mask=inside, other=float("-inf")) - top
        term = exp_or_zero(joint_exponent(logit, s) - peak, lowest)
        term += term * square
        counts = term > 0.0
        share = tl.where(counts, term * over_joints, 0.0)
        mean_x, mean_y = share * along_x * s.inverse_x, share * along_y * s.inverse_y
        to_x -= tl.sum(tl.where(counts, mean_x, 0.0), 1)
        to_y -= tl.sum(tl.where(counts, mean_y, 0.0), 1)
        put(gradients.logits, at, share - exp_or_zero(logit, lowest) * over_weights, True, invalid, inside)
        put(gradients.means, 2 * at, mean_x, counts, invalid, inside)
        put(gradients.means, 2 * at + 1, mean_y, counts, invalid, inside)
        put(gradients.log_stddevs, 2 * at, share * (s.o_x * along_x - 1.0), counts, invalid, inside)
        put(gradients.log_stddevs, 2 * at + 1, share * (s.o_y * along_y - 1.0), counts, invalid, inside)
        turn = share * (s.o_x * s.d * q + correlation * (1.0 - s.d * s.d))
        put(gradients.atanh_correlations, at, turn, counts, invalid, inside)
    tl.store(gradients.points + 2 * p, tl.where(weights != weights, float("nan"), to_x), mask=known)
    tl.store(gradients.points + 2 * p + 1, tl.where(weights != weights, float("nan"), to_y), mask=known)
