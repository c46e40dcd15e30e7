"""Ways down the squared error between images and what their Gaussians draw: least squares, and gradients alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from gaussgrad import covariance
from gaussgrad.fitting import gauss_newton, least_squares
from gaussgrad.fitting.respawning import respawn
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops.render import render

MOVES = ("means", "covariances", "weights")
FIRST_ROUND, ROUND = 30, 14  # steps until a Gaussian may jump, and from then on between two jumps
SMALLEST_WIDTH = 0.3  # pixels: narrower Gaussians fall between the pixel centres
NOWHERE = -1e6  # pixels: where absent Gaussians wait, out of sight, and so stay absent
ADAM_RATE = 0.08  # in widths of the Gaussian; falls linearly to zero


@dataclass(frozen=True)
class Task:
    """What is to be drawn, on what, and what may move to get there; Gaussians have weights (b, n, colours)."""

    images: torch.Tensor  # (b, c, h, w)
    background: torch.Tensor  # (c,)
    moves: Sequence[str]
    weight_range: tuple[float, float]
    compose: str
    tolerance: float

    def drawn(self, gaussians: Gaussians) -> torch.Tensor:
        """(b, c, h, w)"""
        drawn = render(
            gaussians.means,
            gaussians.covariances,
            gaussians.weights,
            cholesky=gaussians.cholesky,
            size=tuple(self.images.shape[-2:]),
            amplitude="peak",
            compose=self.compose,
            tolerance=self.tolerance,
        )
        return drawn + self.background[:, None, None]

    def squared_errors(self, gaussians: Gaussians) -> torch.Tensor:
        """(b,)"""
        return (self.drawn(gaussians) - self.images).square().sum(dim=(1, 2, 3))

    def better(self, first: Gaussians, second: Gaussians) -> Gaussians:
        """Of each image those that draw it better; the second where they are equal."""
        choice = (self.squared_errors(first) < self.squared_errors(second))[:, None, None]
        names = ("means", second.held, "weights")
        chosen = {name: torch.where(choice, getattr(first, name), getattr(second, name)) for name in names}
        return replace(second, **chosen)


def by_marquardt(task: Task, start: Gaussians, steps: int) -> Gaussians:
    """Levenberg-Marquardt with sums over all pixels."""
    return _in_rounds(task, start, steps, partial(least_squares.descend, compose=task.compose))


def by_gauss_newton(task: Task, start: Gaussians, steps: int) -> Gaussians:
    """Gauss-Newton with integrals over pairs, for sums of Gaussians."""
    return _in_rounds(task, start, steps, gauss_newton.descend)


def _in_rounds(task: Task, start: Gaussians, steps: int, descend: Callable[..., None]) -> Gaussians:
    """Many steps go in rounds, each of which moves one Gaussian to where light is missing."""
    may_jump = set(task.moves) == set(MOVES) and not bool((start.means == NOWHERE).any())
    first = steps if steps < FIRST_ROUND + ROUND or not may_jump else FIRST_ROUND + (steps - FIRST_ROUND) % ROUND
    best = _descended(task, start, first, descend)
    for turn in range((steps - first) // ROUND):
        jumped = respawn(task.images - task.drawn(best), best, turn)
        weights = jumped.weights.clamp(*task.weight_range)
        best = task.better(_descended(task, replace(jumped, weights=weights), ROUND, descend), best)
    return best


def _descended(task: Task, start: Gaussians, steps: int, descend: Callable[..., None]) -> Gaussians:
    targets, background = task.images, task.background
    if start.weights.shape[-1] < targets.shape[1]:
        # One weight for all channels: the best for their mean is the best for all.
        targets, background = (targets - background[:, None, None]).mean(1, keepdim=True), background.new_zeros(1)
    factors = start.factors()
    arrays = [value.contiguous() for value in (targets, background, start.means, factors, start.weights)]
    descend(
        *(value.numpy() for value in arrays),
        moves=task.moves,
        tolerance=task.tolerance,
        narrowest=SMALLEST_WIDTH,
        weight_range=task.weight_range,
        steps=steps,
        threads=torch.get_num_threads(),
    )
    moved = replace(start, means=arrays[2], weights=arrays[4])
    return _of_factors(moved, arrays[3]) if "covariances" in task.moves else moved


@torch.enable_grad()
def by_gradients(task: Task, start: Gaussians, steps: int) -> Gaussians:
    """Adam, in the same coordinates."""
    factors = start.factors()
    moved = [torch.zeros_like(start.means), torch.zeros_like(factors), torch.zeros_like(start.weights)]
    free = [value.requires_grad_() for name, value in zip(MOVES, moved, strict=True) if name in task.moves]
    if steps == 0 or not free:
        return start
    optimizer = torch.optim.Adam(free, lr=ADAM_RATE, betas=(0.9, 0.99), eps=1e-12)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        task.squared_errors(_moved(start, factors, moved, task.weight_range)).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return task.better(_moved(start, factors, moved, task.weight_range), start)


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
    return _of_factors(replace(start, means=means, weights=weights), torch.stack(new, dim=-1))


def _of_factors(gaussians: Gaussians, factors: torch.Tensor) -> Gaussians:
    """Gaussians of other Cholesky factors, told as these are: by factors or by covariances."""
    if gaussians.held == "cholesky":
        return replace(gaussians, cholesky=factors)
    return replace(gaussians, covariances=covariance.from_cholesky(factors))
