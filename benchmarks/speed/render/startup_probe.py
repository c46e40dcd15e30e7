"""In a fresh process: the seconds of its first forward pass and of its first backward pass, as JSON.

Other people's packages are imported before; what a first call imports and compiles of ours counts.
"""

import json
import time

import array_api_compat.numpy  # noqa: F401
import numba  # noqa: F401

import gaussgrad
from benchmarks.speed import scenes


def main() -> None:
    scene = scenes.rotated(10, 64, 64, 1.5, 6.0)
    start = time.perf_counter()
    gaussgrad.render(**scene.inputs, size=scene.size, amplitude=scene.amplitude)
    drawn = time.perf_counter()
    from benchmarks.speed.render import ours

    prepared = time.perf_counter()
    ours.prepare(scene, "numpy", "backward", scenes.DEFAULT)()
    gathered = time.perf_counter()
    print(json.dumps({"forward": drawn - start, "backward": gathered - prepared}))


if __name__ == "__main__":
    main()
