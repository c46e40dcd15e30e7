"""`python -m benchmarks.training IMAGES -o FOLDER`: train by the command line, and test on images it never saw."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import rival
from gaussgrad import data, metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.training import report

TEST_IMAGES = 2000  # the last of the file; `gaussgrad train` holds out a share of the others to choose by
OPTIONS = {
    "ten Gaussians": (),
    "ten Gaussians, one sight": ("--looks", "0"),
    "ten points": ("--latent", "points"),
}
RIVAL = "deconvolutional decoder"
BARS = {"ten Gaussians": 21.8, "ten points": 16.5}  # dB on the test images


@dataclass(frozen=True)
class Result:
    """One training, tested."""

    name: str
    seed: int
    numbers_per_image: int
    seconds: float  # of the command, its start and its report included
    psnr: float  # dB, test images, one pass


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("images", metavar="IMAGES", type=Path, help="the digits, an idx or .npy file")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, required=True, help="a new folder")
    parser.add_argument("--seeds", metavar="N", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=[*OPTIONS, RIVAL], help=f"of {', '.join([*OPTIONS, RIVAL])}"
    )
    parser.add_argument("--rival-seconds", type=float, help="time of the rival, where ten Gaussians are not trained")
    chosen = parser.parse_args(arguments)
    if chosen.only and RIVAL in chosen.only and "ten Gaussians" not in chosen.only and chosen.rival_seconds is None:
        parser.error("the rival gets the time that ten Gaussians took: train them too, or give --rival-seconds")
    return chosen


def command_line(*arguments: object) -> None:
    """The command `gaussgrad` of this Python."""
    code = "import sys; from gaussgrad.cli import main; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)


def train_ours(name: str, seed: int, training: Path, test: np.ndarray, folder: Path) -> Result:
    """One `gaussgrad train`, and the PSNR of the model in its run on the test images."""
    run = folder / f"{name.replace(',', '').replace(' ', '-')}-{seed}"
    start = time.perf_counter()
    command_line("train", training, "-o", run, "--seed", seed, *OPTIONS[name])
    seconds = time.perf_counter() - start
    model = GaussianAutoencoder.load(run / "model")
    return Result(name, seed, model.numbers_per_image, seconds, metrics.psnr(test, report.predict(model, test)[0]))


def train_rival(seed: int, numbers: int, seconds: float, training: np.ndarray, test: np.ndarray) -> Result:
    """The rival on the images that ours was trained on, those left out that ours holds out."""
    start = time.perf_counter()
    kept = training[data.split(len(training)).training]
    model = rival.train(kept, numbers, rival.steps_within(seconds, kept, numbers), seed)
    taken = time.perf_counter() - start
    return Result(RIVAL, seed, numbers, taken, metrics.psnr(test, rival.reconstruct(model, test)))


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


def main(arguments: Sequence[str]) -> None:
    chosen = parse(arguments)
    chosen.output.mkdir()
    pixels = data.load(chosen.images).pixels
    training, test = pixels[:-TEST_IMAGES], pixels[-TEST_IMAGES:]
    file = chosen.output / "training.npy"
    np.save(file, np.rint(255 * training[:, 0]).astype(np.uint8))
    console = Console()
    results = baselines(training, test)
    for seed in chosen.seeds:
        for name in OPTIONS:
            if not chosen.only or name in chosen.only:
                results.append(train_ours(name, seed, file, test, chosen.output))
                write(results, chosen.output, console)
        if not chosen.only or RIVAL in chosen.only:
            ours = [result for result in results if result.name == "ten Gaussians"]
            seconds = chosen.rival_seconds or ours[-1].seconds
            results.append(train_rival(seed, ours[-1].numbers_per_image if ours else 60, seconds, training, test))
            write(results, chosen.output, console)


if __name__ == "__main__":
    main(sys.argv[1:])
