"""gaussgrad's own call with NumPy arrays, which calls from other frameworks are compared with."""

# /// script
# dependencies = ["numba", "numpy"]
# ///

from collections.abc import Callable
from typing import Any

import gaussgrad
from benchmarks.speed.scenes import DEFAULT, Scene


def prepare(scene: Scene, stage: str, threads: int) -> Callable[[], dict[str, Any]]:
    """The forward pass."""
    options = {"size": scene.size, "amplitude": scene.amplitude, "tolerance": DEFAULT}
    return lambda: {"image": gaussgrad.render(**scene.inputs, **options)}
