"""What the forward and the backward kernel share: pairs of points and components (docs/mixtures.md, M2 to M4)."""

from typing import Any, NamedTuple

import triton
import triton.language as tl


class Mixture(NamedTuple):
    """Points and the components of each, or the gradients of them."""

    points: Any  # (b, 2)
    logits: Any  # (b, k)
    means: Any  # (b, k, 2)
    log_stddevs: Any  # (b, k, 2)
    atanh_correlations: Any  # (b, k)


class Standardized(NamedTuple):
    """Offsets in standard deviations, and the numbers of equations M3 and M4."""

    inverse_x: Any  # 1 / sigma_x
    inverse_y: Any
    o_x: Any
    o_y: Any
    d: Any
    size: Any  # |a|
    sign: Any  # 1 or -1
    small: Any  # e^-|a|
    steepness: Any  # 1 / q
    log_x: Any
    log_y: Any


@triton.jit
def places(start, p, k, batch, COMPONENTS: tl.constexpr):
    """Where the components from `start` on of the points p stand, (points, COMPONENTS), and whether they exist."""
    component = start + tl.arange(0, COMPONENTS)
    inside = (p < batch)[:, None] & (component < k)[None, :]
    return p[:, None] * k + component[None, :], inside


@triton.jit
def exp_or_zero(x, lowest):
    """e**x for x <= 0, -infinity included."""
    return tl.where(x > lowest, tl.exp(tl.where(x > lowest, x, 0.0)), 0.0)


@triton.jit
def largest_logit(logits, p, k, batch, COMPONENTS: tl.constexpr):
    """The largest logit of each point."""
    top = tl.full(p.shape, float("-inf"), logits.dtype.element_ty)
    for start in range(0, k, COMPONENTS):
        at, inside = places(start, p, k, batch, COMPONENTS)
        top = tl.maximum(top, tl.max(tl.load(logits + at, mask=inside, other=float("-inf")), 1))
    return top


@triton.jit
def standardize(x, y, mixture, at, inside):
    """Points (points, 1) beside their components."""
    log_x = tl.load(mixture.log_stddevs + 2 * at, mask=inside, other=0.0)
    log_y = tl.load(mixture.log_stddevs + 2 * at + 1, mask=inside, other=0.0)
    a = tl.load(mixture.atanh_correlations + at, mask=inside, other=0.0)
    inverse_x, inverse_y = tl.exp(-log_x), tl.exp(-log_y)
    o_x = (x - tl.load(mixture.means + 2 * at, mask=inside, other=0.0)) * inverse_x
    o_y = (y - tl.load(mixture.means + 2 * at + 1, mask=inside, other=0.0)) * inverse_y
    size = tl.abs(a)
    sign = tl.where(a < 0.0, -1.0, 1.0).to(a.dtype)
    small = tl.exp(-size)
    steepness = (small + tl.exp(size)) * 0.5
    d = (o_y - sign * o_x) * steepness + sign * small * o_x
    return Standardized(inverse_x, inverse_y, o_x, o_y, d, size, sign, small, steepness, log_x, log_y)


@triton.jit
def joint_exponent(logit, s):
    """The logit and the log density of a component, but for log((1 + e^-2|a|) / 4 pi); M2 and M4."""
    return logit + (s.size - s.log_x - s.log_y - (s.o_x * s.o_x + s.d * s.d) * 0.5)
