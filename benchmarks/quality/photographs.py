"""How well photographs are drawn in a time, by `fit_image` and by plain Adam, and what a step costs beside drawing."""

import itertools
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gaussgrad import render
from gaussgrad.files.images import read_image, unit_or_numbers
from gaussgrad.fitting.photographs import Fit, fit_image

TOLERANCE = 0.0111
ADAM_RATES = (0.3, 0.05, 0.02)  # pixels, logarithms of widths, colours: tuned on these images
WARM_UP = 20
STEP_REPEATS = 20


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


def report_on(images: Sequence[Path], counts: Sequence[int], seconds: Sequence[float]) -> None:
    """Print a table for each number of Gaussians and time."""
    console, loaded = Console(width=120), {path.stem: load(path) for path in images}
    first = next(iter(loaded.values()))
    fit_image(first, 50, steps=30)  # compiles, as
    by_adam(first, 50, 0.1)  # does this
    for n in counts:
        for limit in seconds:
            title = f"PSNR in dB, {n:,} Gaussians in {limit:g} s, {torch.get_num_threads()} threads"
            table = Table("image", "plain Adam", "fit_image", "more", "steps", "step / render", title=title)
            rows = []
            for name, image in loaded.items():
                fit, adam = fit_image(image, n, seconds=limit), by_adam(image, n, limit)
                ratio = step_against_drawing(image, fit)
                rows.append((adam, fit.psnr, fit.psnr - adam, fit.history[-1].step, ratio))
                table.add_row(name, *_cells(rows[-1]))
            table.add_row("mean", *_cells(tuple(statistics.fmean(column) for column in zip(*rows, strict=True))))
            console.print(table)


def _cells(row: tuple[float, ...]) -> list[str]:
    adam, fit, more, steps, ratio = row
    return [f"{adam:.2f}", f"{fit:.2f}", f"{more:+.2f}", f"{steps:.0f}", f"{ratio:.2f}"]
