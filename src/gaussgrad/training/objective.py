"""What a training step makes smaller."""

import torch
import torch.nn.functional as functional

from gaussgrad.autoencoder.model import GaussianAutoencoder


def objective(
    model: GaussianAutoencoder, images: torch.Tensor, presence_cost: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The objective of a batch, to be minimised, and the mean squared error of its reconstruction, to be watched.

    Every attempt counts, not only the last, so that every look has something good to start from.

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
    >>> total, error = objective(GaussianAutoencoder((8, 8), n=2), torch.rand(4, 1, 8, 8))
    >>> bool(total > error)
    True
    """
    attempts = model.attempts(images)
    errors = torch.stack([functional.mse_loss(model.decode(gaussians), images) for gaussians in attempts])
    total = errors.sum()
    for gaussians in attempts:
        if gaussians.presence is not None:
            total = total + presence_cost * gaussians.presence.sum(dim=-1).mean()
    return total, errors[-1].detach()
