"""gaussgrad predict: the Gaussians of images as a table, and as pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gaussgrad.cli.options import Overwrite
from gaussgrad.training.configuration import LARGEST

if TYPE_CHECKING:
    from gaussgrad.autoencoder import GaussianAutoencoder
    from gaussgrad.data import Frames
    from gaussgrad.inference import Prediction
    from gaussgrad.plot.sheets import Shown


def predict(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or a model folder.")],
    images: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="Images, as DATA of train, of the size of the model. After train --tile they may be larger, after "
            "train --resize of any size.",
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
            max=LARGEST,
            help="Improve the result of the model by this many steps on each image; ten bring most of the gain.",
        ),
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write the Gaussians of images as CSV, one row per Gaussian.

    Columns: image, index, x, y, xx, xy, yy, weight (weight_red, weight_green, weight_blue for colours). All are in
    pixels or pixels squared; for a run with --resize, in those of the resized square.
    Weights are pixel values if the run has a black and a white; otherwise 0 is black and 1 is white.
    The table does not hold the background, nor how Gaussians that overlap are combined. So render draws only its rows;
    --overlay shows the reconstruction. A run with --objective elbo adds the uncertainty of each position: x_stddev,
    y_stddev. Pages of a TIFF file are called file.tif[0], file.tif[1], ...
    """
    from rich.console import Console

    from gaussgrad.console import say, waiting
    from gaussgrad.files.columns import Part, write_parts
    from gaussgrad.files.folders import fresh_file

    _refuse_outputs(run_folder, images, output, overlay, overwrite)
    with waiting("finding Gaussians") as report:
        from gaussgrad import inference, scaling  # seconds too, on a cold disk
        from gaussgrad.plot import sheets
        from gaussgrad.training.run import load_trained

        trained = load_trained(run_folder)
        model = trained.model
        read = list(inference.read(model, images))  # several where a model of tiles gets frames of several sizes
        found = [inference.predict(model, frames.numbers, refine, trained.variational, report) for frames in read]
        told = list(zip(read, found, strict=True))
        shown = [_shown(model, *each) for each in told]
    with waiting("writing") as report, fresh_file(output, overwrite) as partial:
        write_parts(partial, [Part(each.names, one.gaussians, one.position_stddevs, one.owned) for each, one in told])
        if overlay is not None:
            points = model.latent == "points"
            sheets.write_overlays(overlay, shown, points=points, overwrite=overwrite, report=report)
    scale = scaling.as_kept(model.scale, read[0].numbers)
    levels = "" if scale is None else f" {scaling.describe(scale)}."
    say(Console(), f"{_summary(shown, model.n, output)}{levels}")


def _shown(model: "GaussianAutoencoder", frames: "Frames", found: "Prediction") -> "Shown":
    """Images and reconstructions with black 0 and white 1."""
    from gaussgrad import inference
    from gaussgrad.plot import sheets

    drawn = found.reconstructions if model.scale is None else model.scale.to_unit(found.reconstructions)
    return sheets.Shown(frames.names, inference.to_unit(model, frames.numbers), drawn, found.gaussians, found.owned)


def _summary(shown: "list[Shown]", n: int, output: Path) -> str:
    """How many images and Gaussians there are, and how well these draw them."""
    import numpy as np

    from gaussgrad import metrics

    owned = [int(each.owned.sum()) for each in shown if each.owned is not None]
    count = f"{sum(owned)} Gaussians in all" if owned else f"{n} Gaussians each"
    pixels = np.concatenate([each.originals for each in shown], axis=None)
    psnr = metrics.psnr(pixels, np.concatenate([each.reconstructions for each in shown], axis=None))
    images = sum(len(each.names) for each in shown)
    return f"{images} images, {count}: {output}\nReconstructions have a PSNR of {psnr:.2f} dB."


def _refuse_outputs(folder: Path, source: Path, output: Path, overlay: Path | None, overwrite: bool) -> None:
    """Refuse outputs that exist or stand in the way of the inputs or of each other."""
    from gaussgrad import checks
    from gaussgrad.files.folders import refuse_existing, refuse_foreign
    from gaussgrad.files.overlays import is_overlay_folder

    if output.resolve() == source.resolve():
        raise ValueError(checks.complain("--output", "another file than IMAGES", output))
    if output.suffix.lower() != ".csv":
        raise ValueError(checks.complain("--output", "a file ending in .csv", output))
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
