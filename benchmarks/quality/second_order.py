"""Whether second-order steps draw photographs better than `fit_image` in the same time: damped Gauss-Newton.

Each step solves (J'J + damping D) u = -J'r by conjugate gradients, in coordinates of each Gaussian's own widths, with
no matrix: J'v is the gradient of `render`, Jv a difference of two drawings. D is the diagonal of J'J where Gaussians
stand alone (Marquardt, 1963; Martens, 2010, "Deep learning via Hessian-free optimization").
"""

import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from benchmarks.quality.photographs import PAGE, TOLERANCE, load
from gaussgrad import Picture, render
from gaussgrad.fitting.photographs import Fit, Moment, fit_image

NARROWEST = 0.25  # pixels, as in `fit_image`
FURTHEST = 0.5  # that a shape moves in one step, in its own widths
ITERATIONS = 12  # of conjugate gradients in one step
DAMPING, LEAST_DAMPING = 0.1, 1e-4
DIFFERENCE = 1e-2  # of own widths, between two drawings
FINISH = 0.6  # of the time, when all Gaussians are there: what comes after it is done by either
COLUMNS = ("image", "fit_image", "Gauss-Newton", f"Gauss-Newton after {FINISH:.0%} of fit_image")
CURVATURE = math.pi * np.array([0.5, 0.5, 0.75, 0.25, 0.75])  # of one Gaussian in its own widths, per area and weight


class Drawing:
    """Gaussians on one image, their residual, and its derivatives in coordinates (n, 5 + c) of their own widths."""

    def __init__(self, image: np.ndarray, picture: Picture) -> None:
        held, self.size = picture.gaussians, image.shape[1:]
        self.target = torch.tensor(image - np.asarray(picture.background, np.float32)[:, None, None])
        self.arrays = tuple(torch.tensor(array) for array in (held.means, held.factors(), held.weights))

    def moved(self, u: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Means, factors and weights after a step u."""
        means, factors, weights = self.arrays
        a, b, c = factors.unbind(1)
        to_means = torch.stack((a * u[:, 0], b * u[:, 0] + c * u[:, 1]), dim=1)
        wider, higher = u[:, 2].exp(), u[:, 4].exp()
        moved = torch.stack((a * wider, b * wider + c * u[:, 3], c * higher), dim=1)
        return means + to_means, moved, weights + u[:, 5:]

    def residual(self, u: torch.Tensor) -> torch.Tensor:
        """What is drawn less what is wanted (c, h, w)."""
        means, factors, weights = self.moved(u)
        drawn = render(means, None, weights, cholesky=factors, size=self.size, amplitude="peak", tolerance=TOLERANCE)
        return drawn - self.target

    def transposed(self, v: torch.Tensor) -> torch.Tensor:
        """J'v."""
        u = self.rest().requires_grad_()
        return torch.autograd.grad(self.residual(u), u, v)[0]

    def forward(self, u: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """Jv, by the difference to the residual."""
        scale = DIFFERENCE / max(u.abs().max().item(), 1e-30)
        return (self.residual(scale * u) - residual) / scale

    def rest(self) -> torch.Tensor:
        """No step."""
        return torch.zeros(len(self.arrays[0]), 5 + self.arrays[2].shape[1])

    def diagonal(self) -> torch.Tensor:
        """D."""
        _, factors, weights = self.arrays
        area = factors[:, 0] * factors[:, 2]
        shape = (area * weights.square().sum(1))[:, None] * torch.tensor(CURVATURE, dtype=torch.float32)
        colours = (math.pi * area)[:, None].expand(-1, weights.shape[1])
        return torch.cat((shape, colours), dim=1) + 1e-4

    def move(self, u: torch.Tensor) -> None:
        """Take the step, with no width below the narrowest."""
        means, factors, weights = self.moved(u)
        a, b, c = factors.unbind(1)
        missing = torch.clamp(NARROWEST**2 - (a * c).square() / (a * a + b * b + c * c), min=0)
        wider = (a * a + missing).sqrt()
        slope = a * b / wider
        factors = torch.stack((wider, slope, (b * b + c * c + missing - slope * slope).sqrt()), dim=1)
        self.arrays = tuple(array.detach() for array in (means, factors, weights))


def conjugate_gradients(drawing: Drawing, residual: torch.Tensor, damping: float) -> torch.Tensor:
    """The step u of the damped equations, about."""
    diagonal = drawing.diagonal()
    rest, step = -drawing.transposed(residual), drawing.rest()
    direction = rest / diagonal
    product = (rest * direction).sum()
    for _ in range(ITERATIONS):
        image = drawing.transposed(drawing.forward(direction, residual)) + damping * diagonal * direction
        length = product / torch.clamp((direction * image).sum(), min=1e-30)
        step, rest = step + length * direction, rest - length * image
        before, product = product, (rest * rest / diagonal).sum()
        direction = rest / diagonal + product / before * direction
    step[:, :5].clamp_(-FURTHEST, FURTHEST)
    return step


def gauss_newton(image: np.ndarray, start: Picture, seconds: float) -> float:
    """PSNR in dB of Gauss-Newton from a picture, after so much time; a step that makes it worse is not taken."""
    drawing, damping, began = Drawing(image, start), DAMPING, time.perf_counter()
    with torch.no_grad():
        residual = drawing.residual(drawing.rest())
    while time.perf_counter() - began < seconds:
        with torch.enable_grad():
            step = conjugate_gradients(drawing, residual.detach(), damping)
        held = drawing.arrays
        drawing.move(step)
        with torch.no_grad():
            moved = drawing.residual(drawing.rest())
        if moved.square().sum() < residual.square().sum():
            residual, damping = moved, max(damping / 2, LEAST_DAMPING)
        else:
            drawing.arrays, damping = held, damping * 4
    return -10 * math.log10(residual.square().mean().item())


def finished(image: np.ndarray, n: int, seconds: float) -> tuple[Fit, float]:
    """`fit_image` in a time, and the PSNR where Gauss-Newton takes over its Gaussians once all are there."""
    half: list[tuple[Picture, float]] = []

    def keep(moment: Moment) -> None:
        if not half and moment.progress >= FINISH:
            half.append((moment.picture(), moment.seconds))

    fit = fit_image(image, n, seconds=seconds, callback=keep)
    picture, used = half[0]
    return fit, gauss_newton(image, picture, seconds - used)


def report_on(images: Sequence[Path], n: int, seconds: float, docs: bool) -> None:
    """Print a table, an image a row, the PSNR of each way in a column; write it into docs/fitting.md if asked to."""
    warm, found = load(images[0]), {}
    gauss_newton(warm, fit_image(warm, 50, steps=0).picture, 0.1)
    for path in images:
        image = load(path)
        fit, finish = finished(image, n, seconds)
        found[path.stem] = (fit.psnr, gauss_newton(image, fit_image(image, n, steps=0).picture, seconds), finish)
    found["mean"] = tuple(statistics.fmean(column) for column in zip(*found.values(), strict=True))
    rows = [[name, *(f"{psnr:.2f}" for psnr in psnrs)] for name, psnrs in found.items()]
    title = f"PSNR in dB, {n:,} Gaussians in {seconds:g} s, {torch.get_num_threads()} threads"
    table = Table(*COLUMNS, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)
    if docs:
        pages.write(PAGE, "second order", f"{title}:\n\n{pages.table(COLUMNS, rows)}")
