"""Recover: find the Gaussians of images without a network and without a start, in three stages."""

import math

import torch
from torch.nn import functional

from gaussgrad import checks
from gaussgrad.fitting.point_losses import energy_distance
from gaussgrad.fitting.refinement import MOST_GAUSSIANS, refine
from gaussgrad.fitting.schedules import annealed
from gaussgrad.gaussians import Gaussians

SEARCH_SIDE = 32  # pixels: larger images are averaged down for the search, which need not be exact
SEARCH_RATE = 1 / 16  # of the longer side per step at first
MEANS_STEPS, LAST_STEPS = 30, 20


def recover(
    images: torch.Tensor,
    n: int,
    *,
    stddev: float,
    background: float = 0.0,
    fixed_width: bool = True,
    steps: int = 200,
    seed: int = 0,
) -> Gaussians:
    """The n Gaussians of each image, found from random places.

    First, the energy distance to the light moves points alone: it pulls from any distance and keeps points apart. Then
    least squares moves the means of Gaussians, and last it also changes weights, and widths if they are not fixed. A
    width that is free from the start shrinks in the dark, and a pixel loss from the start leaves points where they are.

    Parameters
    ----------
    images : tensor (b, 1, h, w)
        Bright spots on a dark background, float32 or float64.
    n : int
        Spots per image.
    stddev : float
        Their width in pixels, exactly (`fixed_width`) or roughly.
    background : float
        The value where there is no light.
    fixed_width : bool
        Whether the width is known.
    steps : int
        Of the search.
    seed : int
        Of the random places.

    Returns
    -------
    gaussians : Gaussians
        means (b, n, 2), covariances (b, n, 3), weights (b, n), values at the means, without gradients. In any order:
        `gaussgrad.fitting.match` compares them with known places.

    Raises
    ------
    ValueError
        For shapes and numbers out of range.

    Notes
    -----
    docs/training.md says what share of spots this and other ways find.

    Examples
    --------
    >>> import gaussgrad, torch
    >>> places = torch.tensor([[[6.0, 20.0], [25.0, 9.0]]])
    >>> image = gaussgrad.render(places, torch.tensor([4.0, 0.0, 4.0]), size=(32, 32), amplitude="peak")
    >>> recover(image[:, None], 2, stddev=2.0).means[0].sort(dim=0).values.round().tolist()
    [[6.0, 9.0], [25.0, 20.0]]
    """
    if images.ndim != 4 or images.shape[1] != 1:
        raise ValueError(checks.complain("images", "of shape (b, 1, h, w)", f"shape {tuple(images.shape)}"))
    n, steps = checks.count("n", n), checks.count("steps", steps)
    stddev = checks.number("stddev", stddev, "at least 0.3 pixels", 0.3)
    light = (images.detach() - background).clamp(min=0)
    means = _search(light, n, steps, seed)
    variance = images.new_tensor([stddev**2, 0.0, stddev**2])
    weights = light.sum(dim=(1, 2, 3)) / (n * 2 * math.pi * stddev**2)
    start = Gaussians(means, variance.expand(len(means), n, 3), weights[:, None].expand(-1, n))
    exact = "levenberg-marquardt" if n <= MOST_GAUSSIANS and images.device.type == "cpu" else None
    placed = refine(images, start, MEANS_STEPS, background=background, moves=("means",), method=exact)
    moves = ("means", "weights") if fixed_width else ("means", "covariances", "weights")
    positive = (0.0, math.inf)
    return refine(images, placed, LAST_STEPS, background=background, moves=moves, weight_range=positive, method=exact)


@torch.enable_grad()
def _search(light: torch.Tensor, n: int, steps: int, seed: int) -> torch.Tensor:
    """Means (b, n, 2) in pixels, near the light."""
    height, width = light.shape[-2:]
    factor = math.ceil(max(height, width) / SEARCH_SIDE)
    padded = functional.pad(light, (0, -width % factor, 0, -height % factor))
    coarse = functional.avg_pool2d(padded, factor)
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor((width, height), dtype=light.dtype) / factor
    draws = torch.rand(len(light), n, 2, generator=generator, dtype=light.dtype)
    means = (draws * size - 0.5).to(light.device).requires_grad_()
    first = SEARCH_RATE * max(coarse.shape[-2:])
    optimizer = torch.optim.Adam([means], lr=first)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = annealed(step, steps, first, 0.01 * first)
        optimizer.zero_grad()
        energy_distance(means, coarse).sum().backward()
        optimizer.step()
    return (means.detach() + 0.5) * factor - 0.5
