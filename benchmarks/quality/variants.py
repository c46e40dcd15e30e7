"""Short trainings of settings to choose from, judged by the digits that each training held out."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.quality import digits, trainings
from benchmarks.quality.trainings import VARIANTS


def measure(name: str, epochs: int, images: Path, folder: Path) -> dict[str, object]:
    """One short training: its held-out PSNR, which is not that of the test images."""
    run = folder / trainings.folder_name(name)
    trainings.train(images, "-o", run, "--epochs", epochs, *VARIANTS[name])
    figures = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    kept = ("held_out_psnr", "numbers_per_image", "seconds")
    return {"name": name, "epochs": epochs, **{key: figures[key] for key in kept}}


def report_on(images: Path, output: Path, epochs: int, only: Sequence[str]) -> None:
    """Train what is named, all without names, and write variants.json after each."""
    file = digits.write(digits.load(images)[0], output)
    console = Console()
    rows: list[dict[str, object]] = []
    for name in only or VARIANTS:
        rows.append(measure(name, epochs, file, output))
        console.print(f"{name}: {rows[-1]['held_out_psnr']:.2f} dB on held-out images", highlight=False)
        (output / "variants.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
