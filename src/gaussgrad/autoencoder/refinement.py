"""The answer of an autoencoder, refined on each image."""

import torch

from gaussgrad.autoencoder.heads import LARGEST_WEIGHT
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.fitting.descents import MOVES
from gaussgrad.fitting.refinement import refine
from gaussgrad.gaussians import Gaussians


def refine_answer(model: GaussianAutoencoder, images: torch.Tensor, gaussians: Gaussians, steps: int = 10) -> Gaussians:
    """The answer of an autoencoder after some steps of `refine`, with what its decoder draws and its latent tells.

    Parameters
    ----------
    model : GaussianAutoencoder
        Its background, and how it composes; its weights stay as they are.
    images : tensor (b, c, h, w)
        What was encoded.
    gaussians : Gaussians
        What `model.encode` gave.
    steps : int
        Zero or more.

    Returns
    -------
    gaussians : Gaussians
        Without gradients; `model.decode` draws them. What the latent does not tell stays: the width of "points", and
        weights that all images share. Other weights stay within the bounds of the head.

    Raises
    ------
    ValueError
        As `refine`.

    Examples
    --------
    >>> import torch
    >>> model = GaussianAutoencoder((16, 16), n=3).eval()
    >>> images = torch.rand(2, 1, 16, 16)
    >>> answer = model.encode(images)
    >>> better = model.decode(refine_answer(model, images, answer, 5))
    >>> bool((better - images).square().mean() < (model.decode(answer) - images).square().mean())
    True
    """
    told = {"means": True, "covariances": "covariance" in model.latent, "weights": "weight" in model.latent}
    return refine(
        images,
        gaussians,
        steps,
        background=model.background,
        moves=[name for name in MOVES if told[name]],
        weight_range=(0.0 if model.channels == 1 else -LARGEST_WEIGHT, LARGEST_WEIGHT),
        compose=model.compose,
        tolerance=model.tolerance,
    )
