"""What refining adds to the answer of a trained model, and its time."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.quality import digits
from gaussgrad import metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.heads import LARGEST_WEIGHT
from gaussgrad.fitting import refine
from gaussgrad.gaussians import Gaussians
from gaussgrad.inference import predict

STEPS = (1, 3, 10, 30, 100)
METHODS = ("gauss-newton", "levenberg-marquardt", "adam")
REPEATS = 3  # the least time counts: other processes only add, and the first call compiles


def measure(model: GaussianAutoencoder, test: np.ndarray, answer: Gaussians, method: str, steps: int):
    """PSNR in dB, and milliseconds per image."""
    images = torch.from_numpy(test)
    options = {"background": model.background, "compose": model.compose, "weight_range": (0.0, LARGEST_WEIGHT)}
    seconds = float("inf")
    for _ in range(REPEATS if steps <= 10 else 1):
        start = time.perf_counter()
        found = refine(images, answer, steps, method=method, **options)
        seconds = min(seconds, time.perf_counter() - start)
    with torch.no_grad():
        drawn = model.decode(found).numpy()
    return metrics.psnr(test, drawn), 1e3 * seconds / len(test)


def report_on(runs: Sequence[Path], images: Path) -> None:
    """Print a row per run and method."""
    _, test = digits.load(images)
    title = f"PSNR of {len(test)} test images in dB (ms per image), {torch.get_num_threads()} threads"
    table = Table("run", "method", "one pass", *(f"{steps} steps" for steps in STEPS), title=title)
    for run in runs:
        model = GaussianAutoencoder.load(run / "model")
        prediction = predict(model, test)
        for method in METHODS:
            results = [measure(model, test, prediction.gaussians, method, steps) for steps in STEPS]
            cells = (f"{psnr:.2f} ({milliseconds:.2f})" for psnr, milliseconds in results)
            table.add_row(run.name, method, f"{metrics.psnr(test, prediction.reconstructions):.2f}", *cells)
    Console(width=160).print(table)
