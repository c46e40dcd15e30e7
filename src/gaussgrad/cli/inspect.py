"""gaussgrad inspect: what is wrong with the Gaussians of a model, in words and a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gaussgrad.cli.options import Overwrite

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from gaussgrad.autoencoder import GaussianAutoencoder
    from gaussgrad.fitting.diagnostics import Diagnosis
    from gaussgrad.gaussians import Gaussians

MOST_IMAGES = 2000
PICTURED = 8


def inspect(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or a model folder.")],
    images: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGES", show_default="the images held out", help="As for predict."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png", help="Also write a picture of the worst images."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say what is wrong with the Gaussians of a model, and what to try.

    It counts Gaussians that draw nothing (dead), lie on another one (duplicate), have left the frame, stand on its
    border, or are as wide as the image (background).
    """
    from rich.console import Console

    from gaussgrad.console import say, waiting
    from gaussgrad.files.folders import refuse_existing

    if output is not None:
        refuse_existing(output, overwrite)
    with waiting("looking at the Gaussians") as report:
        from gaussgrad import inference  # seconds too, on a cold disk
        from gaussgrad.fitting.diagnostics import diagnose
        from gaussgrad.training.run import load_trained

        model = load_trained(run_folder).model
        pixels = _load_pixels(run_folder, images, model)[:MOST_IMAGES]
        gaussians = inference.answer(model, pixels, report=report).gaussians
        diagnosis = diagnose(gaussians, model.size)
    console = Console()
    console.print(_table(diagnosis, len(pixels), model.n))
    for sentence in diagnosis.warnings().values() or ["Nothing is wrong with them."]:
        say(console, sentence)
    if output is not None:
        with waiting("drawing the worst"):
            count = _write_worst(output, pixels, gaussians, diagnosis, overwrite)
        say(console, f"{output} shows the {count} worst images.")


def _load_pixels(folder: Path, source: Path | None, model: "GaussianAutoencoder") -> "np.ndarray":
    """Those given, or those that the run held out, as the model takes them: scaled, frames as tiles."""
    import numpy as np

    from gaussgrad import inference
    from gaussgrad.training import run as runs

    if source is not None:
        parts = inference.read(model, source)
        if model.tiled:
            parts = (frames.tiles(model.size[0]) for frames in parts)
        return np.concatenate([inference.to_unit(model, frames.numbers) for frames in parts])
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} is a model without its run: give IMAGES to inspect it on.")
    return runs.load_held_out(runs.open_run(folder)).pixels


def _table(diagnosis: "Diagnosis", count: int, n: int) -> "Table":
    """One row for each kind of illness."""
    from rich.table import Table

    title = f"{n} Gaussians in each of {count} images"
    table = Table("kind", "share of all", "worst Gaussian (share of images)", title=title, title_justify="left")
    for kind, share in diagnosis.shares().items():
        each = diagnosis.found[kind].double().mean(0)
        table.add_row(kind, f"{share:.1%}", f"number {int(each.argmax())} ({float(each.max()):.0%})")
    return table


def _write_worst(
    output: Path, pixels: "np.ndarray", gaussians: "Gaussians", diagnosis: "Diagnosis", overwrite: bool
) -> int:
    """Draw the images with the most ill Gaussians; how many they are."""
    import torch

    from gaussgrad.plot import sheets

    ill_per_image = torch.stack(list(diagnosis.found.values())).any(0).sum(-1)
    chosen = ill_per_image.argsort(descending=True, stable=True)[:PICTURED].numpy()
    ill = {kind: mask.numpy()[chosen] for kind, mask in diagnosis.found.items()}
    means, covariances = gaussians.means.numpy()[chosen], gaussians.packed_covariances().numpy()[chosen]
    sheets.write_diagnosis(output, pixels[chosen], means, covariances, ill, overwrite=overwrite)
    return len(chosen)
