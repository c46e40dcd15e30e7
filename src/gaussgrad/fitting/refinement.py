"""Refine: optimise the Gaussians of each image, from the answer of an encoder or any other start."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from gaussgrad import checks
from gaussgrad.fitting.descents import MOVES, NOWHERE, Task, by_gauss_newton, by_gradients, by_marquardt
from gaussgrad.fitting.least_squares import MOST_CHANNELS
from gaussgrad.gaussians import Gaussians

METHODS = {"gauss-newton": by_gauss_newton, "levenberg-marquardt": by_marquardt, "adam": by_gradients}  # best first
MOST_GAUSSIANS = 64  # per image, for which equations are solved: their number grows with the square, the time more so


def refine(
    images: torch.Tensor,
    gaussians: Gaussians,
    steps: int = 10,
    *,
    background: torch.Tensor | float = 0.0,
    moves: Sequence[str] = MOVES,
    weight_range: tuple[float, float] = (-math.inf, math.inf),
    compose: str = "sum",
    tolerance: float = 1e-4,
    method: str | None = None,
) -> Gaussians:
    """The Gaussians after some steps down the mean squared error to their images, each image on its own.

    Parameters
    ----------
    images : tensor (b, c, h, w)
        float32 or float64.
    gaussians : Gaussians
        Where to start: means (b, n, 2), covariances or Cholesky factors (b, n, 3), weights (b, n), or (b, n, c) for
        colours; weights are values at the means. Not changed.
    steps : int
        Zero or more. From 44 steps on, least squares also moves the Gaussian that matters least to where light is
        missing, every 14 steps, if that helps. The order of the Gaussians then has no meaning any more.
    background : float or tensor (c,)
        What the Gaussians are drawn on. It does not change.
    moves : sequence of {"means", "covariances", "weights"}
        What may change; "covariances" are the widths, also if they are Cholesky factors.
    weight_range : (float, float)
        Weights stay within this range, unless they were outside before. Without it, two Gaussians may get large weights
        of opposite signs that cancel each other.
    compose, tolerance
        As in `gaussgrad.render`, which draws with `amplitude="peak"`.
    method : {None, "gauss-newton", "levenberg-marquardt", "adam"}
        "gauss-newton" takes steps of least squares by integrals over pairs of Gaussians: sums, on the CPU, any number
        of Gaussians. "levenberg-marquardt" solves the equations of all pixels, slower: any `compose`, on the CPU, for
        up to 64 Gaussians and 3 channels. "adam" uses gradients alone: everything, any device. None takes the first
        that can do it.

    Returns
    -------
    gaussians : Gaussians
        Without gradients, with covariances or Cholesky factors as they came. No image is worse than before. Covariances
        stay positive definite, at least 0.3 pixels wide unless they were narrower. What was absent (weight 0, where
        presence is told) stays so.

    Raises
    ------
    ValueError
        For shapes that disagree, unknown names, or a method that cannot do what is asked.

    Notes
    -----
    Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters"; Nielsen (1999), "Damping
    parameter in Marquardt's method"; Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.
    All move each Gaussian in coordinates of its own widths (docs/training.md; docs/maths.md, equations 58 to 61).

    Examples
    --------
    >>> import gaussgrad, torch
    >>> image = gaussgrad.render([[8.0, 7.0]], [4.0, 1.0, 3.0], size=(16, 16), amplitude="peak")
    >>> images = torch.tensor(image)[None, None].float()
    >>> start = Gaussians(torch.tensor([[[9.0, 9.0]]]), torch.tensor([[[3.0, 0.0, 3.0]]]), torch.ones(1, 1))
    >>> refine(images, start, 10).means.round(decimals=2).tolist()
    [[[8.0, 7.0]]]
    """
    steps = _check(images, gaussians, steps)
    compose = checks.option("compose", compose, ("sum", "max", "union"))
    tolerance = checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0)
    low, high = weight_range
    if not low < high:
        raise ValueError(checks.complain("weight_range", "(low, high) with low < high", repr(weight_range)))
    moves = [checks.option("moves", name, MOVES) for name in moves]
    method = checks.option("method", method, (None, *METHODS))
    able = [name for name in METHODS if not _why_not(name, images, gaussians, compose)]
    if method is not None and method not in able:
        wanted = f"{' or '.join(map(repr, able))} {_why_not(method, images, gaussians, compose)}"
        raise ValueError(checks.complain("method", wanted, repr(method)))
    images = images.detach()
    background = torch.as_tensor(background, dtype=images.dtype, device=images.device).detach().expand(images.shape[1])
    start = _whole(gaussians, images)
    absent = None if gaussians.presence is None else (start.weights == 0).all(-1, keepdim=True)
    if absent is not None:
        start.means.masked_fill_(absent, NOWHERE)
    task = Task(images, background, moves, (float(low), float(high)), compose, tolerance)
    found = METHODS[method or able[0]](task, start, steps)
    weights = found.weights if gaussians.weights.ndim == 3 else found.weights[..., 0]
    means = found.means if absent is None else torch.where(absent, gaussians.means.detach(), found.means)
    return replace(found, means=means, weights=weights, presence=gaussians.presence)


def _check(images: Any, gaussians: Any, steps: Any) -> int:
    if not isinstance(images, torch.Tensor) or images.dtype not in (torch.float32, torch.float64):
        got = str(images.dtype) if isinstance(images, torch.Tensor) else f"a {type(images).__name__}"
        raise TypeError(checks.complain("images", "a tensor of float32 or float64", got))
    if images.ndim != 4:
        raise ValueError(checks.complain("images", "of shape (b, c, h, w)", f"shape {tuple(images.shape)}"))
    if not isinstance(gaussians, Gaussians):
        wanted = "gaussgrad.gaussians.Gaussians, as encode gives them"
        raise TypeError(checks.complain("gaussians", wanted, f"a {type(gaussians).__name__}"))
    b, n = images.shape[0], gaussians.means.shape[-2]
    last: dict[str, list[tuple[int, ...]]] = {
        "means": [(2,)],
        gaussians.held: [(3,)],
        "weights": [(), images.shape[1:2]],
    }
    for name, tails in last.items():
        shapes = [(b, n, *tail) for tail in tails]
        value = getattr(gaussians, name)
        if not isinstance(value, torch.Tensor):
            raise TypeError(checks.complain(f"gaussians.{name}", "a tensor", f"a {type(value).__name__}"))
        if tuple(value.shape) not in shapes or value.dtype != images.dtype:
            wanted = f"of shape {' or '.join(map(str, shapes))} and {images.dtype}, as the images"
            raise ValueError(checks.complain(f"gaussians.{name}", wanted, f"{tuple(value.shape)}, {value.dtype}"))
    if steps == 0:
        return 0
    return checks.count("steps", steps)


def _whole(gaussians: Gaussians, images: torch.Tensor) -> Gaussians:
    """Copies, with weights (b, n, channels that are drawn), without presence."""
    weights = gaussians.weights if gaussians.weights.ndim == 3 else gaussians.weights[..., None]
    arrays = {"means": gaussians.means, gaussians.held: getattr(gaussians, gaussians.held), "weights": weights}
    return Gaussians(**{name: array.detach().clone() for name, array in arrays.items()})


def _why_not(method: str, images: torch.Tensor, gaussians: Gaussians, compose: str) -> str:
    """When a method cannot do it, in words; empty where it can."""
    if method == "adam":
        return ""
    if images.device.type != "cpu":
        return f"for tensors on {images.device}"
    if method == "gauss-newton":
        return "" if compose == "sum" else f"for compose={compose!r}"
    if gaussians.means.shape[1] > MOST_GAUSSIANS:
        return f"for more than {MOST_GAUSSIANS} Gaussians per image"
    if images.shape[1] > MOST_CHANNELS:
        return f"for more than {MOST_CHANNELS} channels"
    return ""
