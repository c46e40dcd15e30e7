"""Slightly moved, turned, stretched and sheared copies of images."""

import math

import torch
import torch.nn.functional as functional

LARGEST_ANGLE = math.radians(9)
LARGEST_STRETCH = 0.09
LARGEST_SHEAR = 0.12
LARGEST_SHIFT = 0.045  # of the frame


def random_affine(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images (b, c, h, w), each under an affine map of its own; what comes in over the border repeats the border."""
    b, _, height, width = images.shape
    draws = (2 * torch.rand(b, 6, generator=generator) - 1).to(images)
    angle, shear = LARGEST_ANGLE * draws[:, 0], LARGEST_SHEAR * draws[:, 1]
    stretch = 1 + LARGEST_STRETCH * draws[:, 2:4]
    zero = torch.zeros_like(angle)
    turn = _matrices(torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle))
    matrix = turn @ _matrices(stretch[:, 0], shear, zero, stretch[:, 1])
    matrix = matrix * images.new_tensor([[1, height / width], [width / height, 1]])  # pixels to a frame of 2 by 2
    maps = torch.cat((matrix, 2 * LARGEST_SHIFT * draws[:, 4:, None]), dim=-1)  # (b, 2, 3)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
    darkest = images.amin(dim=(1, 2, 3), keepdim=True).clamp(max=0)
    brightest = images.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    # Bicubic copies are as sharp as the images, where bilinear ones are blurred and easier to draw; what they overshoot
    # is cut off, but nothing that the images hold.
    return moved.clamp(darkest, brightest)


def _matrices(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    return torch.stack((a, b, c, d), dim=-1).unflatten(-1, (2, 2))
