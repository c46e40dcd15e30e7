"""An outside yardstick: FOLDER/yardstick.py with a class `Yardstick(threads)` that has two methods on float32 arrays.

`forward(means, covariances, weights, height, width, cut=9.0)` returns the image (3, h, w) of peak amplitudes, cut at a
squared distance of 9, that is, at three stddevs; `backward(means, covariances, weights, upstream, cut=9.0)` the three
gradients. The folder comes from the command line, what it needs is its own affair.
"""

# /// script
# dependencies = []
# ///

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.speed.scenes import Scene

CUT = 9.0


def prepare(scene: Scene, stage: str, threads: int, folder: Path) -> Callable[[], dict[str, Any]]:
    specification = importlib.util.spec_from_file_location("yardstick", folder / "yardstick.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    instrument = module.Yardstick(threads)
    inputs = tuple(scene.inputs.values())

    def forward() -> dict[str, Any]:
        return {"image": instrument.forward(*inputs, *scene.size, cut=CUT)}

    def backward() -> dict[str, Any]:
        return dict(zip(scene.inputs, instrument.backward(*inputs, scene.upstream, cut=CUT), strict=True))

    if stage == "both":
        return lambda: forward() | backward()
    return forward if stage == "forward" else backward
