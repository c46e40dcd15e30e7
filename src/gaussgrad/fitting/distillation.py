"""Distil: teach an encoder what refinement made of its own answer."""

import torch

from gaussgrad import checks
from gaussgrad.gaussians import Gaussians


def distillation_loss(gaussians: Gaussians, refined: Gaussians) -> torch.Tensor:
    """How far Gaussians are from refined ones: trains an encoder on its own answer after `refine`.

    Each Gaussian is compared with its refined version. The loss adds the squared distances of the means and of the
    Cholesky factors, in units of the refined widths and times the squared weight (so faint Gaussians may be anywhere),
    and the squared difference of the weights.

    Parameters
    ----------
    gaussians : Gaussians
        Of an encoder: means (b, n, 2), covariances or Cholesky factors (b, n, 3), weights (b, n) or (b, n, c).
    refined : Gaussians
        `gaussgrad.fitting.refine` of them, in the same order.

    Returns
    -------
    loss : tensor ()
        The mean over all Gaussians. Differentiable in `gaussians`; `refined` is a constant.

    Raises
    ------
    ValueError
        For shapes that disagree.

    Examples
    --------
    >>> import torch
    >>> place = torch.tensor([[[4.0, 4.0]]])
    >>> wide = torch.tensor([[[4.0, 0.0, 4.0]]])
    >>> distillation_loss(Gaussians(place, wide, torch.ones(1, 1)), Gaussians(place + 2, wide, torch.ones(1, 1))).item()
    2.0
    """
    for name, own in (("means", "means"), (gaussians.held, refined.held), ("weights", "weights")):
        first, second = getattr(gaussians, name), getattr(refined, own)
        if first.shape != second.shape:
            wanted = f"of the shape of gaussians.{name} {tuple(first.shape)}"
            raise ValueError(checks.complain(f"refined.{own}", wanted, f"shape {tuple(second.shape)}"))
    shapes = refined.factors().detach()
    a, b, c = shapes.unbind(-1)
    factors = gaussians.factors() - shapes
    apart = gaussians.means - refined.means.detach()
    squared = _whitened(apart[..., 0], apart[..., 1], a, b, c) + _whitened(factors[..., 0], factors[..., 1], a, b, c)
    squared = squared + (factors[..., 2] / c).square()
    lighter = (gaussians.weights - refined.weights.detach()).square()
    weight = refined.weights.detach().square()
    if weight.ndim == squared.ndim + 1:
        weight, lighter = weight.mean(-1), lighter.mean(-1)
    return (weight * squared + lighter).mean()


def _whitened(x: torch.Tensor, y: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The squared length of L^-1 (x, y)."""
    across = x / a
    return across.square() + ((y - b * across) / c).square()
