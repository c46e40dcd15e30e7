"""picasso's Numba kernel for spots: axis-aligned, separable, cut to a box of 3 stddevs, one thread, forward only."""

# /// script
# dependencies = ["numpy", "picassosr==0.11.3"]
# ///

from collections.abc import Callable
from typing import Any

import numpy as np
from picasso import render

from benchmarks.speed.scenes import Scene


def prepare(scene: Scene, stage: str, threads: int) -> Callable[[], dict[str, Any]]:
    """`_fill_gaussian` is the kernel that picasso.render.render(blur_method="gaussian") runs, without its tables."""
    if stage != "forward":
        raise ValueError("picasso has no backward pass")
    height, width = scene.size
    x, y = np.ascontiguousarray(scene.means.T + np.float32(0.5))  # its pixels begin at integers
    stddev_x, stddev_y = np.ascontiguousarray(np.sqrt(scene.covariances[:, 0::2]).T)

    def work() -> dict[str, Any]:
        image = np.zeros((height, width), np.float32)
        render._fill_gaussian(image, x, y, stddev_x, stddev_y, width, height)
        return {"image": image[None]}

    return work
