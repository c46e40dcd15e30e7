"""Losses between images, each one number to minimise, usable alone in any training loop."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from gaussgrad import checks

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def squared_error(images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean squared error: the likelihood of Gaussian noise that is equal in all pixels.

    Parameters
    ----------
    images, targets : tensor (..., h, w)
        Of one shape; the first usually drawn, the second observed.

    Returns
    -------
    loss : tensor ()
        The mean over all pixels. Differentiable in both.

    Raises
    ------
    ValueError
        For shapes that differ; they are not broadcast.

    Examples
    --------
    >>> import torch
    >>> squared_error(torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)).item()
    0.25
    """
    _same_shape(images, targets)
    return functional.mse_loss(images, targets)


def absolute_error(images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean absolute error: it forgives single pixels that are far off, such as dust, and keeps edges.

    Parameters
    ----------
    images, targets : tensor (..., h, w)
        Of one shape.

    Returns
    -------
    loss : tensor ()
        The mean over all pixels. Differentiable in both; the derivative is 0 where they are equal.

    Raises
    ------
    ValueError
        For shapes that differ.

    Examples
    --------
    >>> import torch
    >>> absolute_error(torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)).item()
    0.5
    """
    _same_shape(images, targets)
    return functional.l1_loss(images, targets)


def poisson_error(rates: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """The mean negative log-likelihood of photon counts whose expected values are drawn.

    rate - count log(rate) + log(count!), without the small number that is often added inside the logarithm: a rate of
    zero where photons were counted is impossible, and the loss is infinite. Give the image a background.

    Parameters
    ----------
    rates : tensor (..., h, w)
        Expected counts, positive, such as `background + gaussgrad.render(...)`.
    counts : tensor (..., h, w)
        Counted photons, zero or more, of the dtype of `rates`.

    Returns
    -------
    loss : tensor ()
        In nats per pixel. Differentiable in `rates`.

    Raises
    ------
    ValueError
        For shapes that differ, rates that are not positive, or negative counts.

    Notes
    -----
    Smith, Joseph, Rieger and Lidke (2010), "Fast, single-molecule localization that achieves theoretically minimum
    uncertainty", equation 3.

    Examples
    --------
    >>> import torch
    >>> round(poisson_error(torch.full((2, 2), 3.0), torch.full((2, 2), 3.0)).item(), 4)
    1.4959
    """
    _same_shape(rates, counts, ("rates", "counts"))
    _refuse("rates", rates, rates <= 0, "positive", "Add a background above zero.")
    _refuse("counts", counts, counts < 0, "zero or more")
    return (rates - counts * torch.log(rates) + torch.lgamma(counts + 1)).mean()


def multi_scale(loss: Loss, scales: int = 3) -> Loss:
    """The mean of a loss over images of full size, half size, a quarter ...

    A small copy is smooth, so that a Gaussian which is several widths away from its place still gets a pull.

    Parameters
    ----------
    loss : callable
        Any loss of images and targets, such as `squared_error`.
    scales : int
        How many sizes, each half the one before (2 by 2 pixels averaged; an odd row or column at the end left out).

    Returns
    -------
    loss : callable
        A loss of images and targets (b, c, h, w). It raises ValueError where they are too small to be halved so often.

    Notes
    -----
    Burt and Adelson (1983), "The Laplacian pyramid as a compact image code".

    Examples
    --------
    >>> import torch
    >>> multi_scale(squared_error, 2)(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)).item()
    1.0
    """
    scales = checks.count("scales", scales)

    def over_scales(images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        _same_shape(images, targets)
        if images.ndim != 4 or min(images.shape[-2:]) < 2 ** (scales - 1):
            wanted = f"of shape (b, c, h, w), at least {2 ** (scales - 1)} pixels high and wide for scales={scales}"
            raise ValueError(checks.complain("images", wanted, f"shape {tuple(images.shape)}"))
        total = loss(images, targets)
        for _ in range(scales - 1):
            images, targets = functional.avg_pool2d(images, 2), functional.avg_pool2d(targets, 2)
            total = total + loss(images, targets)
        return total / scales

    return over_scales


def _same_shape(first: Any, second: Any, names: tuple[str, str] = ("images", "targets")) -> None:
    for name, value in zip(names, (first, second), strict=True):
        if not isinstance(value, torch.Tensor):
            raise TypeError(checks.complain(name, "a tensor", f"a {type(value).__name__}"))
    if first.shape != second.shape:
        wanted = f"of the shape of {names[0]} {tuple(first.shape)}"
        raise ValueError(checks.complain(names[1], wanted, f"shape {tuple(second.shape)}"))


def _refuse(name: str, values: torch.Tensor, bad: torch.Tensor, wanted: str, cure: str = "") -> None:
    """Refuse the first bad value, where values are known: on the CPU and not while tracing."""
    if torch.compiler.is_compiling() or values.device.type != "cpu" or not bool(bad.any()):
        return
    index = tuple(int(i) for i in bad.nonzero()[0])
    raise ValueError(checks.complain(name, wanted, f"{values[index].item():g} at {name}{list(index)}", cure))
