"""gaussgrad fit: a photograph as Gaussians."""

from pathlib import Path
from typing import Annotated

import typer

from gaussgrad.cli.options import Overwrite

STOP, KIND = "When to stop", "What kind of Gaussians"  # panels of the help


def fit(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.gauss", help="The file to write.")],
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="IMAGE",
            show_default="a photograph that comes with scikit-learn",
            help="A PNG, JPEG or TIFF file, grey or RGB, of 8 or 16 bits, or of floats from 0 to 1.",
        ),
    ] = None,
    n: Annotated[
        int, typer.Option("--n", "-n", metavar="N", min=1, rich_help_panel=KIND, help="How many Gaussians.")
    ] = 10_000,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            min=0,
            rich_help_panel=STOP,
            show_default="1000, without --seconds",
            help="After so many steps.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.0, rich_help_panel=STOP, help="After so much time.")
    ] = None,
    psnr: Annotated[
        float | None, typer.Option(metavar="DB", rich_help_panel=STOP, help="As soon as the PSNR is reached, in dB.")
    ] = None,
    non_negative: Annotated[
        bool,
        typer.Option(
            "--non-negative", rich_help_panel=KIND, help="Only add light, to black: what an SVG file can show."
        ),
    ] = False,
    narrowest: Annotated[
        float,
        typer.Option(
            metavar="PX", min=0.0, rich_help_panel=KIND, help="The least standard deviation, against needles in a zoom."
        ),
    ] = 0.25,
    seed: Annotated[int, typer.Option(metavar="SEED", min=0, help="Of the places where Gaussians begin.")] = 0,
    compact: Annotated[
        bool, typer.Option("--compact", help="Round the numbers in the end, to about a fifth of the bytes.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a fit that did not come to its end.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Turn a photograph into Gaussians.

    Beside OUT.gauss comes OUT.fit.png: the photograph, what the Gaussians draw, the Gaussians, and the error.
    Ctrl-C keeps what is reached. OUT.gauss.part, written every five seconds, is what --resume goes on with, after
    kill -9 too.
    """
    from gaussgrad import checks
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.files.gauss import SUFFIX

    if output.suffix.lower() != SUFFIX:
        raise ValueError(checks.complain("--output", f"a file ending in {SUFFIX}", str(output)))
    if resume and overwrite:
        raise ValueError(checks.complain("--overwrite", "left out with --resume", "both"))
    if not resume:
        refuse_existing(output, overwrite)
    from gaussgrad.fitting import session

    settings = session.Settings(
        image=None if image is None else str(image.absolute()),
        n=n,
        steps=steps,
        seconds=seconds,
        psnr=psnr,
        non_negative=non_negative,
        narrowest=narrowest,
        seed=seed,
        compact=compact,
    )
    if not resume:
        session.start(output, settings, overwrite=overwrite)
        return
    typed = [name for name in vars(settings) if "COMMANDLINE" in str(context.get_parameter_source(name))]
    session.resume(output, {name: getattr(settings, name) for name in typed})
