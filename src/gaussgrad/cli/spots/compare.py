"""gaussgrad spots compare: a table of spots beside the truth."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    found: Annotated[Path, typer.Argument(metavar="FOUND.csv", help="A table with the columns frame, x and y.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH.csv", help="The true spots: columns frame, x and y.")],
    tolerance: Annotated[
        float, typer.Option(metavar="LENGTH", min=1e-12, help="The largest distance of a pair, in the unit of x and y.")
    ] = 2.5,
) -> None:
    """Say how well a table of spots agrees with the truth.

    Spots of one frame are paired one to one: as many as can be within the tolerance, and of these the closest. Jaccard
    is pairs / (pairs + spurious + missed), precision the share of FOUND that is true, recall the share of TRUTH that is
    found, RMSE that of the distances of pairs. Where FOUND has x_stddev and y_stddev, a pull is an error divided by its
    standard error: their mean should be 0, their standard deviation 1.
    """
    import math

    from gaussgrad import spots
    from gaussgrad.files.tables import numeric_columns, read_table

    tables = [read_table(path) for path in (found, truth)]
    ours, theirs = (
        numeric_columns(path, table, ("frame", "x", "y")) for path, table in zip((found, truth), tables, strict=True)
    )
    errors = ("x_stddev", "y_stddev")
    stddevs = numeric_columns(found, tables[0], errors) if all(name in tables[0] for name in errors) else None
    result = spots.compare(
        ours[:, 0], ours[:, 1:], theirs[:, 0], theirs[:, 1:], tolerance=tolerance, mean_stddevs=stddevs
    )
    typer.echo(f"pairs {result.matched}, spurious {result.spurious}, missed {result.missed}")
    typer.echo(f"Jaccard {result.jaccard:.4f}, precision {result.precision:.4f}, recall {result.recall:.4f}")
    typer.echo(f"RMSE {result.rmse:.4f}")
    if not math.isnan(result.pull_mean):
        typer.echo(f"pull: mean {result.pull_mean:.3f}, standard deviation {result.pull_stddev:.3f}")
