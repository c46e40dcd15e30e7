"""The arrays of a histogram: shapes that must agree, and the one leading batch axis of the kernels."""

import math
from collections.abc import Sequence
from typing import Any

from gaussgrad import checks
from gaussgrad.ops import batching


def with_coordinates(xp: Any, samples: Any, stddev: Any, d: int, per_axis: bool) -> tuple[Any, Any]:
    """Samples as (..., n, d), and standard deviations as (..., n or 1, d)."""
    shape = tuple(samples.shape)
    if not per_axis:
        if len(shape) < 1:
            cure = "Write [sample] for a single one."
            raise ValueError(checks.complain("samples", "of shape (..., n), for one range", "shape ()", cure))
        samples = samples[..., None]
        stddev = stddev[..., None] if stddev.ndim else stddev
    elif len(shape) < 2 or shape[-1] not in (d, None):
        wanted = f"of shape (..., n, {d}), as there are bins along {d} {'axis' if d == 1 else 'axes'}"
        cure = "One range without brackets takes samples (..., n)." if d == 1 else ""
        raise ValueError(checks.complain("samples", wanted, f"shape {shape}", cure))
    n, own = samples.shape[-2], tuple(stddev.shape)
    if not (len(own) < 1 or own[-1] in (1, d, None)) or not (len(own) < 2 or _fits(own[-2], n)):
        wanted = f"a number, or of a shape that broadcasts to samples of shape {shape}"
        cure = "One per sample is (..., n, 1)." if per_axis else ""
        raise ValueError(checks.complain("stddev", wanted, f"shape {own if per_axis else own[:-1]}", cure))
    if len(own) < 2:
        return samples, xp.broadcast_to(stddev, (1, d))
    return samples, stddev if own[-1] == d else xp.broadcast_to(stddev, (*own[:-1], d))


def with_weights(xp: Any, samples: Any, stddev: Any, weights: Any) -> Any:
    """Weights as (..., n or 1); ones when absent."""
    if weights is None:
        return xp.ones_like(stddev[..., :1, 0])
    if weights.ndim < 1:
        return batching.reshape(xp, weights, (1,))
    if not _fits(weights.shape[-1], samples.shape[-2]):
        n = samples.shape[-2]
        raise ValueError(checks.complain("weights", f"of shape (..., n), n = {n}", f"shape {tuple(weights.shape)}"))
    return weights


def flatten(xp: Any, samples: Any, stddev: Any, weights: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The common batch shape, and samples (b, n, d), stddevs (b, n or 1, d) and weights (b, n or 1)."""
    shapes = [tuple(array.shape) for array in (samples, stddev, weights)]
    if any(None in shape for shape in shapes):  # a size that a traced program does not know yet: all as one per sample
        leading, arrays = xp.stretch((samples, stddev, weights), (1, 1, 0))
        *batch_axes, n = leading
        tails = ((n, samples.shape[-1]), (n, samples.shape[-1]), (n,))
        merged = [_merge(xp, array, batch_axes, tail) for array, tail in zip(arrays, tails, strict=True)]
        return tuple(batch_axes), tuple(merged)
    batch: tuple[int, ...] = ()
    for name, shape, count in zip(("samples", "stddev", "weights"), shapes, (2, 2, 1), strict=True):
        try:
            batch = checks.broadcast_shapes(batch, shape[: len(shape) - count])
        except ValueError:
            wanted = f"of batch axes that broadcast to {batch}, those before it"
            raise ValueError(checks.complain(name, wanted, f"shape {shape}")) from None
    stretched = []
    for array, shape, count in zip((samples, stddev, weights), shapes, (2, 2, 1), strict=True):
        own = shape[len(shape) - count :]
        whole = array if shape == (*batch, *own) else xp.broadcast_to(array, (*batch, *own))
        stretched.append(_merge(xp, whole, batch, own))
    return batch, tuple(stretched)


def _merge(xp: Any, array: Any, batch: Sequence[Any], own_axes: tuple[Any, ...]) -> Any:
    return array if len(batch) == 1 else batching.reshape(xp, array, (math.prod(batch), *own_axes))


def _fits(size: Any, n: Any) -> bool:
    """Whether an axis can be stretched to the samples; a size that is not known yet can."""
    return size is None or n is None or size in (1, n)
