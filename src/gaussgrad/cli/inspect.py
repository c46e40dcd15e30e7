"""gaussgrad inspect: what is wrong with the Gaussians of a model, in words and a picture."""

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from gaussgrad import data, plot
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.cli.predict import model_folder, refuse_other_shape
from gaussgrad.files.folders import refuse_existing
from gaussgrad.fitting.diagnostics import KINDS, Diagnosis, diagnose
from gaussgrad.inference import predict
from gaussgrad.training import run as runs

MOST_IMAGES = 2000
PICTURED = 8


def inspect(folder: Path, source: Path | None, output: Path | None, *, overwrite: bool) -> None:
    """Print a table of shares and a sentence for each ill kind; write the picture if asked."""
    if output is not None:
        refuse_existing(output, overwrite)
    model = GaussianAutoencoder.load(model_folder(folder))
    images = _images(folder, source)
    refuse_other_shape(model, images)
    pixels = images.pixels[:MOST_IMAGES]
    _, gaussians = predict(model, pixels)
    diagnosis = diagnose(gaussians, model.size)
    console = Console()
    console.print(_table(diagnosis, len(pixels), model.n))
    for sentence in diagnosis.warnings().values() or ["Nothing is wrong with them."]:
        console.print(sentence, soft_wrap=True, highlight=False)
    if output is not None:
        ill = {kind: mask.numpy() for kind, mask in diagnosis.found.items()}
        worst = torch.stack(list(diagnosis.found.values())).any(0).sum(-1).argsort(descending=True, stable=True)
        chosen = worst[:PICTURED].numpy()
        shapes = (gaussians.means.numpy()[chosen], gaussians.covariances.numpy()[chosen])
        plot.write_diagnosis(
            output, pixels[chosen], *shapes, {kind: mask[chosen] for kind, mask in ill.items()}, overwrite=overwrite
        )
        console.print(f"{output} shows the {len(chosen)} worst images.", soft_wrap=True, highlight=False)


def _images(folder: Path, source: Path | None) -> data.Images:
    """Those given, or those that the run held out."""
    if source is not None:
        return data.load(source)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} is a model without its run: give IMAGES to inspect it on.")
    run = runs.open_run(folder)
    images = data.load(run.configuration.data)
    runs.refuse_other_images(run, images)
    held_out = data.split(len(images.pixels), run.configuration.held_out).held_out
    names = tuple(images.names[i] for i in held_out)
    return data.Images(images.pixels[held_out], names, images.source)


def _table(diagnosis: Diagnosis, count: int, n: int) -> Table:
    title = f"{n} Gaussians in each of {count} images"
    table = Table("kind", "share of all", "worst Gaussian (share of images)", title=title, title_justify="left")
    for kind in KINDS:
        each = diagnosis.found[kind].double().mean(0)
        table.add_row(kind, f"{diagnosis.shares()[kind]:.1%}", f"number {int(each.argmax())} ({float(each.max()):.0%})")
    return table
