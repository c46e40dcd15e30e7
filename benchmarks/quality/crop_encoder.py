"""Train by the command line on crops of photographs, and test on those of others, beside PCA and fits of each crop."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks import pages
from benchmarks.quality import crops, trainings
from gaussgrad import metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.fitting.photographs import fit_images
from gaussgrad.inference import predict
from gaussgrad.plot.style import draw_image

PAGE, FIGURE = pages.DOCS / "encoder.md", pages.DOCS / "pictures" / "encoder-crops.png"
RECIPES = {"guided": (), "without guidance": ("--no-guided",)}
STEPS = (10, 100)  # of refinement
FIT_STEPS, FITTED = 600, 150  # of fits without encoder, and of how many crops, evenly chosen
REPEATS = 3  # the least time counts: other processes only add
SHOWN = 5  # crops of the middle, and as many of the worst
COLUMNS = ("crops never seen", "numbers", "PSNR (dB)", "from", "to", "ms per image")
Answer = Callable[[np.ndarray], np.ndarray]  # reconstructions of images


@dataclass(frozen=True)
class Result:
    """How close one way comes to the test crops."""

    name: str
    numbers: int
    psnr: float  # dB
    milliseconds: float  # per image


def measured(name: str, numbers: int, test: np.ndarray, answer: Answer) -> Result:
    """PSNR of the reconstructions, and the time that they take."""
    answer(test[:20])  # compiles
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        drawn = answer(test)
        seconds.append(time.perf_counter() - began)
    return Result(name, numbers, metrics.psnr(test, drawn), 1e3 * min(seconds) / len(test))


def of_model(name: str, model: GaussianAutoencoder, test: np.ndarray, refined: Sequence[int] = ()) -> list[Result]:
    """One pass, and with steps of refinement."""
    ways = [(name, 0), *((f"{name}, + {steps} steps of refinement", steps) for steps in refined)]
    return [
        measured(told, model.numbers_per_image, test, lambda images, steps=steps: drawn_by(model, images, steps))
        for told, steps in ways
    ]


def drawn_by(model: GaussianAutoencoder, images: np.ndarray, steps: int) -> np.ndarray:
    """What `gaussgrad predict --refine STEPS` draws."""
    return predict(model, images, steps).reconstructions


def untrained(model: GaussianAutoencoder, seed: int) -> GaussianAutoencoder:
    """A model of the same settings and background that saw nothing."""
    settings = {name: value for name, value in model.settings().items() if name != "encoder"}
    torch.manual_seed(seed)
    fresh = GaussianAutoencoder(**settings)
    fresh.background.data.copy_(model.background.data)
    return fresh.eval()


def without_encoder(training: np.ndarray, test: np.ndarray, n: int, numbers: int) -> list[Result]:
    """PCA with as many numbers, and fits of each crop by itself."""
    baseline = metrics.baselines(training, test, numbers)
    pca = Result(f"PCA-{baseline.pca_numbers}", baseline.pca_numbers, baseline.pca, float("nan"))
    some = test[:: max(1, len(test) // FITTED)]
    fitted = measured(
        f"fit_images, {FIT_STEPS} steps, no encoder ({len(some)} crops)", numbers, some,
        lambda images: np.stack([fit.render() for fit in fit_images(images, n, steps=FIT_STEPS)]),
    )  # fmt: skip
    return [pca, fitted]


def rows(results: Sequence[Result]) -> list[list[str]]:
    """A row for each name: mean and spread over the seeds, and the least time."""
    told = []
    for name in dict.fromkeys(result.name for result in results):
        own = [result for result in results if result.name == name]
        psnr, milliseconds = [result.psnr for result in own], min(result.milliseconds for result in own)
        levels = [f"{level:.2f}" for level in (np.mean(psnr), min(psnr), max(psnr))]
        told.append([name, str(own[0].numbers), *levels, "" if np.isnan(milliseconds) else f"{milliseconds:.1f}"])
    return told


def draw(path: Path, model: GaussianAutoencoder, test: np.ndarray) -> None:
    """Crops of the middle and the worst ones: as they are, after one pass, and refined."""
    once, refined = (drawn_by(model, test, steps) for steps in (0, STEPS[0]))
    order = np.argsort(np.square(once - test).mean(axis=(1, 2, 3)))
    middle = len(order) // 2
    chosen = np.concatenate((order[middle : middle + SHOWN], order[-SHOWN:]))
    titles = ("the crop", "one pass", f"+ {STEPS[0]} steps")
    figure = Figure(figsize=(10, 3.3), layout="constrained")
    for row, (title, images) in enumerate(zip(titles, (test, once, refined), strict=True)):
        for column, position in enumerate(chosen):
            axes = figure.add_subplot(len(titles), len(chosen), row * len(chosen) + column + 1)
            draw_image(axes, images[position])
            if column == 0:
                axes.set_title(title, fontsize=9, loc="left")
            elif row == 0 and column == SHOWN:
                axes.set_title("the worst", fontsize=9, loc="left")
    figure.savefig(path, dpi=110, facecolor="white")


def report_on(
    images: Sequence[Path], test_images: Sequence[Path], output: Path, n: int, size: int, minutes: float,
    seeds: Sequence[int], docs: bool,
) -> None:  # fmt: skip
    """Train every recipe by every seed, print the table, and write results.json after each training."""
    training, test = crops.load(images, size, size // 2), crops.load(test_images, size, size // 2)
    output.mkdir(parents=True)
    np.save(output / "crops.npy", np.rint(255 * training).astype(np.uint8))
    console, results = Console(width=140), []
    for seed in seeds:
        for name, options in RECIPES.items():
            run = output / f"{trainings.folder_name(name)}-{seed}"
            settings = ("-n", n, "--minutes", minutes, "--seed", seed, *options)
            trainings.train(output / "crops.npy", "-o", run, *settings)
            model = GaussianAutoencoder.load(run / "model")
            if not results:
                results += without_encoder(training, test, n, model.numbers_per_image)
            if model.guided:
                results += of_model(f"{name}, untrained", untrained(model, seed), test)
            results += of_model(name, model, test, STEPS)
            if model.guided and seed == seeds[0]:
                draw(FIGURE if docs else output / FIGURE.name, model, test)
            (output / "results.json").write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    title = f"{size} x {size} crops, {n} Gaussians, {minutes:g} minutes, {torch.get_num_threads()} threads"
    table = Table(*COLUMNS, title=title)
    for row in rows(results):
        table.add_row(*row)
    console.print(table)
    if docs:
        pages.write(PAGE, f"crops of {size}", pages.table(COLUMNS, rows(results)))
