"""Soft-argmax with its covariance, as people write it and as we do: of logits (b, c, h, w), means and covariances."""

from collections.abc import Callable

import torch

import gaussgrad

Moments = tuple[torch.Tensor, torch.Tensor]  # (b, c, 2) and (b, c, 3)


def expectation(logits: torch.Tensor) -> Moments:
    """`spatial_softmax2d` and `spatial_expectation2d` of kornia 0.9, and the covariance in the same style."""
    b, c, height, width = logits.shape
    shares = torch.softmax(logits.reshape(b, c, height * width), dim=-1)
    y, x = torch.meshgrid(
        torch.arange(height, dtype=logits.dtype), torch.arange(width, dtype=logits.dtype), indexing="ij"
    )
    x, y = x.reshape(-1), y.reshape(-1)
    mean_x, mean_y = (torch.sum(at * shares, -1, keepdim=True) for at in (x, y))
    from_x, from_y = x - mean_x, y - mean_y
    second = [torch.sum(product * shares, -1) for product in (from_x * from_x, from_x * from_y, from_y * from_y)]
    return torch.cat([mean_x, mean_y], -1), torch.stack(second, -1)


def ours(logits: torch.Tensor) -> Moments:
    _, means, covariances = gaussgrad.moments(logits, softmax=1.0)
    return means, covariances


OURS = "gaussgrad"
FORMS: dict[str, Callable[[torch.Tensor], Moments]] = {"expectation and covariance in PyTorch": expectation, OURS: ours}
