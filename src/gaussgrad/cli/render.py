"""gaussgrad render: rows of Gaussians, a table of spots, or a .gauss file, as an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gaussgrad.cli.options import Overwrite

if TYPE_CHECKING:
    import numpy as np

    from gaussgrad.files.tables import Table
    from gaussgrad.spots.drawing import Drawable


def render(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .gauss file; or a CSV file with the columns x, y, xx, xy, yy and, if you like, weight (or "
            "weight_red, weight_green, weight_blue); or an .npy array (n, 5) or (n, 6) of such rows; or a table of "
            "spots, of gaussgrad, ThunderSTORM or Picasso.",
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
        typer.Option(metavar="S", show_default="1", help="How many times as large to draw it."),
    ] = None,
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="H W", help="For rows: height and width in pixels, before --scale."),
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="For rows: which image to draw, if the image column names several.")
    ] = None,
    width_from: Annotated[
        Literal["light", "errors"] | None,
        typer.Option(
            metavar="WHAT",
            show_default="light",
            help="For spots: draw the light of each with its photons (light), or each as one and as wide as its "
            "x_stddev and y_stddev say that it is uncertain (errors): the super-resolved picture.",
        ),
    ] = None,
    stddev: Annotated[
        float | None,
        typer.Option(metavar="PIXELS", min=1e-6, help="For spots: draw each as one, and this wide before --scale."),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="NM", min=1e-6, help="For spots: nanometres of a pixel, where the table is in nm."),
    ] = None,
    amplitude: Annotated[
        Literal["peak", "density"] | None,
        typer.Option(
            metavar="WHAT",
            show_default="peak; density for spots",
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
            show_default="0.0001; 0.000001 for spots",
            help="For rows: cut each Gaussian at this share of its peak.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw Gaussians as an image: a .gauss file at any size, or rows.

    A .gauss file holds its size and every setting. A .tif or .npy output gets the type and range of the image that it
    was made from; a PNG shows the range from black to white. A table of spots, which has a column frame or names as
    ThunderSTORM and Picasso write them, becomes how many spots, or how many photons, fall onto each pixel; a PNG shows
    the brightest as white. Without columns for widths (xx, xy, yy; sigma; sx, sy) it needs --stddev.
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
    spots = {"width_from": width_from, "stddev": stddev, "pixel_size": pixel_size}
    rows = {"size": size, "image": image, "amplitude": amplitude, "compose": compose, "tolerance": tolerance}
    scale = 1.0 if scale is None else checks.number("scale", scale, "a number above 0", 1e-300)
    with waiting("drawing"):
        if whole:
            _refuse(source, "which says it itself", {**rows, **spots})
            drawn, samples = _draw_picture(source, scale, suffix)
        else:
            drawn = samples = _draw_rows(source, scale, rows, spots, suffix)
        write_image(output, samples, overwrite)
    beyond = int(((drawn < 0) | (drawn > 1)).any(axis=0).sum())
    if beyond and (suffix == ".png" or samples.dtype.kind == "u"):
        typer.echo(f"{beyond} pixels lie outside [0, 1] and show as black or white.", err=True)


def _refuse(source: Path, why: str, options: dict[str, Any]) -> None:
    """Refuse options that contradict the kind of file."""
    from gaussgrad import checks

    for name, value in options.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(checks.complain(option, f"left out for {source.name}, {why}", value))


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


def _draw_rows(source: Path, scale: float, rows: dict[str, Any], spots: dict[str, Any], suffix: str) -> "np.ndarray":
    """The image (c, h, w) of a table or an array of rows."""
    from gaussgrad.files.columns import read_gaussians
    from gaussgrad.files.tables import read_table
    from gaussgrad.spots.drawing import scaled_size
    from gaussgrad.spots.reading import is_spots

    if source.suffix.lower() == ".npy":
        _refuse(source, "whose rows are Gaussians", spots)
    else:
        table = read_table(source)
        if is_spots(table) or any(value is not None for value in spots.values()):
            return _draw_spots(source, table, scale, rows, spots, suffix)
    size = _size(rows)
    read = read_gaussians(source, rows["image"])
    means, covariances = (read.means + 0.5) * scale - 0.5, read.covariances * scale**2
    return _drawn((means, covariances, read.weights), scaled_size(size, scale), {"amplitude": "peak"}, rows)


def _draw_spots(
    source: Path, table: "Table", scale: float, rows: dict[str, Any], spots: dict[str, Any], suffix: str
) -> "np.ndarray":
    """The image (1, h, w) of a table of spots; for a PNG its brightest parts are 1."""
    import numpy as np

    from gaussgrad.files.columns import rows_of_image
    from gaussgrad.spots.drawing import TOLERANCE, scaled_size, white_of
    from gaussgrad.spots.reading import spots_of

    if "image" in table:
        table = table.chosen(rows_of_image(source, table, rows["image"]))
    else:
        _refuse(source, "which has no column image", {"image": rows["image"]})
    read = spots_of(source, table, pixel_size=spots["pixel_size"]).in_pixels()
    size = scaled_size(_size({"size": rows["size"] or read.size}), scale)
    drawable = _drawable(source, read, scale, spots)
    drawn = _drawn(drawable, size, {"amplitude": "density", "pixel": "area", "tolerance": TOLERANCE}, rows)
    if suffix != ".png":
        return drawn
    white = white_of(drawn)
    typer.echo(f"White is {white:.4g} in a pixel and more; .tif and .npy hold the numbers.", err=True)
    return np.minimum(drawn / white, 1.0)


def _drawable(source: Path, read: Any, scale: float, spots: dict[str, Any]) -> "Drawable":
    """The spots whose widths are known, as Gaussians; how many are not is told."""
    from gaussgrad import checks
    from gaussgrad.spots.drawing import covariances_of, drawable_of, widths_known

    width_from, stddev = spots["width_from"], spots["stddev"]
    if stddev is not None:
        _refuse(source, "since --stddev says it", {"width_from": width_from})
        return drawable_of(read.table, scale=scale, widths=stddev)
    if not len(read.lines):
        raise ValueError(checks.complain(str(source), "a table of at least one spot", "no row"))
    widths = width_from or "light"
    known = widths_known(covariances_of(read.table, widths))
    if not known.any():
        columns = "x_stddev and y_stddev" if widths == "errors" else "xx, xy and yy, or sigma"
        cure = "Give a width for all by --stddev."
        raise ValueError(checks.complain(str(source), f"a table with numbers above 0 in {columns}", "none", cure))
    if missing := int((~known).sum()):
        first = read.lines[int(known.argmin())]
        typer.echo(f"{missing} spots without a width are left out, the first in line {first}.", err=True)
    return drawable_of(read.table.chosen(known), scale=scale, widths=widths)


def _size(rows: dict[str, Any]) -> tuple[int, int]:
    from gaussgrad import checks

    if rows["size"] is None:
        raise ValueError(checks.complain("--size", "given for rows of Gaussians", "nothing", "Add --size H W."))
    return rows["size"]


def _drawn(gaussians: Any, size: tuple[int, int], defaults: dict[str, Any], rows: dict[str, Any]) -> "np.ndarray":
    from gaussgrad.ops.render import render as draw

    options = {name: rows[name] for name in ("amplitude", "compose", "tolerance") if rows[name] is not None}
    drawn = draw(*gaussians, size=size, **{**defaults, **options})
    return drawn[None] if drawn.ndim == 2 else drawn
