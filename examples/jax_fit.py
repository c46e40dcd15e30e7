"""Fit points to an image with JAX and Optax: blurred images first, so that every point feels where it is missing.

The whole fit is one compiled program; the kernels draw from inside it.

    python examples/jax_fit.py
"""

import jax
import jax.numpy as jnp
import optax

import gaussgrad

SIZE = (64, 64)  # height, width
VARIANCE = 4.0  # of a spot, in pixels squared
BLURS = (16.0, 8.0, 4.0, 2.0, 1.0, 0.0)  # in pixels, from coarse to fine
STEPS_PER_BLUR = 60
HEART = jnp.array(  # the places (x, y) of ten spots, in pixels
    [[32, 21], [41, 13], [51, 18], [51, 30], [42, 42], [32, 52], [22, 42], [13, 30], [13, 18], [23, 13]], jnp.float32
)


def draw(points: jax.Array, blur: jax.Array) -> jax.Array:
    """The image (64, 64) of spots at the points, blurred."""
    width = VARIANCE + blur**2
    return gaussgrad.render(points, jnp.stack([width, 0 * width, width]), size=SIZE)


@jax.jit
def fit(start: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The fitted points, and the loss of each step relative to a black image."""
    optimizer = optax.adam(0.5)

    def step(state: tuple, blur: jax.Array) -> tuple[tuple, jax.Array]:
        points, memory = state
        target = draw(HEART, blur)
        loss = lambda points: jnp.sum((draw(points, blur) - target) ** 2) / jnp.sum(target**2)  # noqa: E731
        value, gradient = jax.value_and_grad(loss)(points)
        change, memory = optimizer.update(gradient, memory)
        return (optax.apply_updates(points, change), memory), value

    blurs = jnp.repeat(jnp.array(BLURS), STEPS_PER_BLUR)
    (points, _), losses = jax.lax.scan(step, (start, optimizer.init(start)), blurs)
    return points, losses


def main() -> None:
    start = jax.random.uniform(jax.random.key(0), (10, 2), minval=8.0, maxval=56.0)
    points, losses = fit(start)
    apart = jnp.linalg.norm(HEART[:, None] - points, axis=-1).min(axis=1)
    print(f"loss {losses[0]:.3f}, then {losses[-1]:.5f}; points found within a pixel: {int((apart < 1).sum())} of 10")


if __name__ == "__main__":
    main()
