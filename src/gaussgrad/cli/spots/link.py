"""gaussgrad spots link: one spot over several frames becomes one row."""

from pathlib import Path
from typing import Annotated

import typer


def link(
    source: Annotated[Path, typer.Argument(metavar="SPOTS.csv", help="A table of spots.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="TRACKS.csv", help="The table to write.")],
    distance: Annotated[
        float,
        typer.Option(metavar="LENGTH", min=1e-12, help="How far a spot may jump to its next frame, in the unit of x."),
    ],
    gap: Annotated[int, typer.Option(metavar="FRAMES", min=0, help="How many frames in a row a spot may miss.")] = 0,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="NM", min=1e-6, help="Nanometres of a pixel, where the table needs it and does not say."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
) -> None:
    """Join the rows of a spot that stays over frames to one.

    In each frame spots are paired with those seen before: as many as can be within the distance, and of these the
    closest. TRACKS.csv has a row for each spot: frame is its first, last_frame its last, frames how many show it; x and
    y are means weighted by their errors, with the error of such a mean; photons are summed. The table may be one of
    gaussgrad, ThunderSTORM or Picasso.
    """
    from gaussgrad import spots
    from gaussgrad.cli.options import refuse_outputs
    from gaussgrad.console import waiting
    from gaussgrad.spots.formats import write_spots

    refuse_outputs(source, output, overwrite)
    with waiting("linking"):
        read = spots.read_spots(source, pixel_size=pixel_size)
        tracks = spots.link(read.table, distance=distance, gap=gap)
        extra = {"last_frame": tracks.last_frame, "frames": tracks.frames}
        write_spots(output, read.with_table(tracks.spots), extra, overwrite)
    typer.echo(f"{len(tracks.track)} spots, {len(tracks.frames)} of them apart: {output}")
