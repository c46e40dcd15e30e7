"""gaussgrad render: rows of Gaussians as an image."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gaussgrad.cli.options import Overwrite


def render(
    rows: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A CSV file with the columns x, y, xx, xy, yy and, if you like, weight (or weight_red, weight_green, "
            "weight_blue); or an .npy array (n, 5) or (n, 6) of such rows.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.png", help="A .png, or .tif or .npy for plain float values.")
    ],
    size: Annotated[tuple[int, int], typer.Option(metavar="H W", help="Height and width in pixels.")],
    image: Annotated[
        str | None, typer.Option(help="Which image to draw, for a file with an image column of several.")
    ] = None,
    amplitude: Annotated[
        Literal["peak", "density"],
        typer.Option(metavar="WHAT", help="What a weight is: the value at the mean (peak), or the integral (density)."),
    ] = "peak",
    compose: Annotated[
        Literal["union", "sum", "max"],
        typer.Option(metavar="HOW", help="How Gaussians overlap: sum, max or union."),
    ] = "sum",
    tolerance: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=0.999, help="What to leave out of each Gaussian, of its peak."),
    ] = 1e-4,
    overwrite: Overwrite = False,
) -> None:
    """Draw rows of Gaussians as an image. A PNG shows 0 as black and 1 as white."""
    from gaussgrad import checks
    from gaussgrad.files.columns import read_gaussians
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.files.images import picture_suffix, write_image
    from gaussgrad.ops.render import render as draw

    refuse_existing(output, overwrite)
    if output.exists() and rows.exists() and output.samefile(rows):
        raise ValueError(checks.complain("--output", "another file than the rows", str(output)))
    suffix = picture_suffix(output)
    read = read_gaussians(rows, image)
    drawn = draw(
        read.means,
        read.covariances,
        read.weights,
        size=size,
        amplitude=amplitude,
        compose=compose,
        tolerance=tolerance,
    )
    drawn = drawn[None] if drawn.ndim == 2 else drawn
    write_image(output, drawn, overwrite)
    beyond = int(((drawn < 0) | (drawn > 1)).any(axis=0).sum())
    if suffix == ".png" and beyond:
        typer.echo(f"{beyond} pixels lie outside [0, 1] and show as black or white.", err=True)
