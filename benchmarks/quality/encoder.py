"""Train by the command line, and test on digits that no training saw, beside a decoder that is a network."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.quality import deconvolutional, digits, trainings
from benchmarks.quality.trainings import DECONVOLUTIONAL, ENCODERS
from gaussgrad import data, metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.inference import predict

BARS = {"ten Gaussians": 21.8, "ten points": 16.5}  # dB on the test images


@dataclass(frozen=True)
class Result:
    """One training, tested."""

    name: str
    seed: int
    numbers_per_image: int
    seconds: float  # of the command, its start and its report included
    psnr: float  # dB, test images, one pass


def train_ours(name: str, seed: int, training: Path, test: np.ndarray, folder: Path) -> Result:
    """One `gaussgrad train`, and the PSNR of the model in its run on the test images."""
    run = folder / f"{trainings.folder_name(name)}-{seed}"
    start = time.perf_counter()
    trainings.train(training, "-o", run, "--seed", seed, *ENCODERS[name])
    seconds = time.perf_counter() - start
    model = GaussianAutoencoder.load(run / "model")
    psnr = metrics.psnr(test, predict(model, test).reconstructions)
    return Result(name, seed, model.numbers_per_image, seconds, psnr)


def train_deconvolutional(seed: int, numbers: int, seconds: float, training: np.ndarray, test: np.ndarray) -> Result:
    """The deconvolutional decoder on the images that ours was trained on, those left out that ours holds out."""
    start = time.perf_counter()
    kept = training[data.split(len(training)).training]
    model = deconvolutional.train(kept, numbers, deconvolutional.steps_within(seconds, kept, numbers), seed)
    taken = time.perf_counter() - start
    return Result(DECONVOLUTIONAL, seed, numbers, taken, metrics.psnr(test, deconvolutional.reconstruct(model, test)))


def baselines(training: np.ndarray, test: np.ndarray) -> list[Result]:
    found = [(numbers, metrics.baselines(training, test, numbers)) for numbers in (20, 60)]
    rows = [Result(f"PCA-{numbers}", 0, numbers, 0.0, baseline.pca) for numbers, baseline in found]
    return [Result("mean image", 0, 0, 0.0, found[0][1].mean_image), *rows]


def summary(results: Sequence[Result]) -> list[dict[str, object]]:
    """One row per name: mean and spread over the seeds, and the bar."""
    rows = []
    for name in dict.fromkeys(result.name for result in results):
        own = [result for result in results if result.name == name]
        psnr = np.array([result.psnr for result in own])
        bar = BARS.get(name)
        rows.append(
            {
                "name": name,
                "numbers per image": own[0].numbers_per_image,
                "seeds": len(own),
                "seconds": float(np.mean([result.seconds for result in own])),
                "mean": float(psnr.mean()),
                "lowest": float(psnr.min()),
                "highest": float(psnr.max()),
                "bar": bar,
                "verdict": "" if bar is None else "reached" if psnr.mean() >= bar else "not reached",
            }
        )
    return rows


def write(results: Sequence[Result], folder: Path, console: Console) -> None:
    """results.json, and the table on the console."""
    rows = summary(results)
    record = {"results": [asdict(result) for result in results], "summary": rows}
    (folder / "results.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    table = Table("test images, one pass", "numbers", "seeds", "seconds", "PSNR (dB)", "from", "to", "bar")
    for row in rows:
        told = (str(row[key]) for key in ("name", "numbers per image", "seeds"))
        levels = (f"{row[key]:.2f}" for key in ("mean", "lowest", "highest"))
        verdict = f"{row['bar']} {row['verdict']}" if row["bar"] else ""
        table.add_row(*told, f"{row['seconds']:.0f}", *levels, verdict)
    console.print(table)


def report_on(
    images: Path, output: Path, seeds: Sequence[int], only: Sequence[str], decoder_seconds: float | None
) -> None:
    """Train what is named, all without names, and write results.json after each."""
    training, test = digits.load(images)
    file = digits.write(training, output)
    console = Console()
    results = baselines(training, test)
    for seed in seeds:
        for name in ENCODERS:
            if not only or name in only:
                results.append(train_ours(name, seed, file, test, output))
                write(results, output, console)
        if not only or DECONVOLUTIONAL in only:
            ours = [result for result in results if result.name == "ten Gaussians"]
            seconds, numbers = decoder_seconds or ours[-1].seconds, ours[-1].numbers_per_image if ours else 60
            results.append(train_deconvolutional(seed, numbers, seconds, training, test))
            write(results, output, console)
