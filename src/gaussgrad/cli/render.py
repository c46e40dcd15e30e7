"""gaussgrad render: rows of Gaussians, or a .gauss file, as an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gaussgrad.cli.options import Overwrite

if TYPE_CHECKING:
    import numpy as np


def render(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .gauss file; or a CSV file with the columns x, y, xx, xy, yy and, if you like, weight (or "
            "weight_red, weight_green, weight_blue); or an .npy array (n, 5) or (n, 6) of such rows.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.png",
            help="A .png, .tif or .npy file; for rows, .tif and .npy hold plain floats.",
        ),
    ],
    scale: Annotated[
        float | None,
        typer.Option(metavar="S", show_default="1", help="For a .gauss file: how many times as large to draw it."),
    ] = None,
    size: Annotated[
        tuple[int, int] | None, typer.Option(metavar="H W", help="For rows: height and width in pixels.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="For rows: which image to draw, if the image column names several.")
    ] = None,
    amplitude: Annotated[
        Literal["peak", "density"] | None,
        typer.Option(
            metavar="WHAT",
            show_default="peak",
            help="For rows: whether a weight is the value at the mean (peak) or the integral (density).",
        ),
    ] = None,
    compose: Annotated[
        Literal["union", "sum", "max"] | None,
        typer.Option(
            metavar="HOW",
            show_default="sum",
            help="For rows: how to combine Gaussians that overlap: sum, max or union.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=0.999,
            show_default="0.0001",
            help="For rows: cut each Gaussian at this share of its peak.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw Gaussians as an image: a .gauss file at any size, or rows.

    A .gauss file holds its size and every setting. A .tif or .npy output gets the type and range of the image that it
    was made from; a PNG shows the range from black to white.
    """
    from gaussgrad import checks
    from gaussgrad.console import waiting
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.files.gauss import SUFFIX
    from gaussgrad.files.images import picture_suffix, write_image

    refuse_existing(output, overwrite)
    whole = source.suffix.lower() == SUFFIX
    if output.exists() and source.exists() and output.samefile(source):
        wanted = f"another file than the {'picture' if whole else 'rows'}"
        raise ValueError(checks.complain("--output", wanted, str(output)))
    suffix = picture_suffix(output)
    given = {"size": size, "image": image, "amplitude": amplitude, "compose": compose, "tolerance": tolerance}
    with waiting("drawing"):
        if whole:
            _refuse(source, "which says it itself", given)
            drawn, samples = _draw_picture(source, 1.0 if scale is None else scale, suffix)
        else:
            _refuse(source, "whose --size says it", {"scale": scale})
            drawn = samples = _draw_rows(source, given)
        write_image(output, samples, overwrite)
    beyond = int(((drawn < 0) | (drawn > 1)).any(axis=0).sum())
    if beyond and (suffix == ".png" or samples.dtype.kind == "u"):
        typer.echo(f"{beyond} pixels lie outside [0, 1] and show as black or white.", err=True)


def _refuse(source: Path, why: str, options: dict[str, Any]) -> None:
    """Refuse options that contradict the kind of file."""
    from gaussgrad import checks

    for name, value in options.items():
        if value is not None:
            raise ValueError(checks.complain(f"--{name}", f"left out for {source.name}, {why}", value))


def _draw_picture(source: Path, scale: float, suffix: str) -> "tuple[np.ndarray, np.ndarray]":
    """The image, black 0 and white 1, and its numbers for a file of this suffix."""
    from gaussgrad.picture import Picture

    picture = Picture.load(source)
    drawn = picture.render(scale)
    if suffix != ".png":
        return drawn, picture.to_samples(drawn)
    deep = picture.sample_type == "uint16"
    if deep and picture.channels > 1:
        typer.echo("A .png in colour gets 8 bits; .tif keeps the 16 of the image.", err=True)
    return drawn, picture.to_samples(drawn) if deep and picture.channels == 1 else drawn


def _draw_rows(source: Path, given: dict[str, Any]) -> "np.ndarray":
    """The image (c, h, w) of a table or an array of rows."""
    from gaussgrad import checks
    from gaussgrad.files.columns import read_gaussians
    from gaussgrad.ops.render import render as draw

    if given["size"] is None:
        raise ValueError(checks.complain("--size", "given for rows of Gaussians", "nothing", "Add --size H W."))
    read = read_gaussians(source, given["image"])
    options = {name: given[name] for name in ("amplitude", "compose", "tolerance") if given[name] is not None}
    options = {"amplitude": "peak", **options}
    drawn = draw(read.means, read.covariances, read.weights, size=given["size"], **options)
    return drawn[None] if drawn.ndim == 2 else drawn
