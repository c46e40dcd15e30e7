"""gaussgrad sample: images that were never there, drawn by a run that was trained with --objective elbo."""

from pathlib import Path
from typing import Annotated

import typer

from gaussgrad.cli.options import Overwrite


def sample(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of train --objective elbo.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.png", help="The picture to write.")],
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, max=10_000, help="How many images.")] = 64,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="The same seed gives the same images.")
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw new images, as one picture.

    Their Gaussians are drawn from a mixture that was fitted to the posteriors of the training images.
    """
    from rich.console import Console

    from gaussgrad import checks
    from gaussgrad.console import say, waiting
    from gaussgrad.files.folders import refuse_existing

    if output.suffix.lower() != ".png":
        raise ValueError(checks.complain("--output", "a file that ends in .png", output))
    refuse_existing(output, overwrite)
    with waiting("drawing new images"):
        from gaussgrad import inference  # seconds too, on a cold disk
        from gaussgrad.plot import sheets
        from gaussgrad.training import run as runs

        runs.open_finished(run_folder)  # a model folder alone will not do
        trained = runs.load_trained(run_folder)
        if trained.variational is None or trained.aggregate is None:
            cure = "Train such a run."
            raise ValueError(f"{run_folder} cannot draw new images: it was trained without --objective elbo. {cure}")
        drawn = inference.sample(trained.variational, trained.aggregate, n, seed)
        sheets.write_grid(output, drawn, overwrite=overwrite)
    say(Console(), f"{n} images of seed {seed}: {output}")
