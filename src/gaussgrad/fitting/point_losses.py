"""Losses between sets of points, and between points and images, that pull from any distance."""

from typing import Any

import torch

from gaussgrad import checks


def energy_distance(means: torch.Tensor, images: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The energy distance between where the points are and where the light of the images is.

    2 E|X - Y| - E|X - X'| - E|Y - Y'| for X drawn among the points and Y among the pixels, in proportion to weights and
    light. The first term pulls every point towards the light from any distance. The second keeps points apart, so each
    finds light of its own. A pixel loss has neither: its pull is gone beyond some widths.

    Parameters
    ----------
    means : tensor (b, n, 2)
        x, y in pixels.
    images : tensor (b, h, w) or (b, 1, h, w)
        Light, zero or more. Subtract a bright background first, because its light counts too.
    weights : tensor (b, n), optional
        The share of the light of each point, zero or more; any scale. Equal when absent.

    Returns
    -------
    loss : tensor (b,)
        In pixels, zero or more: zero where the points are the light. Images without light give 0. Differentiable in
        `means` and `weights`; images are not differentiated.

    Raises
    ------
    ValueError
        For shapes that disagree, or negative values.

    Notes
    -----
    Székely and Rizzo (2013), "Energy statistics", equation 1. The cost is n h w per image.

    Examples
    --------
    >>> import torch
    >>> images = torch.zeros(1, 5, 9)
    >>> images[0, 2, 1] = images[0, 2, 7] = 1.0
    >>> energy_distance(torch.tensor([[[1.0, 2.0], [7.0, 2.0]]]), images).item() < 1e-5
    True
    >>> energy_distance(torch.tensor([[[4.0, 2.0], [4.0, 2.0]]]), images).item()
    3.0
    """
    light = _light(means, images)
    shares = _shares(means, weights)
    height, width = light.shape[1:]
    pixels = _pixel_centres(height, width, means)
    masses = light / light.sum(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(light.dtype).tiny)
    to_light = torch.cdist(means, pixels.expand(len(means), -1, -1)) @ masses.flatten(1)[..., None]  # (b, n, 1)
    among_points = torch.einsum("bi,bij,bj->b", shares, torch.cdist(means, means), shares)
    loss = 2 * (shares * to_light[..., 0]).sum(-1) - among_points - _spread(masses)
    return torch.where(light.sum(dim=(1, 2)) > 0, loss, 0.0 * loss)


def separation(means: torch.Tensor, distance: float) -> torch.Tensor:
    """A penalty for points of one set that are too close together.

    Parameters
    ----------
    means : tensor (..., n, d)
        Points.
    distance : float
        Pairs farther apart than this cost nothing; in the unit of the points.

    Returns
    -------
    loss : tensor (...)
        The mean over all pairs of max(0, 1 - distance of the pair / distance)^2: 1 where all coincide, 0 where all are
        far enough, or there is one point only. Differentiable in `means`; points that coincide exactly
        have no direction in which to part, and get no gradient.

    Raises
    ------
    ValueError
        For a distance that is not positive, or too few axes.

    Examples
    --------
    >>> import torch
    >>> separation(torch.tensor([[0.0, 0.0], [0.0, 1.0]]), 2.0).item()
    0.25
    """
    distance = checks.number("distance", distance, "positive", torch.finfo(torch.float32).tiny)
    _check_points("means", means)
    n = means.shape[-2]
    if n < 2:
        return means.sum(dim=(-2, -1)) * 0.0
    first, second = torch.triu_indices(n, n, offset=1, device=means.device)
    apart = torch.linalg.vector_norm(means[..., first, :] - means[..., second, :], dim=-1)
    return torch.relu(1 - apart / distance).square().mean(-1)


def chamfer_distance(points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean squared distance from each point to the nearest target, plus that from each target to the nearest point.

    Parameters
    ----------
    points : tensor (..., n, d)
    targets : tensor (..., m, d)
        n and m are at least 1 and may differ; the leading axes are the same.

    Returns
    -------
    loss : tensor (...)
        Squared unit of the points. Differentiable in both. Cheap, but several points may share one target; if each
        needs its own, use `gaussgrad.fitting.matched_distance`.

    Raises
    ------
    ValueError
        For shapes that disagree, or empty sets.

    Notes
    -----
    Fan, Su and Guibas (2017), "A point set generation network for 3D object reconstruction from a single image",
    equation 1; here the mean in place of the sum.

    Examples
    --------
    >>> import torch
    >>> chamfer_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])).item()
    6.0
    """
    check_sets(points, targets)
    if 0 in (points.shape[-2], targets.shape[-2]):
        wanted = f"at least one point and one target; got {points.shape[-2]} and {targets.shape[-2]}"
        raise ValueError(f"points and targets must hold {wanted}.")
    squared = (points[..., :, None, :] - targets[..., None, :, :]).square().sum(-1)  # (..., n, m)
    return squared.amin(-1).mean(-1) + squared.amin(-2).mean(-1)


def check_sets(points: Any, targets: Any) -> None:
    """Refuse two sets of points that cannot be compared: (..., n, d) and (..., m, d)."""
    _check_points("points", points)
    _check_points("targets", targets)
    wanted = (*points.shape[:-2], "m", points.shape[-1])
    if targets.shape[:-2] != points.shape[:-2] or targets.shape[-1] != points.shape[-1]:
        shape = f"of shape ({', '.join(map(str, wanted))}), as points {tuple(points.shape)}"
        raise ValueError(checks.complain("targets", shape, f"shape {tuple(targets.shape)}"))


def _check_points(name: str, points: Any) -> None:
    if not isinstance(points, torch.Tensor) or not points.is_floating_point():
        got = str(points.dtype) if isinstance(points, torch.Tensor) else f"a {type(points).__name__}"
        raise TypeError(checks.complain(name, "a tensor of a floating-point dtype", got))
    if points.ndim < 2:
        raise ValueError(checks.complain(name, "of shape (..., n, d)", f"shape {tuple(points.shape)}"))


def _light(means: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """(b, h, w), checked against the means."""
    _check_points("means", means)
    if means.ndim != 3 or means.shape[-1] != 2:
        raise ValueError(checks.complain("means", "of shape (b, n, 2)", f"shape {tuple(means.shape)}"))
    light = images.detach()
    if light.ndim == 4 and light.shape[1] == 1:
        light = light[:, 0]
    if light.ndim != 3 or len(light) != len(means):
        wanted = f"of shape ({len(means)}, h, w) or ({len(means)}, 1, h, w), as many as sets of means"
        cure = "Sum the channels." if images.ndim == 4 and len(images) == len(means) else ""
        raise ValueError(checks.complain("images", wanted, f"shape {tuple(images.shape)}", cure))
    if bool((light < 0).any()):
        got = f"a smallest value of {light.min().item():g}"
        raise ValueError(checks.complain("images", "zero or more", got, "Use images.clamp(min=0)."))
    return light


def _shares(means: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """(b, n), summing to 1."""
    if weights is None:
        return means.new_full(means.shape[:2], 1 / max(means.shape[1], 1))
    if weights.shape != means.shape[:2]:
        wanted = f"of shape {tuple(means.shape[:2])}"
        raise ValueError(checks.complain("weights", wanted, f"shape {tuple(weights.shape)}"))
    if bool((weights < 0).any()):
        raise ValueError(checks.complain("weights", "zero or more", f"a smallest one of {weights.min().item():g}"))
    return weights / weights.sum(-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)


def _pixel_centres(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """(h w, 2): x, y of each pixel."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1).to(like)


def _spread(masses: torch.Tensor) -> torch.Tensor:
    """(b,): E|Y - Y'| of pixels drawn twice, by the autocorrelation of the masses (b, h, w)."""
    height, width = masses.shape[1:]
    size = (2 * height, 2 * width)
    power = torch.fft.rfft2(masses.double(), s=size).abs().square()
    correlation = torch.fft.irfft2(power, s=size)
    y = torch.fft.fftfreq(size[0], 1 / size[0], device=masses.device, dtype=torch.float64)
    x = torch.fft.fftfreq(size[1], 1 / size[1], device=masses.device, dtype=torch.float64)
    return (correlation * torch.hypot(y[:, None], x[None])).sum(dim=(1, 2)).to(masses.dtype)
