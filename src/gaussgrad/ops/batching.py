"""From the user's axes to the one leading batch axis of the kernels."""

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from gaussgrad import checks

WIDTHS = ("covariances", "cholesky")


def device_of(array: Any) -> Any:
    """Where to make arrays beside this one; None, which is anywhere, for traced arrays that have no place yet."""
    return getattr(array, "device", None)


def reshape(xp: Any, array: Any, shape: tuple[Any, ...]) -> Any:
    """The array in another shape, by its own method where it has one: the function of NumPy takes six times as long."""
    return array.reshape(shape) if hasattr(array, "reshape") else xp.reshape(array, shape)


def weights_with_channels(xp: Any, means: Any, weights: Any) -> tuple[Any, bool]:
    """Weights as (..., n, c), and whether the user gave the channel axis. The rank decides, never the sizes."""
    if weights is None:
        return xp.ones_like(means[..., :1]), False
    if weights.ndim == means.ndim:
        return weights, True
    if weights.ndim == means.ndim - 1:
        return weights[..., None], False
    shape = tuple(means.shape)
    wanted = f"of rank {len(shape) - 1} (..., n), or {len(shape)} (..., n, c), for means of shape {shape}"
    cure = f"Reshape it, for example to {shape[:-1]} or {(*shape[:-1], 1)}."
    raise ValueError(checks.complain("weights", wanted, f"shape {tuple(weights.shape)}", cure))


def flatten(xp: Any, **arrays: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The common batch shape, and every array (..., n, entries) as (b, n, entries).

    Axes before (n, entries) broadcast by size 1. The first array gives n; `WIDTHS` may have an n of 1, or none.
    """
    owner, first = next(iter(arrays.items()))
    n = first.shape[-2]
    batch: tuple[int, ...] = tuple(first.shape[:-2])
    for name, array in arrays.items():
        points = array.shape[-2] if array.ndim >= 2 else 1
        if points != n and None not in (points, n) and not (points == 1 and name in WIDTHS):
            wanted = f"of n = {n} Gaussians, as {owner} of shape {tuple(first.shape)}"
            raise ValueError(checks.complain(name, wanted, f"n = {points} in shape {tuple(array.shape)}"))
        if tuple(array.shape[:-2]) != batch:
            batch = _broadcast(name, array, batch, f"{owner} of shape {tuple(first.shape)}")
    if None in (*batch, n):  # a size that a traced program does not know yet
        leading, stretched = xp.stretch(arrays.values(), (1,) * len(arrays))
        return leading[:-1], tuple(_merge(xp, array, leading) for array in stretched)
    return batch, tuple(_flat(xp, array, (*batch, n)) for array in arrays.values())


def _flat(xp: Any, array: Any, leading: tuple[int, ...]) -> Any:
    """The array stretched to (*leading, entries), its axes before the last two as one."""
    if tuple(array.shape[:-1]) != leading:
        array = xp.broadcast_to(array, (*leading, array.shape[-1]))
    return _merge(xp, array, leading)


def _merge(xp: Any, array: Any, leading: tuple[Any, ...]) -> Any:
    if len(leading) == 2:
        return array
    return reshape(xp, array, (math.prod(leading[:-1]), leading[-1], array.shape[-1]))


def _broadcast(name: str, array: Any, batch: Sequence[int], beside: str) -> tuple[int, ...]:
    """The batch axes that serve both `array` and those before it."""
    result = []
    for own, other in zip_longest(reversed(array.shape[:-2]), reversed(batch), fillvalue=1):
        if own != other and own not in (1, None) and other not in (1, None):  # no set: torch's symbols have no hash
            wanted = f"of batch axes that broadcast to {tuple(batch)}, beside {beside}"
            raise ValueError(checks.complain(name, wanted, f"shape {tuple(array.shape)}"))
        result.append(other if own == 1 or (own is None and other != 1) else own)
    return tuple(reversed(result))
