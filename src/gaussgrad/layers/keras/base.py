"""What all Keras layers of ours are made with."""

from typing import Any

import keras

HALF = ("float16", "bfloat16")

register = keras.saving.register_keras_serializable(package="gaussgrad")


class KernelLayer(keras.layers.Layer):
    """A layer that calls kernels, which TensorFlow's programs for XLA cannot, or the reference. Abstract."""

    def __init__(self, backend: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = keras.backend.backend() != "tensorflow" or backend == "reference"
