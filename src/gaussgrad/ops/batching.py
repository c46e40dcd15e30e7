"""From the user's axes to the one leading batch axis of the kernels."""

from typing import Any

import numpy as np

from gaussgrad import checks


def weights_with_channels(xp: Any, means: Any, weights: Any) -> tuple[Any, bool]:
    """Weights as (..., n, c), and whether the user gave the channel axis. The rank decides, never the sizes."""
    if weights is None:
        return xp.ones((*means.shape[:-1], 1), dtype=means.dtype, device=means.device), False
    if weights.ndim == means.ndim:
        return weights, True
    if weights.ndim == means.ndim - 1:
        return weights[..., None], False
    wanted = f"of rank {means.ndim - 1} (..., n), or {means.ndim} (..., n, c), for means of shape {tuple(means.shape)}"
    cure = "Use weights[..., None], or weights.expand / numpy.broadcast_to, to give it that rank."
    raise ValueError(checks.complain("weights", wanted, f"shape {tuple(weights.shape)}", cure))


def flatten(xp: Any, *named: tuple[str, Any, bool]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The common batch shape, and every array as (b, n, entries) or, without points, (b, ...own axes).

    Each entry is (argument name, array, has a points axis). Axes before (n, entries) broadcast by size 1; an n of 1
    stretches to the n of the first array.
    """
    first_name, first, _ = named[0]
    n = first.shape[-2]
    batch: tuple[int, ...] = ()
    for name, array, _ in named:
        leading = _leading(array)
        try:
            batch = np.broadcast_shapes(batch, leading)
        except ValueError:
            wanted = f"of batch axes that broadcast to {batch}, as those of {first_name} {tuple(first.shape)} do"
            raise ValueError(checks.complain(name, wanted, f"shape {tuple(array.shape)}")) from None
        points = array.shape[-2] if array.ndim >= 2 else 1
        if points not in (n, 1) or (name in ("means", "weights") and points != n):
            wanted = f"of n = {n} Gaussians, as {first_name} {tuple(first.shape)}"
            raise ValueError(checks.complain(name, wanted, f"n = {points} in shape {tuple(array.shape)}"))
    b = int(np.prod(batch, dtype=np.int64))
    flat = []
    for _, array, _ in named:
        whole = xp.broadcast_to(array, (*batch, n, array.shape[-1]))
        flat.append(xp.reshape(whole, (b, n, array.shape[-1])))
    return batch, tuple(flat)


def _leading(array: Any) -> tuple[int, ...]:
    return tuple(array.shape[:-2])
