"""Losses of heatmaps, one number per map: how far a map is from a Gaussian, and a true point from what a map says."""

from typing import Any

import torch

from gaussgrad import checks, covariance
from gaussgrad.ops.mixture import log_density
from gaussgrad.ops.moments import check_temperature


def kl_divergence_to_gaussian(
    maps: torch.Tensor, means: torch.Tensor, covariances: torch.Tensor, *, softmax: float | None = None
) -> torch.Tensor:
    """The Kullback-Leibler divergence from each map to a Gaussian, both as shares of the pixels.

    It pulls the whole map into the shape of a Gaussian at the true point; a loss on the mean alone leaves the shape
    free. It never takes the logarithm of zero, and adds nothing to avoid that.

    Parameters
    ----------
    maps : tensor (..., h, w)
        Light, zero or more; the share of each pixel counts. With `softmax`, logits.
    means : tensor (..., 2)
        x, y in pixels, inside the frame or out.
    covariances : tensor (..., 3) or (3,)
        Packed (xx, xy, yy) in pixels squared, positive definite.
    softmax : float, optional
        A temperature: the shares are then the softmax of logits divided by it.

    Returns
    -------
    loss : tensor (...)
        In nats, zero or more. Differentiable in all three tensors. Multiply it by 0 for
        keypoints that are not visible.

    Raises
    ------
    ValueError
        For shapes that disagree, negative light, or covariances that are not positive definite.

    Notes
    -----
    Nibali, He, Morgan and Prendergast (2018), "Numerical coordinate regression with convolutional neural networks",
    section 3.3.

    Examples
    --------
    >>> import torch
    >>> maps = torch.zeros(8, 8)
    >>> maps[3, 3] = maps[3, 4] = 1.0
    >>> round(kl_divergence_to_gaussian(maps, torch.tensor([3.5, 3.0]), torch.tensor([1.0, 0.0, 0.01])).item(), 4)
    0.3508
    """
    shares, logarithms = _shares(maps, softmax)
    return (shares * (logarithms - _log_gaussian(maps, means, covariances))).sum(-1)


def js_divergence_to_gaussian(
    maps: torch.Tensor, means: torch.Tensor, covariances: torch.Tensor, *, softmax: float | None = None
) -> torch.Tensor:
    """The Jensen-Shannon divergence between each map and a Gaussian, both as shares of the pixels.

    It is never above log 2, so a map that is very wrong counts no more than a map that is wrong.

    Parameters
    ----------
    maps, means, covariances, softmax
        As of `kl_divergence_to_gaussian`.

    Returns
    -------
    loss : tensor (...)
        In nats, from 0 to log 2. Differentiable in all three tensors.

    Raises
    ------
    ValueError
        As `kl_divergence_to_gaussian`.

    Notes
    -----
    Nibali, He, Morgan and Prendergast (2018), "Numerical coordinate regression with convolutional neural networks",
    section 3.3, where it trained best.

    Examples
    --------
    >>> import torch
    >>> maps = torch.zeros(8, 8)
    >>> maps[0, 0] = 1.0
    >>> round(js_divergence_to_gaussian(maps, torch.tensor([7.0, 7.0]), torch.tensor([0.1, 0.0, 0.1])).item(), 4)
    0.6931
    """
    shares, logarithms = _shares(maps, softmax)
    log_gaussian = _log_gaussian(maps, means, covariances)
    gaussian = log_gaussian.exp()
    log_middle = _log_or_zero((shares + gaussian) / 2)
    return (shares * (logarithms - log_middle) + gaussian * (log_gaussian - log_middle)).sum(-1) / 2


def negative_log_likelihood(points: torch.Tensor, means: torch.Tensor, covariances: torch.Tensor) -> torch.Tensor:
    """How unlikely each true point is under the mean and covariance that its map has.

    It teaches a network to say how sure it is: where errors are large, the covariance must be wide.

    Parameters
    ----------
    points, means : tensor (..., 2)
        The true x, y, and the predicted ones, for example of `gaussgrad.moments`.
    covariances : tensor (..., 3)
        Packed (xx, xy, yy), positive definite. Those of `gaussgrad.moments` become singular where all light is in one
        pixel: widen them by the width of a pixel, `covariance.blur(covariances, 12**-0.5)`.

    Returns
    -------
    loss : tensor (...)
        In nats. Differentiable in all three tensors.

    Raises
    ------
    ValueError
        For shapes that disagree, or covariances that are not positive definite.

    Notes
    -----
    Kendall and Gal (2017), "What uncertainties do we need in Bayesian deep learning for computer vision?", equation 5,
    with a full covariance.

    Examples
    --------
    >>> import torch
    >>> round(negative_log_likelihood(torch.zeros(2), torch.zeros(2), torch.tensor([1.0, 0.0, 1.0])).item(), 4)
    1.8379
    """
    _check_last_axes("points", points, points.shape[:-1], 2)
    _check_last_axes("means", means, points.shape[:-1], 2)
    _check_last_axes("covariances", covariances, points.shape[:-1], 3)
    return -log_density(points, means[..., None, :], covariances[..., None, :])[..., 0]


def _shares(maps: Any, softmax: float | None) -> tuple[torch.Tensor, torch.Tensor]:
    """The share of each pixel (..., h w), and its logarithm, 0 where there is none."""
    if not isinstance(maps, torch.Tensor) or maps.ndim < 2:
        got = f"shape {tuple(maps.shape)}" if isinstance(maps, torch.Tensor) else f"a {type(maps).__name__}"
        raise ValueError(checks.complain("maps", "a tensor of shape (..., h, w)", got))
    temperature = check_temperature(softmax)
    if temperature:
        logarithms = torch.log_softmax(maps.flatten(-2) / temperature, -1)
        return logarithms.exp(), torch.where(logarithms > -torch.inf, logarithms, 0.0)
    _check_light(maps)
    light = maps.flatten(-2)
    shares = light / light.sum(-1, keepdim=True)
    return shares, _log_or_zero(shares)


def _log_or_zero(shares: torch.Tensor) -> torch.Tensor:
    """The logarithm where there is one; elsewhere 0, as a share of 0 times its logarithm is 0."""
    return torch.where(shares > 0, shares, 1.0).log()


def _log_gaussian(maps: torch.Tensor, means: torch.Tensor, covariances: torch.Tensor) -> torch.Tensor:
    """The logarithm of the share that each pixel (..., h w) has of a Gaussian in the frame."""
    _check_last_axes("means", means, maps.shape[:-2], 2)
    if covariances.ndim > 1:
        _check_last_axes("covariances", covariances, maps.shape[:-2], 3)
    factors = covariance.to_cholesky(covariances)
    height, width = maps.shape[-2:]
    x, y = (torch.arange(length, dtype=means.dtype, device=means.device) for length in (width, height))
    along_x = (x - means[..., :1])[..., None, :] / factors[..., 0, None, None]
    along_y = ((y - means[..., 1:])[..., :, None] - factors[..., 1, None, None] * along_x) / factors[..., 2, None, None]
    return torch.log_softmax(-0.5 * (along_x**2 + along_y**2).flatten(-2), -1)


def _check_last_axes(name: str, values: torch.Tensor, leading: torch.Size, entries: int) -> None:
    wanted = (*leading, entries)
    if tuple(values.shape) != wanted:
        raise ValueError(checks.complain(name, f"of shape {wanted}", f"shape {tuple(values.shape)}"))


def _check_light(maps: torch.Tensor) -> None:
    """Refuse negative light, and maps without light, where values are known: on the CPU and not while tracing."""
    if torch.compiler.is_compiling() or maps.device.type != "cpu" or not maps.numel():
        return
    smallest, faintest = maps.min().item(), maps.sum((-2, -1)).min().item()
    if smallest < 0:
        cure = "Pass softmax=1.0 for logits."
        raise ValueError(checks.complain("maps", "zero or more", f"a smallest value of {smallest:g}", cure))
    if not faintest > 0:
        raise ValueError(checks.complain("maps", "of some light each", f"one that sums to {faintest:g}"))
