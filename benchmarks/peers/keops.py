"""PyKeOps: every Gaussian at every pixel, compiled to a loop that holds no dense array; needs a C++ compiler."""

# /// script
# dependencies = ["numpy", "pykeops==2.3", "torch==2.13.0"]
# ///

from collections.abc import Callable
from typing import Any

import torch
from pykeops.torch import LazyTensor

from benchmarks.peers import dense_torch
from benchmarks.speed.scenes import Scene


def draw(means, covariances, weights, size: tuple[int, int], amplitude: str) -> torch.Tensor:
    """The image (c, height, width) of peak amplitudes."""
    if amplitude != "peak" or means.ndim != 2:
        raise ValueError("the PyKeOps peer draws one image of peak amplitudes")
    height, width = size
    xx, xy, yy = covariances.unbind(-1)
    precisions = torch.stack([yy, -xy, xx], dim=-1) / (xx * yy - xy * xy)[:, None]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([x, y], dim=-1).reshape(-1, 2).to(means)
    offset = LazyTensor(pixels[:, None, :]) - LazyTensor(means[None, :, :])  # (p, n, 2)
    precision = LazyTensor(precisions[None, :, :].contiguous())
    dx, dy = offset.elem(0), offset.elem(1)
    q = precision.elem(0) * dx * dx + 2 * precision.elem(1) * dx * dy + precision.elem(2) * dy * dy
    image = ((-0.5 * q).exp() * LazyTensor(weights[None, :, :].contiguous())).sum(dim=1)  # (p, c)
    return image.T.reshape(-1, height, width)


def prepare(scene: Scene, stage: str, threads: int) -> Callable[[], dict[str, Any]]:
    return dense_torch.prepare(scene, stage, threads, draw)
