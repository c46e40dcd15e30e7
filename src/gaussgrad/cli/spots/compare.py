"""gaussgrad spots compare: a table of spots beside the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gaussgrad.spots import SpotFile


def compare(
    found: Annotated[Path, typer.Argument(metavar="FOUND.csv", help="A table with the columns frame, x and y.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH.csv", help="The true spots: columns frame, x and y.")],
    tolerance: Annotated[
        float,
        typer.Option(metavar="LENGTH", min=1e-12, help="The largest distance of a pair, in the unit of FOUND.csv."),
    ] = 2.5,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="NM", min=1e-6, help="Nanometres of a pixel, where the tables do not say them."),
    ] = None,
) -> None:
    """Say how well a table of spots agrees with the truth.

    Spots of one frame are paired one to one: as many as can be within the tolerance, and of these the closest. Jaccard
    is pairs / (pairs + spurious + missed), precision the share of FOUND that is true, recall the share of TRUTH that is
    found, RMSE that of the distances of pairs. Where the size of a pixel is known, efficiency is 100 - sqrt((100 -
    100 Jaccard)^2 + (RMSE / nm)^2) (Sage 2019). Where FOUND has x_stddev and y_stddev, a pull is an error divided by
    its standard error: their mean should be 0, their standard deviation 1; and the RMSE is compared with the one that
    they expect, for spots of gaussgrad the Cramér-Rao bound. Tables may be of gaussgrad, ThunderSTORM or Picasso; one
    that does not say its unit is taken to have that of the other.
    """
    import math

    from gaussgrad import spots

    ours, theirs = _alike(*(spots.read_spots(path, pixel_size=pixel_size) for path in (found, truth)))
    known = bool(len(ours.lines)) and not math.isnan(ours.table.mean_stddevs.min())
    result = spots.compare(
        ours.table.frame,
        ours.table.means,
        theirs.table.frame,
        theirs.table.means,
        tolerance=tolerance,
        mean_stddevs=ours.table.mean_stddevs if known else None,
    )
    unit = "" if ours.unit is None else f" {ours.unit}"
    typer.echo(f"pairs {result.matched}, spurious {result.spurious}, missed {result.missed}")
    typer.echo(f"Jaccard {result.jaccard:.4f}, precision {result.precision:.4f}, recall {result.recall:.4f}")
    typer.echo(f"RMSE {result.rmse:.4f}{unit}")
    size = 1.0 if ours.unit == "nm" else ours.pixel_size
    if size is None:
        typer.echo("efficiency: needs the nm of a pixel, add --pixel-size")
    else:
        typer.echo(f"efficiency {result.efficiency(size):.2f} %")
    if not math.isnan(result.pull_mean):
        typer.echo(f"RMSE / what the errors expect {result.rmse_over_bound:.3f}")
        typer.echo(f"pull: mean {result.pull_mean:.3f}, standard deviation {result.pull_stddev:.3f}")


def _alike(ours: "SpotFile", theirs: "SpotFile") -> "tuple[SpotFile, SpotFile]":
    """Both in the unit of the first, or of the second where only that one says it; with the pixel size of either."""
    from dataclasses import replace

    size = ours.pixel_size or theirs.pixel_size
    ours, theirs = (replace(table, pixel_size=table.pixel_size or size) for table in (ours, theirs))
    unit = ours.unit or theirs.unit
    return (ours, theirs) if unit is None else (ours.in_unit(unit), theirs.in_unit(unit))
