"""gaussgrad's own side of a comparison."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import gaussgrad
from benchmarks.speed.scenes import Scene
from gaussgrad import parallel
from gaussgrad.op import OPERATIONS

RENDER = OPERATIONS["render"]


def prepare(
    scene: Scene, entry: str, stage: str, tolerance: float, threads: int | None = None, compose: str = "sum"
) -> Callable[[], dict[str, Any]]:
    """The work of one call, as peers prepare it: through NumPy arrays or torch's autograd."""
    if entry == "torch":
        return _torch(scene, tolerance, threads, compose)
    options = _options(scene, tolerance, compose)
    if entry == "jax":
        return _jax(scene, stage, options)
    if entry in ("tensorflow", "tf.function"):
        return _tensorflow(scene, options, entry)

    def forward() -> dict[str, Any]:
        return {"image": gaussgrad.render(**scene.inputs, **options, threads=threads)}

    draw, gather = _kernels(scene, threads, options)
    _, saved = draw()
    if stage == "both":
        return lambda: forward() | gather(saved)
    return forward if stage == "forward" else lambda: gather(saved)


def in_flight(scene: Scene, tolerance: float, compose: str) -> Callable[[], dict[str, Any]]:
    """Forward and backward with what the one saves for the other alive between them, as in a framework."""
    draw, gather = _kernels(scene, None, _options(scene, tolerance, compose))

    def both() -> dict[str, Any]:
        image, saved = draw()
        return {"image": image} | gather(saved)

    return both


def _options(scene: Scene, tolerance: float, compose: str) -> dict[str, Any]:
    amplitude = scene.amplitude
    return {"size": scene.size, "amplitude": amplitude, "compose": compose, "pixel": "point", "tolerance": tolerance}


def _kernels(scene: Scene, threads: int | None, options: dict[str, Any]) -> tuple[Callable, Callable]:
    """The kernels on arrays, which every framework calls: NumPy itself has no backward pass."""
    kernels = RENDER.load_kernels("cpu")
    options = {**options, "form": "covariances"}
    threads = threads or parallel.available_cores()
    batch = scene.means.ndim - 2
    arrays = [np.reshape(array, (-1, *array.shape[batch:])) for array in scene.inputs.values()]
    upstream = scene.upstream.reshape(len(arrays[0]), scene.weights.shape[-1], -1)
    shapes = {name: array.shape for name, array in scene.inputs.items()}

    def draw() -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        return kernels.forward(*arrays, threads=threads, **options)

    def gather(saved: tuple[np.ndarray, ...]) -> dict[str, Any]:
        gradients = kernels.backward(upstream, saved, *arrays, threads=threads, **options)
        return {name: array.reshape(shapes[name]) for name, array in zip(shapes, gradients, strict=True)}

    return draw, gather


def _torch(scene: Scene, tolerance: float, threads: int | None, compose: str) -> Callable[[], dict[str, Any]]:
    import torch

    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in scene.inputs.items()}
    upstream = torch.from_numpy(scene.upstream)
    options = _options(scene, tolerance, compose)

    def both() -> dict[str, Any]:
        image = gaussgrad.render(**leaves, **options, threads=threads)
        gradients = torch.autograd.grad(image, list(leaves.values()), upstream)
        return {"image": image.detach(), **dict(zip(leaves, gradients, strict=True))}

    return both


def _jax(scene: Scene, stage: str, options: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """One compiled program, its inputs and outputs in JAX."""
    import jax

    inputs = [jax.numpy.asarray(array) for array in scene.inputs.values()]
    upstream = jax.numpy.asarray(scene.upstream)
    forward = functools.partial(gaussgrad.render, **options)

    @jax.jit
    def both(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        image, pull = jax.vjp(forward, *arrays)
        return image, *pull(upstream)

    program = both if stage == "both" else jax.jit(lambda *arrays: (forward(*arrays),))
    names = ("image", *scene.inputs)
    return lambda: dict(zip(names, jax.block_until_ready(program(*inputs)), strict=False))


def _tensorflow(scene: Scene, options: dict[str, Any], entry: str) -> Callable[[], dict[str, Any]]:
    """The forward pass, plain or as one graph, its inputs and output in TensorFlow."""
    import tensorflow as tf

    inputs = [tf.constant(array) for array in scene.inputs.values()]

    def draw(*arrays: Any) -> Any:
        return gaussgrad.render(*arrays, **options)

    call = tf.function(draw, autograph=False) if entry == "tf.function" else draw
    return lambda: {"image": call(*inputs)}
