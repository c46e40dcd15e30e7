"""Every Gaussian at every pixel, in JAX under jit, which fuses what it can."""

# /// script
# dependencies = ["jax==0.10.2", "numpy"]
# ///

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.speed.scenes import Scene


def draw(means, covariances, weights, size: tuple[int, int], amplitude: str) -> jax.Array:
    """The image (..., c, height, width)."""
    height, width = size
    xx, xy, yy = (covariances[..., entry, None, None] for entry in range(3))  # (..., n, 1, 1)
    determinant = xx * yy - xy * xy
    dx = jnp.arange(width) - means[..., 0, None, None]  # (..., n, 1, w)
    dy = jnp.arange(height)[:, None] - means[..., 1, None, None]  # (..., n, h, 1)
    shape = jnp.exp(-0.5 * (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / determinant)  # (..., n, h, w)
    if amplitude == "density":
        shape = shape / (2 * math.pi * jnp.sqrt(determinant))
    return jnp.einsum("...nc,...nhw->...chw", weights, shape)


def prepare(scene: Scene, stage: str, threads: int) -> Callable[[], dict[str, Any]]:
    """JAX takes the cores it may use by itself; `threads` is their number."""
    forward = functools.partial(draw, size=scene.size, amplitude=scene.amplitude)
    inputs = [jnp.asarray(array) for array in scene.inputs.values()]
    upstream = jnp.asarray(scene.upstream)

    @jax.jit
    def both(*arrays):
        image, pull = jax.vjp(forward, *arrays)
        return image, *pull(upstream)

    compiled = jax.jit(lambda *arrays: (forward(*arrays),)) if stage == "forward" else both
    names = ("image", *scene.inputs)
    return lambda: dict(zip(names, jax.block_until_ready(compiled(*inputs)), strict=False))
