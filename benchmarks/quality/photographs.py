"""How well photographs are drawn in a time, by `fit_image` and by plain Adam, and what a step costs beside drawing."""

import itertools
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from gaussgrad import parallel, render
from gaussgrad.files.images import read_image, unit_or_numbers
from gaussgrad.fitting.photographs import Fit, fit_image

TOLERANCE = 0.0111
ADAM_RATES = (0.3, 0.05, 0.02)  # pixels, logarithms of widths, colours: tuned on these images
WARM_UP = 20
STEP_REPEATS = 20
COLUMNS = ["image", "plain Adam", "fit_image", "more", "steps", "step / render"]
PAGE = pages.DOCS / "fitting.md"


def load(path: Path) -> np.ndarray:
    """The image (c, h, w) in [0, 1]."""
    return unit_or_numbers(read_image(path))


def by_adam(image: np.ndarray, n: int, seconds: float, seed: int = 0) -> float:
    """PSNR in dB of plain Adam: pixels, logarithms and colours, half a cosine, all Gaussians from the beginning."""
    began, target = time.perf_counter(), torch.tensor(image)
    means, logarithms, colours = (array.requires_grad_() for array in _structure(target, n, seed))
    optimizer = torch.optim.Adam([{"params": [array]} for array in (means, logarithms, colours)], fused=True)

    def drawn() -> torch.Tensor:
        factors = torch.stack((logarithms[:, 0].exp(), logarithms[:, 1], logarithms[:, 2].exp()), dim=1)
        size = tuple(target.shape[1:])
        return render(means, None, colours, cholesky=factors, size=size, amplitude="peak", tolerance=TOLERANCE)

    step = 0
    while (progress := (time.perf_counter() - began) / seconds) < 1:
        rate = min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))
        for group, own in zip(optimizer.param_groups, ADAM_RATES, strict=True):
            group["lr"] = own * rate
        optimizer.zero_grad()
        (drawn() - target).square().sum().backward()
        optimizer.step()
        step += 1
    with torch.no_grad():
        return -10 * math.log10((drawn() - target).square().mean().item())


def _structure(target: torch.Tensor, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Means, logarithms of factors and colours, by the gradient of the image."""
    generator = torch.Generator().manual_seed(seed)
    width = target.shape[2]
    rows, columns = torch.gradient(target.mean(0))
    steepness = (rows.square() + columns.square()).sqrt().flatten()
    share = 0.7 * steepness / steepness.sum() + 0.3 / steepness.numel()
    chosen = torch.multinomial(share, n, generator=generator)
    means = torch.stack((chosen % width, chosen // width), dim=1) + torch.rand((n, 2), generator=generator) - 0.5
    widths = torch.log(0.55 / torch.sqrt(n * share[chosen]))
    logarithms = torch.stack((widths, torch.zeros(n), widths), dim=1)
    return means, logarithms, 0.3 * target.flatten(1)[:, chosen].T.contiguous()


def step_against_drawing(image: np.ndarray, fit: Fit) -> float:
    """The time of a step of `fit_image` over that of `render` forward and backward on the same Gaussians, medians."""
    times: list[float] = []
    moments = []
    fit_image(image, fit.picture.n, steps=STEP_REPEATS, start=fit, callback=moments.append)
    steps = [after.seconds - before.seconds for before, after in itertools.pairwise(moments)]
    leaves = [torch.tensor(array, requires_grad=True) for array in (fit.gaussians.means, fit.gaussians.cholesky)]
    weights = torch.tensor(fit.gaussians.weights, requires_grad=True)
    upstream = torch.ones(image.shape)
    for _ in range(STEP_REPEATS):
        start = time.perf_counter()
        drawn = render(
            leaves[0], None, weights, cholesky=leaves[1], size=image.shape[1:], amplitude="peak", tolerance=TOLERANCE
        )
        torch.autograd.grad(drawn, (*leaves, weights), upstream)
        times.append(time.perf_counter() - start)
    return statistics.median(steps[3:]) / statistics.median(times[3:])


class Row(NamedTuple):
    """What both did to one image, or to several in the mean."""

    adam: float  # dB
    fit: float  # dB
    steps: float
    ratio: float  # of a step to drawing and its gradients

    def cells(self) -> list[str]:
        """As the columns of a table."""
        more = self.fit - self.adam
        return [f"{self.adam:.2f}", f"{self.fit:.2f}", f"{more:+.2f}", f"{self.steps:,.0f}", f"{self.ratio:.2f}"]


class Comparison(NamedTuple):
    """Images, each drawn by so many Gaussians in so many seconds."""

    n: int
    seconds: float
    rows: dict[str, Row]

    @property
    def title(self) -> str:
        """What was asked for."""
        return f"PSNR in dB, {self.n:,} Gaussians in {self.seconds:g} s, {parallel.available_cores()} threads"

    @property
    def lines(self) -> list[list[str]]:
        """All cells, the mean last."""
        mean = Row(*(statistics.fmean(column) for column in zip(*self.rows.values(), strict=True)))
        return [[name, *row.cells()] for name, row in (self.rows | {"mean": mean}).items()]


def compare(image: np.ndarray, n: int, seconds: float) -> Row:
    """Both ways, one after the other."""
    fit, adam = fit_image(image, n, seconds=seconds), by_adam(image, n, seconds)
    return Row(adam, fit.psnr, fit.history[-1].step, step_against_drawing(image, fit))


def report_on(images: Sequence[Path], counts: Sequence[int], seconds: Sequence[float], docs: bool) -> None:
    """Print a table for each number of Gaussians and time; write them into docs/fitting.md if asked to."""
    loaded = {path.stem: load(path) for path in images}
    first = next(iter(loaded.values()))
    fit_image(first, 50, steps=30)  # compiles, as
    by_adam(first, 50, 0.1)  # does this
    for n, limit in itertools.product(counts, seconds):
        comparison = Comparison(n, limit, {name: compare(image, n, limit) for name, image in loaded.items()})
        table = Table(*COLUMNS, title=comparison.title)
        for line in comparison.lines:
            table.add_row(*line)
        Console(width=120).print(table)
        if docs:
            pages.write(PAGE, f"{n} in {limit:g} s", markdown(comparison))


def markdown(comparison: Comparison) -> str:
    """The table of a comparison, and what it shows."""
    return f"{comparison.title}:\n\n{pages.table(COLUMNS, comparison.lines)}"
