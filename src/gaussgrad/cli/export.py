"""gaussgrad export: a .gauss file for other programs, or with fewer bytes."""

from pathlib import Path
from typing import Annotated

import typer

from gaussgrad.cli.options import Overwrite


def export(
    source: Annotated[Path, typer.Argument(metavar="FILE.gauss", help="A picture made of Gaussians.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A .svg, .csv, .npz or .gauss file to write.")
    ],
    compact: Annotated[
        bool, typer.Option("--compact", help="For a .gauss file: round the numbers; about a fifth of the bytes.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a .gauss file for other programs.

    .svg has a radial gradient for each Gaussian, and browsers add them up; weights must be 0 or more. .csv is the table
    that `gaussgrad predict` writes. .npz has all arrays by name. .gauss is another such file, plain or --compact.
    """
    from gaussgrad import checks
    from gaussgrad.console import waiting
    from gaussgrad.files.exports import WRITERS
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.files.gauss import SUFFIX
    from gaussgrad.picture import Picture

    refuse_existing(output, overwrite)
    if output.exists() and source.exists() and output.samefile(source):
        raise ValueError(checks.complain("--output", "another file than the picture", str(output)))
    again = output.suffix.lower() == SUFFIX
    endings = (*WRITERS, SUFFIX)
    if output.suffix.lower() not in endings:
        raise ValueError(checks.complain("--output", f"a file ending in {', '.join(endings)}", str(output)))
    if compact and not again:
        raise ValueError(checks.complain("--compact", f"given for a {SUFFIX} output", str(output)))
    with waiting("writing"):
        picture = Picture.load(source)
        if again:
            picture.save(output, compact=compact, overwrite=overwrite)
        else:
            picture.export(output, overwrite=overwrite)
    if output.suffix.lower() == ".csv" and any(picture.background):
        background = ", ".join(f"{number:.6g}" for number in picture.background)
        typer.echo(f"A table has no background: add {background} to what it draws.", err=True)
