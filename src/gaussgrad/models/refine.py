"""Refine: optimise the Gaussians of images themselves, from the answer of an encoder or any other start."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from gaussgrad import checks, covariance
from gaussgrad.models.autoencoder import GaussianAutoencoder
from gaussgrad.models.heads import LARGEST_WEIGHT, Gaussians
from gaussgrad.models.respawn import respawn
from gaussgrad.ops.least_squares import MOST_CHANNELS, descend
from gaussgrad.ops.render import render

METHODS = (None, "levenberg-marquardt", "adam")
MOVES = ("means", "covariances", "weights")
MOST_GAUSSIANS = 64  # per image, for which equations are solved: their number grows with the square, the time more so
FIRST_ROUND, ROUND = 30, 14  # steps until a Gaussian may jump, and from then on between two jumps
SMALLEST_WIDTH = 0.3  # pixels: narrower Gaussians fall between the pixel centres
NOWHERE = -1e6  # pixels: where absent Gaussians wait, out of sight, and so stay absent
ADAM_RATE = 0.08  # in widths of the Gaussian; falls linearly to zero


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
        Where to start: means (b, n, 2), covariances (b, n, 3), weights (b, n), or (b, n, c) for colours; weights are
        values at the means. Not changed.
    steps : int
        Zero or more. From 44 on, Levenberg-Marquardt also lets the Gaussian that matters least jump to where light is
        missing, every 14 steps, and keeps what was worth it; then the order of the Gaussians tells nothing any more.
    background : float or tensor (c,)
        What the Gaussians are drawn on; it stays as it is.
    moves : sequence of {"means", "covariances", "weights"}
        What may change.
    weight_range : (float, float)
        Weights stay within it, unless they were outside before. Without bounds, two Gaussians may come to cancel each
        other with large weights of opposite signs.
    compose, tolerance
        As in `gaussgrad.render`, which draws with `amplitude="peak"`.
    method : {None, "levenberg-marquardt", "adam"}
        "levenberg-marquardt" solves the normal equations of each image: far more per step, on the CPU, for up to 64
        Gaussians and 3 channels. "adam" goes by gradients alone: any number, any device. None takes the first where it
        can.

    Returns
    -------
    gaussians : Gaussians
        Without gradients. No image is worse than before. Covariances stay positive definite, at least 0.3 pixels wide
        unless they were narrower. What was absent (weight 0, where presence is told) stays so.

    Raises
    ------
    ValueError
        For shapes that disagree, unknown names, or a method that cannot do what is asked.

    Notes
    -----
    Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters"; Kingma and Ba (2015), "Adam:
    a method for stochastic optimization", algorithm 1. Both move each Gaussian in coordinates of its own widths
    (docs/training.md).

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
    method = checks.option("method", method, METHODS)
    reason = _why_not_equations(images, gaussians)
    if method == "levenberg-marquardt" and reason:
        raise ValueError(checks.complain("method", f"'adam' {reason}", repr(method)))
    images = images.detach()
    background = torch.as_tensor(background, dtype=images.dtype, device=images.device).detach().expand(images.shape[1])
    start = _whole(gaussians, images)
    absent = None if gaussians.presence is None else (start.weights == 0).all(-1, keepdim=True)
    if absent is not None:
        start.means.masked_fill_(absent, NOWHERE)
    solve = _with_adam if method == "adam" or reason else _with_equations
    found = solve(images, start, steps, background, moves, (float(low), float(high)), compose, tolerance)
    weights = found.weights if gaussians.weights.ndim == 3 else found.weights[..., 0]
    means = found.means if absent is None else torch.where(absent, gaussians.means.detach(), found.means)
    return replace(gaussians, means=means, covariances=found.covariances, weights=weights)


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


def distillation_loss(gaussians: Gaussians, refined: Gaussians) -> torch.Tensor:
    """How far Gaussians are from refined ones: for training an encoder on what `refine` made of its own answer.

    Each Gaussian is compared with the one it became, in coordinates of the refined one's widths: the squared distance
    of the means, and that of the Cholesky factors, times its squared weight (light ones may be anywhere); and the
    squared difference of the weights.

    Parameters
    ----------
    gaussians : Gaussians
        Of an encoder: means (b, n, 2), covariances (b, n, 3), weights (b, n) or (b, n, c).
    refined : Gaussians
        `refine` of them, in the same order.

    Returns
    -------
    loss : tensor ()
        The mean over all Gaussians. Differentiable to `gaussians`; `refined` counts as given.

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
    for name in MOVES:
        first, second = getattr(gaussians, name), getattr(refined, name).detach()
        if first.shape != second.shape:
            wanted = f"of the shape of gaussians.{name} {tuple(first.shape)}"
            raise ValueError(checks.complain(f"refined.{name}", wanted, f"shape {tuple(second.shape)}"))
    a, b, c = covariance.to_cholesky(refined.covariances.detach()).unbind(-1)
    factors = covariance.to_cholesky(gaussians.covariances) - covariance.to_cholesky(refined.covariances.detach())
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


def _check(images: Any, gaussians: Any, steps: Any) -> int:
    if not isinstance(images, torch.Tensor) or images.dtype not in (torch.float32, torch.float64):
        got = str(images.dtype) if isinstance(images, torch.Tensor) else f"a {type(images).__name__}"
        raise TypeError(checks.complain("images", "a tensor of float32 or float64", got))
    if images.ndim != 4:
        raise ValueError(checks.complain("images", "of shape (b, c, h, w)", f"shape {tuple(images.shape)}"))
    if not isinstance(gaussians, Gaussians):
        wanted = "gaussgrad.models.heads.Gaussians, as encode gives them"
        raise TypeError(checks.complain("gaussians", wanted, f"a {type(gaussians).__name__}"))
    b, n = images.shape[0], gaussians.means.shape[-2]
    last: dict[str, list[tuple[int, ...]]] = {
        "means": [(2,)],
        "covariances": [(3,)],
        "weights": [(), images.shape[1:2]],
    }
    for name, tails in last.items():
        shapes = [(b, n, *tail) for tail in tails]
        value = getattr(gaussians, name)
        if tuple(value.shape) not in shapes or value.dtype != images.dtype:
            wanted = f"of shape {' or '.join(map(str, shapes))} and {images.dtype}, as the images"
            raise ValueError(checks.complain(f"gaussians.{name}", wanted, f"{tuple(value.shape)}, {value.dtype}"))
    if steps == 0:
        return 0
    return checks.count("steps", steps)


def _whole(gaussians: Gaussians, images: torch.Tensor) -> Gaussians:
    """Copies, with weights (b, n, channels that are drawn)."""
    weights = gaussians.weights if gaussians.weights.ndim == 3 else gaussians.weights[..., None]
    return Gaussians(gaussians.means.detach().clone(), gaussians.covariances.detach().clone(), weights.detach().clone())


def _why_not_equations(images: torch.Tensor, gaussians: Gaussians) -> str:
    """When Levenberg-Marquardt cannot do it, in words; empty where it can."""
    if images.device.type != "cpu":
        return f"for tensors on {images.device}"
    if gaussians.means.shape[1] > MOST_GAUSSIANS:
        return f"for more than {MOST_GAUSSIANS} Gaussians per image"
    if images.shape[1] > MOST_CHANNELS:
        return f"for more than {MOST_CHANNELS} channels"
    return ""


def _with_equations(
    images: torch.Tensor,
    start: Gaussians,
    steps: int,
    background: torch.Tensor,
    moves: list[str],
    weight_range: tuple[float, float],
    compose: str,
    tolerance: float,
) -> Gaussians:
    """Steps of the equations; many are spent in rounds, each of which moves one Gaussian to where light is missing."""
    rest = (background, moves, weight_range, compose, tolerance)
    may_jump = set(moves) == set(MOVES) and not bool((start.means == NOWHERE).any())
    first = steps if steps < FIRST_ROUND + ROUND or not may_jump else FIRST_ROUND + (steps - FIRST_ROUND) % ROUND
    best = _descended(images, start, first, *rest)
    for turn in range((steps - first) // ROUND):
        jumped = respawn(images - _drawn(best, images, background, compose, tolerance), best, turn)
        weights = jumped.weights.clamp(*weight_range)
        other = _descended(images, replace(jumped, weights=weights), ROUND, *rest)
        errors = [
            (_drawn(each, images, background, compose, tolerance) - images).square().sum((1, 2, 3))
            for each in (other, best)
        ]
        best = _better(errors[0] < errors[1], other, best)
    return best


def _descended(
    images: torch.Tensor,
    start: Gaussians,
    steps: int,
    background: torch.Tensor,
    moves: list[str],
    weight_range: tuple[float, float],
    compose: str,
    tolerance: float,
) -> Gaussians:
    targets = images
    if (
        start.weights.shape[-1] < images.shape[1]
    ):  # one weight for all channels: the best for their mean is best for all
        targets, background = (images - background[:, None, None]).mean(1, keepdim=True), background.new_zeros(1)
    factors = covariance.to_cholesky(start.covariances)
    arrays = [value.contiguous() for value in (targets, background, start.means, factors, start.weights)]
    descend(
        *(value.numpy() for value in arrays),
        moves=moves,
        compose=compose,
        tolerance=tolerance,
        narrowest=SMALLEST_WIDTH,
        weight_range=weight_range,
        steps=steps,
        threads=torch.get_num_threads(),
    )
    covariances = covariance.from_cholesky(arrays[3]) if "covariances" in moves else start.covariances
    return Gaussians(arrays[2], covariances, arrays[4])


@torch.enable_grad()
def _with_adam(
    images: torch.Tensor,
    start: Gaussians,
    steps: int,
    background: torch.Tensor,
    moves: list[str],
    weight_range: tuple[float, float],
    compose: str,
    tolerance: float,
) -> Gaussians:
    factors = covariance.to_cholesky(start.covariances)
    moved = [torch.zeros_like(start.means), torch.zeros_like(factors), torch.zeros_like(start.weights)]
    free = [value.requires_grad_() for name, value in zip(MOVES, moved, strict=True) if name in moves]
    if steps == 0 or not free:
        return start

    def squared_errors(gaussians: Gaussians) -> torch.Tensor:
        """(b,)"""
        return (_drawn(gaussians, images, background, compose, tolerance) - images).square().sum(dim=(1, 2, 3))

    optimizer = torch.optim.Adam(free, lr=ADAM_RATE, betas=(0.9, 0.99), eps=1e-12)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        squared_errors(_moved(start, factors, moved, weight_range)).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = _moved(start, factors, moved, weight_range)
        return _better(squared_errors(found) < squared_errors(start), found, start)


def _better(mask: torch.Tensor, first: Gaussians, second: Gaussians) -> Gaussians:
    """The Gaussians of the first where the mask (b,) says so, else of the second."""
    choice = mask[:, None, None]
    return Gaussians(*(torch.where(choice, getattr(first, name), getattr(second, name)) for name in MOVES))


def _moved(
    start: Gaussians, factors: torch.Tensor, moved: list[torch.Tensor], weight_range: tuple[float, float]
) -> Gaussians:
    """The Gaussians after moves (u, T, dw) in coordinates of their own: m + L u, L E(T), w + dw."""
    step, change, lighter = moved
    a, b, c = factors.unbind(-1)
    means = start.means + torch.stack((a * step[..., 0], b * step[..., 0] + c * step[..., 1]), dim=-1)
    wider, higher = torch.exp(change[..., 0]), torch.exp(change[..., 2])
    least_a, least_c = (value.clamp(max=SMALLEST_WIDTH) for value in (a, c))
    new = (torch.maximum(a * wider, least_a), b * wider + c * change[..., 1], torch.maximum(c * higher, least_c))
    low, high = (start.weights.clamp(max=weight_range[0]), start.weights.clamp(min=weight_range[1]))
    weights = torch.minimum(torch.maximum(start.weights + lighter, low), high)
    return Gaussians(means, covariance.from_cholesky(torch.stack(new, dim=-1)), weights)


def _drawn(
    gaussians: Gaussians, images: torch.Tensor, background: torch.Tensor, compose: str, tolerance: float
) -> torch.Tensor:
    """(b, c, h, w), c being the channels of the weights or of the background."""
    options: dict[str, Any] = {"size": tuple(images.shape[-2:]), "compose": compose, "tolerance": tolerance}
    drawn = render(gaussians.means, gaussians.covariances, gaussians.weights, amplitude="peak", **options)
    return drawn + background[:, None, None]
