"""The dense moments of maps: short, obviously right, differentiable in any order. The oracle of the kernels."""

import math
from typing import Any

from gaussgrad.ops.batching import device_of


def moments(xp: Any, images: Any, *, softmax: float, start: int = 0, count: int | None = None) -> Any:
    """Mass, mean x, mean y, and xx, xy, yy of maps (b, h, w) as (b, 6, 1), which has one position; equations 62 to 64.

    `softmax` is a temperature, 0 where the images are light themselves. What has no moments gives NaN.
    """
    light = _shares(xp, images, softmax) if softmax else images
    rows, columns = xp.sum(light, axis=-1), xp.sum(light, axis=-2)  # (b, h), (b, w)
    mass = xp.sum(rows, axis=-1, keepdims=True)  # (b, 1)
    if not softmax:
        darkest = xp.min(xp.min(images, axis=-1), axis=-1, keepdims=True)
        known = (darkest >= 0) & (mass >= float(xp.finfo(images.dtype).tiny)) & (mass < math.inf)
        mass = xp.where(known, mass, xp.full_like(mass, math.nan))
    x, y = (_positions(xp, array) for array in (columns, rows))
    mean_x, mean_y = (xp.sum(sums * at, axis=-1, keepdims=True) / mass for sums, at in ((columns, x), (rows, y)))
    from_x, from_y = x - mean_x, y - mean_y  # (b, w), (b, h)
    xx = xp.sum(columns * from_x**2, axis=-1, keepdims=True) / mass
    yy = xp.sum(rows * from_y**2, axis=-1, keepdims=True) / mass
    xy = xp.sum(xp.sum(light * from_x[:, None, :], axis=-1) * from_y, axis=-1, keepdims=True) / mass
    result = xp.stack([mass, mean_x, mean_y, xx, xy, yy], axis=1)
    return result if count is None else result[..., start : start + count]


def _shares(xp: Any, logits: Any, temperature: float) -> Any:
    """Exponentials that sum to 1 over each map; the largest logit goes off first, so that nothing overflows."""
    top = xp.max(xp.max(logits, axis=-1, keepdims=True), axis=-2, keepdims=True)
    light = xp.exp((logits - top) / temperature)
    return light / xp.sum(xp.sum(light, axis=-1, keepdims=True), axis=-2, keepdims=True)


def _positions(xp: Any, like: Any) -> Any:
    """0, 1, 2, ... along the last axis."""
    return xp.astype(xp.arange(like.shape[-1], device=device_of(like)), like.dtype)
