"""The dense impulse renderer: short, obviously right, differentiable in any order. The oracle of the kernels."""

from typing import Any

from gaussgrad.ops.batching import device_of
from gaussgrad.ops.render.reference import pixel_coordinates


def render_impulses(
    xp: Any,
    means: Any,  # (b, n, d)
    kernel: Any,  # (b, *k), its axes ordered as those of the image
    weights: Any,  # (b, n, c)
    *,
    size: tuple[int, ...],
    start: Any = 0,
    count: int | None = None,
) -> Any:
    """The image (b, c, pixels) at `count` flat pixel positions from `start` on, of a frame of the given size."""
    b, n, _ = means.shape
    shares = xp.ones_like(means[..., :1])[..., None]  # (b, n, 1, 1)
    for axis, pixels in enumerate(pixel_coordinates(xp, size, start, count, means)):  # x, then y, then z
        length = kernel.shape[kernel.ndim - 1 - axis]
        places = xp.astype(xp.arange(length, device=device_of(means)), means.dtype) - (length - 1) // 2
        share = hat(xp, pixels[:, None] - places - means[..., axis, None, None])  # (b, n, p, k along this axis)
        outer = share[..., :, None] * shares[..., None, :]
        shares = xp.reshape(outer, (b, n, pixels.shape[0], length * shares.shape[-1]))
    flat_kernel = xp.reshape(kernel, (b, 1, 1, shares.shape[-1]))
    values = xp.sum(shares * flat_kernel, axis=-1)  # (b, n, p)
    return xp.sum(values[:, :, None, :] * weights[..., None], axis=1)


def hat(xp: Any, t: Any) -> Any:
    """max(0, 1 - |t|), written so that with sign(0) = 0 each kink gets the mean of its one-sided derivatives."""
    return xp.where(xp.abs(t) <= 1, (xp.abs(t + 1) + xp.abs(t - 1)) / 2 - xp.abs(t), 0 * t)
