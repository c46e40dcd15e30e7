"""How few Gaussians `fit_image` finds for a PSNR, beside the fewest that bisection finds."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from benchmarks.quality.photographs import PAGE, load
from gaussgrad.fitting.photographs import fit_image

STEPS = 1000  # of each descent, of either
CLOSE = 0.005  # the share of n that bisection ends at
COLUMNS = ("image", "n", "dB", "trials", "seconds", "n by bisection", "n / that")


def bisected(image: np.ndarray, psnr: float, enough: int) -> int:
    """The fewest Gaussians that reach a PSNR, from a number that is enough."""
    few = enough // 2
    while fit_image(image, few, steps=STEPS).psnr >= psnr:
        few, enough = few // 2, few
    while enough - few > max(1, CLOSE * enough):
        middle = (few + enough) // 2
        if fit_image(image, middle, steps=STEPS).psnr >= psnr:
            enough = middle
        else:
            few = middle
    return enough


def report_on(images: Sequence[Path], psnr: float, docs: bool) -> None:
    """Print a table, an image a row; write it into docs/fitting.md if asked to."""
    fit_image(load(images[0]), 50, steps=30)  # compiles
    rows = []
    for path in images:
        image, began = load(path), time.perf_counter()
        fit = fit_image(image, psnr=psnr, steps=STEPS)
        seconds, found = time.perf_counter() - began, fit.picture.n
        trials = len(fit.history[-1].tried) + 1
        least = bisected(image, psnr, found)
        ratio = f"{found / least:.3f}"
        rows.append([path.stem, f"{found:,}", f"{fit.psnr:.2f}", str(trials), f"{seconds:.0f}", f"{least:,}", ratio])
    table = Table(*COLUMNS, title=f"The fewest for {psnr:g} dB")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)
    if docs:
        pages.write(PAGE, "the fewest", pages.table(COLUMNS, rows))
