"""Blur that fades while training: the picture and the Gaussians are widened alike, so that far ones still meet."""

import math
from dataclasses import replace

import torch

from gaussgrad import checks
from gaussgrad.gaussians import Gaussians

EDGES = ("zero", "repeat")
LEAST_BLUR = 0.3  # pixels: below, a sampled kernel is a single one


def annealed(step: int, steps: int, first: float, last: float = 0.0) -> float:
    """A value that falls from `first` to `last` over the steps, along half a cosine, and then stays.

    Parameters
    ----------
    step : int
        From 0.
    steps : int
        How many steps the fall takes, at least 1.
    first, last : float
        The values at its two ends, such as widths of a blur in pixels, weights of a loss, or learning rates.

    Returns
    -------
    value : float

    Raises
    ------
    ValueError
        For a negative step, or steps below 1.

    Notes
    -----
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", equation 5.

    Examples
    --------
    >>> [round(annealed(step, 4, 8.0), 3) for step in range(6)]
    [8.0, 6.828, 4.0, 1.172, 0.0, 0.0]
    """
    steps = checks.count("steps", steps)
    progress = min(checks.number("step", step, "zero or more", 0.0) / steps, 1.0)
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * progress))


def blur_images(images: torch.Tensor, stddev: float, *, edge: str = "zero") -> torch.Tensor:
    """Images after a Gaussian blur that treats the edge of the frame as drawn Gaussians do.

    Parameters
    ----------
    images : tensor (..., h, w)
        Of a floating-point dtype.
    stddev : float
        Width of the blur in pixels, zero or more; it may be wider than the image.
    edge : {"zero", "repeat"}
        What lies outside the frame. "zero": nothing. Light is then lost over the edge as it is from drawn Gaussians, so
        blurring a drawn image gives the image of `blur_gaussians`. "repeat": the outermost pixels, repeated; for
        photographs and images on a bright background.

    Returns
    -------
    images : tensor (..., h, w)
        Differentiable in `images`.

    Raises
    ------
    ValueError
        For a negative stddev, an unknown edge, or fewer than two axes.

    Notes
    -----
    The blur multiplies by two small matrices of the sampled Gaussian, one per axis. The cost is h + w per pixel for any
    width. Sampling changes values by 1e-3 at a width of 0.7 pixels, and by less than 1e-6 from 1 pixel on.

    Examples
    --------
    >>> import torch
    >>> image = torch.zeros(1, 7)
    >>> image[0, 3] = 1.0
    >>> [round(value, 3) for value in blur_images(image, 1.0)[0].tolist()]
    [0.002, 0.022, 0.097, 0.159, 0.097, 0.022, 0.002]
    """
    stddev = checks.number("stddev", stddev, "zero or more pixels", 0.0)
    edge = checks.option("edge", edge, EDGES)
    if images.ndim < 2:
        raise ValueError(checks.complain("images", "of shape (..., h, w)", f"shape {tuple(images.shape)}"))
    if stddev < LEAST_BLUR:
        return images
    down, across = (_blur_matrix(length, stddev, edge).to(images) for length in images.shape[-2:])
    return down @ images @ across.mT


def _blur_matrix(length: int, stddev: float, edge: str) -> torch.Tensor:
    """(length, length): row i has the weights of pixel i."""
    reach = math.ceil(6 * stddev)
    offsets = torch.arange(-reach - length, reach + length + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offsets / stddev) ** 2)
    kernel = kernel / kernel.sum()
    place = torch.arange(length)
    middle = reach + length
    matrix = kernel[middle + place[None] - place[:, None]]
    if edge == "repeat":
        below = torch.cumsum(kernel, 0)
        matrix[:, 0] = below[middle - place]
        matrix[:, -1] = below[middle - (length - 1) + place]
    return matrix


def blur_gaussians(gaussians: Gaussians, stddev: float) -> Gaussians:
    """The Gaussians whose image is that of these, blurred: wider, and with `amplitude="peak"` lower.

    Parameters
    ----------
    gaussians : Gaussians
        Of a model, or of your own: means (..., n, 2), covariances or Cholesky factors (..., n, 3), weights (..., n) or
        (..., n, c), the weights being values at the means.
    stddev : float
        Width of the blur in pixels, zero or more.

    Returns
    -------
    gaussians : Gaussians
        The same means and presence; widths by `gaussgrad.covariance.blur`, of the kind that came; weights that keep
        the integral of each Gaussian. Differentiable in all of them.

    Raises
    ------
    ValueError
        For a negative stddev, or covariances that are not positive definite.

    Examples
    --------
    >>> import torch
    >>> wide = blur_gaussians(Gaussians(torch.zeros(1, 2), torch.tensor([[3.0, 0.0, 3.0]]), torch.ones(1)), 1.0)
    >>> wide.covariances.tolist(), wide.weights.tolist()
    ([[4.0, 0.0, 4.0]], [0.75])
    """
    stddev = checks.number("stddev", stddev, "zero or more pixels", 0.0)
    blurred = gaussians.blur(stddev)
    lower = torch.sqrt(_determinant(gaussians) / _determinant(blurred))
    if gaussians.weights.ndim == gaussians.means.ndim:
        lower = lower[..., None]
    return replace(blurred, weights=gaussians.weights * lower)


def _determinant(gaussians: Gaussians) -> torch.Tensor:
    """(..., n), of the covariances."""
    if gaussians.held == "cholesky":
        xx, _, yy = gaussians.cholesky.unbind(-1)
        return (xx * yy).square()
    xx, xy, yy = gaussians.covariances.unbind(-1)
    return xx * yy - xy * xy
