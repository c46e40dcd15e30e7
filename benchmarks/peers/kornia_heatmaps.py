"""kornia's separable heatmaps: axis-aligned, one Gaussian per map, normalised to sum to one over the frame."""

# /// script
# dependencies = ["kornia==0.9.0", "numpy", "torch==2.13.0"]
# ///

from collections.abc import Callable
from typing import Any

import torch
from kornia.geometry.subpix import render_gaussian2d

from benchmarks.speed.scenes import Scene


def prepare(scene: Scene, stage: str, threads: int) -> Callable[[], dict[str, Any]]:
    """Its second gradient is to the stddevs, not to covariances, so it is not among the results."""
    torch.set_num_threads(threads)
    learnt = stage == "both"
    means = torch.tensor(scene.means[..., 0, :], requires_grad=learnt)  # (samples, keypoints, 2)
    stddevs = torch.tensor(scene.covariances[..., 0, 0::2] ** 0.5, requires_grad=learnt)
    upstream = torch.from_numpy(scene.upstream[..., 0, :, :])

    def work() -> dict[str, Any]:
        maps = render_gaussian2d(means, stddevs, scene.size, normalized_coordinates=False)
        if not learnt:
            return {"image": maps[..., None, :, :]}
        to_means, _ = torch.autograd.grad(maps, (means, stddevs), upstream)
        return {"image": maps.detach()[..., None, :, :], "means": to_means[..., None, :]}

    return work
