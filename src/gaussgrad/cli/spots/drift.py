"""gaussgrad spots drift: a table of spots without the movement of the sample."""

from pathlib import Path
from typing import Annotated

import typer


def drift(
    source: Annotated[Path, typer.Argument(metavar="SPOTS.csv", help="A table of spots with errors.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="CORRECTED.csv", help="The table to write.")],
    segment: Annotated[
        int | None,
        typer.Option(
            metavar="FRAMES",
            min=1,
            show_default="100 spots or more, and at most 20 pieces",
            help="How long a piece of the curve lasts.",
        ),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="NM", min=1e-6, help="Nanometres of a pixel, where the table needs it and does not say."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the outputs if they exist.")] = False,
) -> None:
    """Take the drift of the sample out of a table of spots.

    The spots themselves tell it, where they come back to their places: pictures of segments of the frames are
    correlated, then the curve moves so that spots overlap most, each as wide as its x_stddev and y_stddev say.
    CORRECTED.csv has the places of the first frame, CORRECTED.drift.csv the curve: frame, x and y, in the unit of the
    table. The table may be one of gaussgrad, ThunderSTORM or Picasso.
    """
    from gaussgrad import spots
    from gaussgrad.cli.options import refuse_outputs
    from gaussgrad.console import waiting
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.files.tables import write_table
    from gaussgrad.spots.formats import write_spots

    curve = output.with_suffix(".drift.csv")
    refuse_outputs(source, output, overwrite)
    refuse_existing(curve, overwrite)
    with waiting("estimating the drift"):
        read = spots.read_spots(source, pixel_size=pixel_size)
        read.refuse_missing("mean_stddevs")
        found = spots.drift(read.table, segment=segment)
        write_spots(output, read.with_table(found.corrected(read.table)), None, overwrite)
        rows = ([frame, f"{x:.7g}", f"{y:.7g}"] for frame, (x, y) in zip(found.frame, found.shifts, strict=True))
        write_table(curve, ("frame", "x", "y"), rows, overwrite)
    far = abs(found.shifts).max(axis=0)
    typer.echo(f"drift of up to {far[0]:.4g} along x, {far[1]:.4g} along y: {output}, {curve.name}")
