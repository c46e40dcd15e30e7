"""
The same ten lines in PyTorch, JAX, TensorFlow and Keras
========================================================

Ten points become an image, a loss compares it with another, and the gradient says where each point should go. The call
is the same in every framework, and so are the numbers.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np

import gaussgrad

SIZE, WIDTH = (64, 64), [16.0, 0.0, 16.0]
angles = np.arange(10) * 2 * np.pi / 10
RING = np.stack([31.5 + 20 * np.cos(angles), 31.5 + 20 * np.sin(angles)], axis=1).astype(np.float32)
TARGET = gaussgrad.render(RING, WIDTH, size=SIZE, amplitude="peak")
START = (RING + np.random.default_rng(3).normal(0, 3, RING.shape)).astype(np.float32)

# %%
# NumPy drew the target. Each function below gives the gradient (10, 2) of the same loss.


def in_pytorch():
    import torch

    points, target = torch.tensor(START, requires_grad=True), torch.tensor(TARGET)
    image = gaussgrad.render(points, WIDTH, size=SIZE, amplitude="peak")
    ((image - target) ** 2).sum().backward()
    return points.grad


def in_jax():
    import jax

    def loss(points):
        image = gaussgrad.render(points, WIDTH, size=SIZE, amplitude="peak")
        return ((image - TARGET) ** 2).sum()

    return jax.jit(jax.grad(loss))(jax.numpy.asarray(START))


def in_tensorflow():
    import tensorflow as tf

    points = tf.Variable(START)
    with tf.GradientTape() as tape:
        image = gaussgrad.render(points, WIDTH, size=SIZE, amplitude="peak")
        loss = tf.reduce_sum((image - TARGET) ** 2)
    return tape.gradient(loss, points)


def in_keras():
    import keras

    from gaussgrad.layers.keras import RenderGaussians

    points = keras.layers.Dense(20, use_bias=False)  # of the input 1, so that its weights are the points
    draw = RenderGaussians(SIZE, row="x y", stddev=4.0, amplitude="peak")
    model = keras.Sequential([keras.Input((1,)), points, draw])
    points.set_weights([START.reshape(1, 20)])
    model.compile(keras.optimizers.SGD(1.0), lambda target, image: keras.ops.sum((image - target) ** 2))
    model.train_on_batch(np.ones((1, 1), np.float32), TARGET[None, ..., None])
    return START - points.get_weights()[0].reshape(10, 2)  # the step that it took


# %%
# We call those whose framework is installed here. The others would add the same picture: the tests of gaussgrad compare
# every operation in every framework.

WAYS = {"PyTorch": ("torch", in_pytorch), "JAX": ("jax", in_jax)}
WAYS |= {"TensorFlow": ("tensorflow", in_tensorflow), "Keras": ("keras", in_keras)}
slopes = {name: np.asarray(way()) for name, (module, way) in WAYS.items() if find_spec(module)}
print("ran here:", ", ".join(slopes), "| only shown:", ", ".join(WAYS.keys() - slopes.keys()) or "none")
first, *others = slopes.values()
print("largest difference:", max((np.abs(other - first).max() for other in others), default=0.0))

figure, panes = plt.subplots(1, len(slopes), figsize=(4.4 * len(slopes), 4.7), layout="constrained", squeeze=False)
for axes, (name, slope) in zip(panes[0], slopes.items(), strict=True):
    axes.imshow(TARGET, cmap="magma")
    axes.quiver(*START.T, *-slope.T, color="white", width=0.008)
    axes.plot(*START.T, "o", color="#56b4e9", markersize=8, markeredgecolor="white")
    axes.set(title=name, xticks=[], yticks=[], xlim=(-0.5, 63.5), ylim=(63.5, -0.5))

plt.show()
