"""`python -m benchmarks.variants IMAGES -o FOLDER`: short trainings of settings to choose from, on held-out images."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import training
from gaussgrad import data

EPOCHS = 3
VARIANTS = {
    "5 looks": (),
    "no look": ("--looks", "0"),
    "1 look": ("--looks", "1"),
    "3 looks": ("--looks", "3"),
    "8 looks": ("--looks", "8"),
    "heatmaps": ("--head", "heatmap"),
    "presence cost 0.0003": ("--presence-cost", "0.0003"),
    "presence cost 0.001": ("--presence-cost", "0.001"),
    "points": ("--latent", "points"),
    "points, 1.2 pixels wide": ("--latent", "points", "--stddev", "1.2"),
    "points, 1.6 pixels wide": ("--latent", "points", "--stddev", "1.6"),
    "points, maximum": ("--latent", "points", "--compose", "max"),
    "points, union": ("--latent", "points", "--compose", "union"),
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variants", description=__doc__)
    parser.add_argument("images", metavar="IMAGES", type=Path, help="the digits, an idx or .npy file")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, required=True, help="a new folder")
    parser.add_argument("--epochs", metavar="N", type=int, default=EPOCHS, help=f"of each training (default: {EPOCHS})")
    parser.add_argument("--only", metavar="NAME", action="append", choices=VARIANTS, help=f"of {', '.join(VARIANTS)}")
    return parser.parse_args(arguments)


def measure(name: str, epochs: int, images: Path, folder: Path) -> dict[str, object]:
    """One short training: its held-out PSNR, which is not that of the test images."""
    run = folder / name.replace(",", "").replace(" ", "-")
    training.command_line("train", images, "-o", run, "--epochs", epochs, *VARIANTS[name])
    figures = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    kept = ("held_out_psnr", "numbers_per_image", "seconds")
    return {"name": name, "epochs": epochs, **{key: figures[key] for key in kept}}


def main(arguments: Sequence[str]) -> None:
    chosen = parse(arguments)
    chosen.output.mkdir()
    pixels = data.load(chosen.images).pixels[: -training.TEST_IMAGES]
    file = chosen.output / "training.npy"
    np.save(file, np.rint(255 * pixels[:, 0]).astype(np.uint8))
    console = Console()
    rows: list[dict[str, object]] = []
    for name in chosen.only or VARIANTS:
        rows.append(measure(name, chosen.epochs, file, chosen.output))
        console.print(f"{name}: {rows[-1]['held_out_psnr']:.2f} dB on held-out images", highlight=False)
        (chosen.output / "variants.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
