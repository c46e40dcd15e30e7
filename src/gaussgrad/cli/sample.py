"""gaussgrad sample: images that were never there, drawn by a run that was trained with --objective elbo."""

from pathlib import Path

from rich.console import Console

from gaussgrad import checks, inference, plot
from gaussgrad.autoencoder import variational_storage
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.files.folders import refuse_existing
from gaussgrad.training import run as runs


def sample(folder: Path, output: Path, count: int, seed: int, *, overwrite: bool) -> None:
    """Write the picture; nothing where something is wrong."""
    if output.suffix.lower() != ".png":
        raise ValueError(checks.complain("--output", "a file that ends in .png", output))
    refuse_existing(output, overwrite)
    run = runs.open_run(folder)
    if not run.is_complete:
        raise FileNotFoundError(f"{folder} holds an unfinished run. Use: gaussgrad train -o {folder} --resume")
    if not run.variational.is_dir():
        raise ValueError(f"{folder} cannot draw new images: it was trained without --objective elbo. Train such a run.")
    model = GaussianAutoencoder.load(run.model)
    images = inference.sample(*variational_storage.load(run.variational, model), count, seed)
    plot.write_grid(output, images, overwrite=overwrite)
    Console().print(f"{count} images of seed {seed}: {output}", soft_wrap=True, highlight=False)
