"""What a finished run holds: the model, the figures, the pictures."""

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad import metrics
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.data import Images, Split
from gaussgrad.files.folders import fresh_file
from gaussgrad.files.tables import write_table
from gaussgrad.inference import Prediction, answer
from gaussgrad.plot import sheets
from gaussgrad.training.run import Run, logs_of_leg

PICTURED = 10
LOGGED = ("loss", "held_out_psnr")


@dataclass(frozen=True)
class Figures:
    """What metrics.json says; PSNR in dB on the held-out images, in one pass."""

    held_out_psnr: float
    training_psnr: float
    pca_psnr: float
    pca_numbers: int
    mean_image_psnr: float
    numbers_per_image: int
    training_images: int
    held_out_images: int
    epochs: int


def write(
    run: Run, model: GaussianAutoencoder, images: Images, split: Split, baselines: metrics.Baselines, seconds: float
) -> Figures:
    """Write the model folder, metrics.csv, three pictures and, last, metrics.json."""
    history = logged_history(run)
    held_out = images.pixels[split.held_out]
    training = images.pixels[split.training]
    found = answer(model, held_out)
    figures = Figures(
        held_out_psnr=metrics.psnr(held_out, found.reconstructions),
        training_psnr=metrics.psnr(training, answer(model, training).reconstructions),
        pca_psnr=baselines.pca,
        pca_numbers=baselines.pca_numbers,
        mean_image_psnr=baselines.mean_image,
        numbers_per_image=model.numbers_per_image,
        training_images=len(split.training),
        held_out_images=len(split.held_out),
        epochs=len(history),
    )
    model.save(run.model, overwrite=True)
    rows = [[row["epoch"], *(row.get(name, "") for name in LOGGED)] for row in history]
    write_table(run.folder / "metrics.csv", ["epoch", *LOGGED], rows, overwrite=True)
    _write_pictures(run, model, held_out, found)
    sheets.write_learning_curve(run.folder / "learning_curve.png", history, baselines)
    record = {**asdict(figures), "legs": 1 + len(run.legs), "seconds": round(seconds, 1)}
    with fresh_file(run.metrics, overwrite=True) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return figures


def warning(figures: Figures) -> str | None:
    """One line where the model draws held-out images worse than what needs no network, and what to try."""
    tries = "Train longer (--minutes, --epochs), or with more Gaussians (-n); gaussgrad inspect RUN says what is wrong."
    if figures.held_out_psnr < figures.mean_image_psnr:
        better, psnr = "the mean of the training images", figures.mean_image_psnr
        tries = f"If the pictures are black or white all over, set --black and --white. {tries}"
    elif figures.held_out_psnr < figures.pca_psnr:
        better, psnr = f"PCA with {figures.pca_numbers} numbers", figures.pca_psnr
    else:
        return None
    drawn = f"draws held-out images better ({psnr:.2f} dB) than the model ({figures.held_out_psnr:.2f} dB)"
    return f"Warning: {better} {drawn}. {tries}"


def logged_history(run: Run) -> list[dict[str, Any]]:
    """One row per epoch from Lightning's logs; an epoch repeated after a resume counts once, the later time."""
    epochs: dict[int, dict[str, Any]] = {}
    before = 0
    for leg in range(1 + len(run.legs)):
        for path in sorted(logs_of_leg(run, leg).glob("version_*/metrics.csv"), key=_version):
            with path.open(newline="", encoding="utf-8") as file:
                for line in csv.DictReader(file):
                    epoch = before + int(line["epoch"]) + 1
                    values = {name: float(line[name]) for name in LOGGED if line.get(name)}
                    epochs.setdefault(epoch, {"epoch": epoch}).update(values)
        before = max(epochs, default=0)
    return [epochs[epoch] for epoch in sorted(epochs)]


def _version(path: Path) -> int:
    """The number that Lightning gave the folder of a log."""
    return int(path.parent.name.split("_")[1])


def _write_pictures(run: Run, model: GaussianAutoencoder, held_out: np.ndarray, found: Prediction) -> None:
    errors = np.square(held_out - found.reconstructions).mean(axis=(1, 2, 3))
    count = min(PICTURED, len(held_out))
    chosen = {
        "held_out": np.random.default_rng(0).choice(len(held_out), count, replace=False),
        "worst": np.argsort(-errors, kind="stable")[:count],
    }
    for name, positions in chosen.items():
        sheets.write_comparison(
            run.folder / f"{name}.png",
            held_out[positions],
            found.reconstructions[positions],
            found.gaussians.means[positions].numpy(),
            found.gaussians.packed_covariances()[positions].numpy(),
            found.gaussians.weights[positions].numpy(),
            points=model.latent == "points",
        )
