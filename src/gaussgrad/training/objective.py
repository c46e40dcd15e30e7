"""What a training step makes smaller."""

import torch
import torch.nn.functional as functional

from gaussgrad.autoencoder.model import GaussianAutoencoder

LEAST_ERROR = 1e-8  # 80 dB: below it nothing is worth learning


def objective(
    model: GaussianAutoencoder, images: torch.Tensor, presence_cost: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The objective of a batch, to be minimised, and the mean squared error of its reconstruction, to be watched.

    Every attempt counts, not only the last, so that every look has something good to start from. Those of a guided
    model count by the logarithms of their errors, as decibels do: the first is far worse than the last, and would else
    drown it.

    Parameters
    ----------
    model : GaussianAutoencoder
        In training mode.
    images : tensor (b, c, h, w)
        In [0, 1].
    presence_cost : float
        Mean squared error that one more Gaussian in an image is worth.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.autoencoder import GaussianAutoencoder
    >>> total, error = objective(GaussianAutoencoder((8, 8), n=2, latent="points"), torch.rand(4, 1, 8, 8))
    >>> bool(total > error)
    True
    """
    trail = model.trail(images)
    errors = torch.stack([functional.mse_loss(attempt.drawn, images) for attempt in trail])
    if model.guided:
        return torch.log(errors + LEAST_ERROR).sum(), errors[-1].detach()
    total = errors.sum()
    for attempt in trail:
        if attempt.gaussians.presence is not None:
            total = total + presence_cost * attempt.gaussians.presence.sum(dim=-1).mean()
    return total, errors[-1].detach()
