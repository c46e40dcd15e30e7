"""gaussgrad predict: the Gaussians of images as a table, and as pictures."""

from pathlib import Path
from typing import Annotated

import typer

from gaussgrad.cli.options import Overwrite


def predict(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or a model folder.")],
    images: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="Images of the model's size, as DATA of train; for a run with --tile of any larger size.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.csv", help="The table to write.")],
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write pictures: each image, its reconstruction, its Gaussians."),
    ] = None,
    refine: Annotated[
        int,
        typer.Option(
            metavar="STEPS",
            min=0,
            help="Improve the answer of the model by so many steps on each image; ten are worth most of it.",
        ),
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write the Gaussians of images as CSV, one row per Gaussian.

    Columns: image, index, x, y, xx, xy, yy, weight (weight_red, weight_green, weight_blue for colours), in pixels.
    Weights are in the numbers of the images where the run has a black and a white, else 0 is black and 1 is white.
    The table holds neither the background nor the way Gaussians overlap: render draws its rows alone, not the
    reconstruction, which --overlay shows. A run with --objective elbo also tells how uncertain each position is:
    x_stddev, y_stddev. Pages of a TIFF file are called file.tif[0], file.tif[1], ...
    """
    from rich.console import Console

    from gaussgrad import data, inference, metrics, plot, scaling
    from gaussgrad.files.columns import write_gaussians
    from gaussgrad.files.folders import fresh_file
    from gaussgrad.training.run import load_trained

    _refuse_outputs(run_folder, images, output, overlay, overwrite)
    trained = load_trained(run_folder)
    model, frames = trained.model, data.read(images)
    inference.refuse_other_images(model, frames)
    found = inference.predict(model, frames.numbers, refine, trained.variational)
    pixels, drawn = inference.to_unit(model, frames.numbers), found.reconstructions
    drawn = drawn if model.scale is None else model.scale.to_unit(drawn)
    with fresh_file(output, overwrite) as partial:
        write_gaussians(partial, frames.names, found.gaussians, found.position_stddevs, owned=found.owned)
        if overlay is not None:
            pictures = (frames.names, pixels, drawn, found.gaussians, found.owned)
            plot.write_overlays(overlay, *pictures, points=model.latent == "points", overwrite=overwrite)
    count = f"{model.n} Gaussians each" if found.owned is None else f"{int(found.owned.sum())} Gaussians in all"
    scale = scaling.as_kept(model.scale, frames.numbers)
    read = "" if scale is None else f" {scaling.describe(scale)}."
    drawn_well = f"Reconstructions have a PSNR of {metrics.psnr(pixels, drawn):.2f} dB."
    console = Console()
    console.print(f"{len(pixels)} images, {count}: {output}\n{drawn_well}{read}", soft_wrap=True, highlight=False)


def _refuse_outputs(folder: Path, source: Path, output: Path, overlay: Path | None, overwrite: bool) -> None:
    """Refuse outputs that exist or stand in the way of the inputs or of each other."""
    from gaussgrad import checks
    from gaussgrad.files.folders import refuse_existing, refuse_foreign
    from gaussgrad.files.overlays import is_overlay_folder

    if output.resolve() == source.resolve():
        raise ValueError(checks.complain("--output", "another file than IMAGES", output))
    if overlay is not None:
        cure = "Choose another folder."
        for name, path in (("IMAGES", source), ("RUN", folder)):
            if _overlap(overlay, path):
                raise ValueError(checks.complain("--overlay", f"a folder apart from {name} {path}", overlay, cure))
        if output.resolve().is_relative_to(overlay.resolve()):
            raise ValueError(checks.complain("--overlay", f"a folder apart from --output {output}", overlay, cure))
        refuse_foreign(overlay, overwrite, is_overlay_folder)
    refuse_existing(output, overwrite)


def _overlap(first: Path, second: Path) -> bool:
    """Whether two paths are equal, or one lies within the other."""
    first, second = first.resolve(), second.resolve()
    return first.is_relative_to(second) or second.is_relative_to(first)
