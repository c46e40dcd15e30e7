"""gaussgrad sample: images that were never there, drawn by a run that was trained with --objective elbo."""

from pathlib import Path
from typing import Annotated

import typer

from gaussgrad.cli.options import Overwrite


def sample(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of train --objective elbo.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.png", help="The picture to write.")],
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, max=10_000, help="How many images.")] = 64,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The same seed draws the same images.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw images that were never there, as one picture.

    Their Gaussians come from where the posteriors of the training images lie together.
    """
    from rich.console import Console

    from gaussgrad import checks, inference, plot
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.training import run as runs

    if output.suffix.lower() != ".png":
        raise ValueError(checks.complain("--output", "a file that ends in .png", output))
    refuse_existing(output, overwrite)
    runs.open_finished(run_folder)  # a model folder alone will not do
    trained = runs.load_trained(run_folder)
    if trained.variational is None or trained.aggregate is None:
        cure = "Train such a run."
        raise ValueError(f"{run_folder} cannot draw new images: it was trained without --objective elbo. {cure}")
    plot.write_grid(output, inference.sample(trained.variational, trained.aggregate, n, seed), overwrite=overwrite)
    Console().print(f"{n} images of seed {seed}: {output}", soft_wrap=True, highlight=False)
