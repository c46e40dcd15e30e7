"""What refining adds to the answer of a trained model, or to Gaussians at the structure of images, and its time."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.quality import crops, digits
from gaussgrad import metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.heads import LARGEST_WEIGHT
from gaussgrad.fitting import refine
from gaussgrad.fitting.descents import MOVES, Task
from gaussgrad.fitting.photographs.start import by_structure
from gaussgrad.fitting.refinement import METHODS
from gaussgrad.gaussians import Gaussians
from gaussgrad.inference import predict

STEPS = (1, 3, 10, 30, 100)
REPEATS = 3  # the least time counts: other processes only add, and the first call compiles
PHOTOGRAPHS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
MOST_IMAGES = 200  # of those that a start by structure is refined on, evenly chosen
STARTING_STEPS = 45  # of Adam, from the structure of an image to about what an encoder says of it


@dataclass(frozen=True)
class Start:
    """Gaussians to refine, and how they are drawn."""

    name: str
    gaussians: Gaussians
    task: Task


def measure(start: Start, method: str, steps: int) -> tuple[float, float]:
    """PSNR in dB, and milliseconds per image."""
    task, seconds = start.task, math.inf
    options = {"background": task.background, "compose": task.compose, "tolerance": task.tolerance}
    for _ in range(REPEATS if steps <= 10 else 1):
        began = time.perf_counter()
        found = refine(task.images, start.gaussians, steps, method=method, weight_range=task.weight_range, **options)
        seconds = min(seconds, time.perf_counter() - began)
    return psnr(task, found), 1e3 * seconds / len(task.images)


def psnr(task: Task, gaussians: Gaussians) -> float:
    """In dB."""
    with torch.no_grad():
        channels_last = gaussians.weights if gaussians.weights.ndim == 3 else gaussians.weights[..., None]
        whole = Gaussians(gaussians.means, gaussians.covariances, channels_last, cholesky=gaussians.cholesky)
        return metrics.psnr(task.images.numpy(), task.drawn(whole).numpy())


def load(paths: Sequence[Path]) -> np.ndarray:
    """Test images (N, c, h, w): crops of photographs, or the last of a file of digits or of other arrays."""
    if paths[0].suffix.lower() in PHOTOGRAPHS:
        return crops.load(paths)
    return digits.load(paths[0])[1]


def weight_range(channels: int) -> tuple[float, float]:
    """As `gaussgrad.autoencoder.refinement` has it."""
    return 0.0 if channels == 1 else -LARGEST_WEIGHT, LARGEST_WEIGHT


def by_model(run: Path, test: np.ndarray) -> Start:
    """The answer of a model in one pass."""
    model = GaussianAutoencoder.load(run / "model")
    range_, images = weight_range(model.channels), torch.from_numpy(test)
    task = Task(images, model.background.detach(), MOVES, range_, model.compose, model.tolerance)
    return Start(run.name, predict(model, test).gaussians, task)


def by_image(n: int, test: np.ndarray) -> Start:
    """Gaussians at the structure of each image, after some steps of Adam."""
    test = test[:: math.ceil(len(test) / MOST_IMAGES)]
    images, background = torch.from_numpy(test), torch.from_numpy(test.mean(axis=(0, 2, 3)))
    generator, mask = np.random.default_rng(0), np.ones(test.shape[2:], np.float32)
    found = [by_structure(image - background.numpy()[:, None, None], mask, n, generator) for image in test]
    means, factors, weights = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*found, strict=True))
    range_ = weight_range(test.shape[1])
    gaussians = Gaussians(means, cholesky=factors, weights=weights.clamp(*range_))
    options = {"background": background, "method": "adam", "weight_range": range_}
    moved = refine(images, gaussians, STARTING_STEPS, **options)
    return Start(f"{n} by structure", moved, Task(images, background, MOVES, range_, "sum", 1e-4))


def cells(start: Start, method: str) -> Iterator[str]:
    """PSNR (and time) by the number of steps; a dash where the method cannot do it."""
    for steps in STEPS:
        try:
            yield "{:.2f} ({:.2f})".format(*measure(start, method, steps))
        except ValueError:
            yield "-"


def report_on(runs: Sequence[Path], images: Sequence[Path], counts: Sequence[int]) -> None:
    """Print a row per start and method."""
    test = load(images)
    title = f"PSNR of test images in dB (ms per image), {torch.get_num_threads()} threads"
    table = Table("start", "method", "before", *(f"{steps} steps" for steps in STEPS), title=title)
    for start in (*(by_model(run, test) for run in runs), *(by_image(n, test) for n in counts)):
        for method in METHODS:
            before = f"{psnr(start.task, start.gaussians):.2f}"
            table.add_row(f"{start.name}, {len(start.task.images)} images", method, before, *cells(start, method))
    Console(width=160).print(table)
