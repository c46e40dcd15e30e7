"""The kernels of mixtures for GPUs: tensors in, tensors out, a program for each block of points.

What is not valid gives NaN at its point, and in the gradients of its point and components.
"""

from typing import Any, NamedTuple

import torch
import triton

from gaussgrad.launching import on_tensors
from gaussgrad.ops.mixture.triton.backward import unmix
from gaussgrad.ops.mixture.triton.forward import mix
from gaussgrad.ops.mixture.triton.pairs import Mixture

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

PAIRS = {torch.float32: 512, torch.float64: 256}  # of points and components, that a program holds in its registers
MOST_COMPONENTS = 64  # at a time
LOWEST = {torch.float32: -87.3, torch.float64: -708.3}  # exponents below these give no normal number

Tensor = torch.Tensor


class Blocks(NamedTuple):
    """How many points and components a program takes at a time, both powers of two."""

    points: int
    components: int

    @property
    def constants(self) -> dict[str, int]:
        return {"POINTS": self.points, "COMPONENTS": self.components}


def _blocks(logits: Tensor) -> Blocks:
    components = logits.shape[1]
    at_once = min(MOST_COMPONENTS, triton.next_power_of_2(max(1, components)))
    return Blocks(PAIRS[logits.dtype] // at_once, at_once)


@on_tensors
def forward(
    points: Tensor,
    logits: Tensor,
    means: Tensor,
    log_stddevs: Tensor,
    atanh_correlations: Tensor,
    *,
    threads: int,
) -> tuple[Tensor, tuple[Tensor]]:
    """The log densities (b, 1); saved: the largest terms and the sums of each point (b, 4), see `mix`."""
    batch, k = logits.shape
    out, kept = points.new_empty((batch, 1)), points.new_empty((batch, 4))
    blocks, lowest = _blocks(logits), LOWEST[points.dtype]
    mixture = Mixture(points, logits, means, log_stddevs, atanh_correlations)
    mix[(triton.cdiv(batch, blocks.points),)](mixture, out, kept, batch, k, lowest, **blocks.constants)
    return out, (kept,)


@on_tensors
def valid(
    points: Tensor,
    logits: Tensor,
    means: Tensor,
    log_stddevs: Tensor,
    atanh_correlations: Tensor,
    *,
    threads: int = 1,
) -> bool:
    """Whether all values are finite (logits also -infinity, but not all of a point's) and within range.

    This waits for the device.
    """
    kept = forward(points, logits, means, log_stddevs, atanh_correlations, threads=threads)[1][0]
    return not bool(kept[:, 1].isnan().any())


@on_tensors
def forward_if_valid(*given: Tensor, threads: int) -> tuple[Tensor, tuple[Tensor]] | None:
    """The same as `forward`; None where a value is not valid, for which it waits."""
    out, saved = forward(*given, threads=threads)
    return None if bool(saved[0][:, 1].isnan().any()) else (out, saved)


@on_tensors
def backward(
    grad: Tensor,
    saved: tuple[Tensor],
    points: Tensor,
    logits: Tensor,
    means: Tensor,
    log_stddevs: Tensor,
    atanh_correlations: Tensor,
    *,
    threads: int,
) -> tuple[Any, ...]:
    """The gradients of points, logits, means, log stddevs and atanh correlations."""
    batch, k = logits.shape
    mixture = Mixture(points, logits, means, log_stddevs, atanh_correlations)
    gradients = Mixture(*map(torch.empty_like, mixture))
    blocks, lowest = _blocks(logits), LOWEST[points.dtype]
    unmix[(triton.cdiv(batch, blocks.points),)](
        mixture, gradients, grad, saved[0], batch, k, lowest, **blocks.constants
    )
    return tuple(gradients)
