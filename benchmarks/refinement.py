"""`python -m benchmarks.refinement RUN IMAGES`: what refining adds to the answer of a trained model, and its time."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gaussgrad import data, metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.heads import LARGEST_WEIGHT
from gaussgrad.fitting.refinement import refine
from gaussgrad.gaussians import Gaussians
from gaussgrad.training import report

TEST_IMAGES = 2000  # the last of the file, as in benchmarks.training
STEPS = (1, 3, 10, 30, 100)
METHODS = ("levenberg-marquardt", "adam")
REPEATS = 3  # the least time counts: other processes only add, and the first call compiles


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refinement", description=__doc__)
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="finished runs, of several seeds")
    parser.add_argument("--images", metavar="IMAGES", type=Path, required=True, help="the digits, an idx or .npy file")
    return parser.parse_args(arguments)


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


def main(arguments: Sequence[str]) -> None:
    chosen = parse(arguments)
    test = data.load(chosen.images).pixels[-TEST_IMAGES:]
    title = f"PSNR of {len(test)} test images in dB (ms per image), {torch.get_num_threads()} threads"
    table = Table("run", "method", "one pass", *(f"{steps} steps" for steps in STEPS), title=title)
    for run in chosen.runs:
        model = GaussianAutoencoder.load(run / "model")
        drawn, answer = report.predict(model, test)
        for method in METHODS:
            results = [measure(model, test, answer, method, steps) for steps in STEPS]
            cells = (f"{psnr:.2f} ({milliseconds:.2f})" for psnr, milliseconds in results)
            table.add_row(run.name, method, f"{metrics.psnr(test, drawn):.2f}", *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
