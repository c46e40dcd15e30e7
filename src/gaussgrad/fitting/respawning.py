"""Respawn: give the Gaussian that matters least a second life where the image lacks light most."""

import torch

from gaussgrad import checks
from gaussgrad.fitting.schedules import blur_images
from gaussgrad.gaussians import Gaussians

BLUR = 1.0  # pixels, of the residual: a single pixel is no place for a Gaussian
WIDTH = 1.2  # pixels, of the Gaussian that starts anew


def respawn(residuals: torch.Tensor, gaussians: Gaussians, rank: int = 0) -> Gaussians:
    """The Gaussians with one of each image moved to where the residual, a little blurred, is largest.

    Parameters
    ----------
    residuals : tensor (b, c, h, w)
        Images minus what the Gaussians draw.
    gaussians : Gaussians
        means (b, n, 2), covariances or Cholesky factors (b, n, 3), weights (b, n, 1) or (b, n, c).
    rank : int
        0 takes the Gaussian that adds least to its image (by the integral of its square), 1 the next, and so on.

    Returns
    -------
    gaussians : Gaussians
        New ones. The moved Gaussian begins round, 1.2 pixels wide, with the value of the residual there. Not
        differentiable. Take some steps of `gaussgrad.fitting.refine`, then keep the better of both.

    Raises
    ------
    ValueError
        For shapes that disagree.

    Examples
    --------
    >>> import torch
    >>> residuals = torch.zeros(1, 1, 9, 9)
    >>> residuals[0, 0, 3, 5] = 1.0
    >>> wide, weights = torch.tensor([1.0, 0.0, 1.0]).expand(1, 2, 3), torch.tensor([[[1.0], [0.1]]])
    >>> respawn(residuals, Gaussians(torch.ones(1, 2, 2), wide, weights)).means.tolist()
    [[[1.0, 1.0], [5.0, 3.0]]]
    """
    if residuals.ndim != 4 or len(residuals) != len(gaussians.means):
        wanted = f"of shape ({len(gaussians.means)}, c, h, w)"
        raise ValueError(checks.complain("residuals", wanted, f"shape {tuple(residuals.shape)}"))
    b, _, colours = gaussians.weights.shape
    blurred = blur_images(residuals, BLUR)
    place = blurred.mean(1).flatten(1).argmax(1)
    width = residuals.shape[-1]
    values = blurred.flatten(2)[torch.arange(b), :, place]  # (b, c)
    if values.shape[1] != colours:
        values = values.mean(1, keepdim=True)
    energy = gaussians.weights.square().sum(-1) * _areas(gaussians)
    chosen = (torch.arange(b), energy.argsort(stable=True, dim=1)[:, rank % energy.shape[1]])
    names = ("means", gaussians.held, "weights")
    means, widths, weights = (getattr(gaussians, name).clone() for name in names)
    means[chosen] = torch.stack((place % width, place // width), -1).to(means)
    entry = WIDTH if gaussians.held == "cholesky" else WIDTH**2
    widths[chosen] = widths.new_tensor([entry, 0.0, entry])
    weights[chosen] = values
    return Gaussians(**dict(zip(names, (means, widths, weights), strict=True)))


def _areas(gaussians: Gaussians) -> torch.Tensor:
    """The square roots of the determinants (b, n), which areas are in proportion to."""
    if gaussians.held == "cholesky":
        xx, _, yy = gaussians.cholesky.unbind(-1)
        return xx * yy
    xx, xy, yy = gaussians.covariances.unbind(-1)
    return (xx * yy - xy * xy).clamp(min=0).sqrt()
