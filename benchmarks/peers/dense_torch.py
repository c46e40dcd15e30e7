"""What is usually copied: every Gaussian at every pixel, in eager PyTorch."""

# /// script
# dependencies = ["numpy", "torch==2.13.0"]
# ///

import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.speed.scenes import Scene


def draw(means, covariances, weights, size: tuple[int, int], amplitude: str) -> torch.Tensor:
    """The image (..., c, height, width)."""
    height, width = size
    xx, xy, yy = (entry[..., None, None] for entry in covariances.unbind(-1))  # (..., n, 1, 1)
    determinant = xx * yy - xy * xy
    dx = torch.arange(width, dtype=means.dtype, device=means.device) - means[..., 0, None, None]  # (..., n, 1, w)
    dy = (
        torch.arange(height, dtype=means.dtype, device=means.device)[:, None] - means[..., 1, None, None]
    )  # (..., n, h, 1)
    squared_distance = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / determinant  # (..., n, h, w)
    shape = torch.exp(-0.5 * squared_distance)
    if amplitude == "density":
        shape = shape / (2 * math.pi * torch.sqrt(determinant))
    return (weights.transpose(-1, -2) @ shape.flatten(-2)).unflatten(-1, size)


def prepare(
    scene: Scene, stage: str, threads: int, function: Callable[..., torch.Tensor] = draw
) -> Callable[[], dict[str, Any]]:
    torch.set_num_threads(threads)
    leaves = {name: torch.tensor(array, requires_grad=stage == "both") for name, array in scene.inputs.items()}
    upstream = torch.from_numpy(scene.upstream)

    def work() -> dict[str, Any]:
        image = function(*leaves.values(), scene.size, scene.amplitude)
        if stage == "forward":
            return {"image": image}
        gradients = torch.autograd.grad(image, list(leaves.values()), upstream)
        return {"image": image.detach(), **dict(zip(leaves, gradients, strict=True))}

    return work
