"""What kernels are told, in records: NamedTuples, which Numba takes apart where it compiles.

Entry kernels take plain tuples in their place and name their fields at once: in a call from Python, Numba takes a tenth
of a microsecond to know the type of a tuple, and seven times as long for a NamedTuple.
"""

from typing import Any, NamedTuple

from gaussgrad import simd


class Mixture(NamedTuple):
    """Points and the components of each, or the gradients of them: arrays, or pointers to them."""

    points: Any  # (b, 2)
    logits: Any  # (b, k)
    means: Any  # (b, k, 2)
    log_stddevs: Any  # (b, k, 2)
    atanh_correlations: Any  # (b, k)


class Points(NamedTuple):
    """Numbers of each point of a block."""

    x: Any
    y: Any
    top: Any  # the largest logit
    peak: Any  # the largest joint exponent, relative to it


class Shares(NamedTuple):
    """The gradient to each point of a block, over the sum of its joint terms, and over that of its weights."""

    of_joints: Any
    of_weights: Any


class Pairs(NamedTuple):
    """Numbers of each pair of a block."""

    joint: Any  # the joint exponent, then the joint term
    square: Any  # e^-2|a|
    weight: Any


@simd.inlined
def addresses(mixture):
    """Pointers to the arrays of a mixture."""
    return Mixture(
        simd.address(mixture.points),
        simd.address(mixture.logits),
        simd.address(mixture.means),
        simd.address(mixture.log_stddevs),
        simd.address(mixture.atanh_correlations),
    )
