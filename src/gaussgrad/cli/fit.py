"""gaussgrad fit: a photograph as Gaussians."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gaussgrad.cli.options import Overwrite

STOP, KIND, FOLDER = "When to stop", "What kind of Gaussians", "For a folder of images"  # panels of the help
USUAL = 10_000  # Gaussians


def fit(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.gauss", help="The file to write; a folder, if IMAGE is one.")
    ],
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="IMAGE",
            show_default="a photograph that comes with scikit-learn",
            help="A PNG, JPEG or TIFF file or an .npy array, grey or RGB, of 8 or 16 bits, or of floats from 0 to 1; "
            "or a folder of them.",
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            "--n",
            "-n",
            metavar="N",
            min=1,
            rich_help_panel=KIND,
            show_default="10000; the fewest that reach --psnr",
            help="How many Gaussians.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            min=0,
            rich_help_panel=STOP,
            show_default="1000, without --seconds",
            help="Stop after so many steps.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.0, rich_help_panel=STOP, help="Stop after so many seconds.")
    ] = None,
    psnr: Annotated[
        float | None, typer.Option(metavar="DB", rich_help_panel=STOP, help="Stop when the PSNR is reached, in dB.")
    ] = None,
    non_negative: Annotated[
        bool,
        typer.Option(
            "--non-negative",
            rich_help_panel=KIND,
            help="Allow no negative weights, on a black background, as SVG needs.",
        ),
    ] = False,
    narrowest: Annotated[
        float,
        typer.Option(
            metavar="PX",
            min=0.0,
            rich_help_panel=KIND,
            help="The smallest standard deviation in pixels. If it is too small, an enlarged picture shows fine lines.",
        ),
    ] = 0.25,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK.png", help="An image that is black where pixels of IMAGE are to be ignored."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="SEED", min=0, max=2**32 - 1, help="The seed of the first positions.")
    ] = 0,
    compact: Annotated[
        bool, typer.Option("--compact", help="Round the numbers at the end, for a file of about a fifth of the bytes.")
    ] = False,
    animate: Annotated[
        Path | None, typer.Option(metavar="FIT.gif", help="Also write an animation of the fit, .gif or .webp.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=1,
            rich_help_panel=FOLDER,
            show_default="one for each core",
            help="How many images to fit at once.",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:8786", rich_help_panel=FOLDER, help="Fit on the workers of a Dask cluster."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted fit.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Turn a photograph into Gaussians, or every photograph of a folder.

    It also writes OUT.fit.png: the photograph, what the Gaussians draw, the Gaussians, and the error.
    Ctrl-C writes the fit as it stands. Every five seconds the fit is written to OUT.gauss.part, and --resume continues
    from there, even after kill -9. For a folder, each image gets all the steps or seconds, and --resume fits the images
    that are missing.
    """
    from gaussgrad import checks
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.files.gauss import SUFFIX

    if image is not None:
        image.stat()  # or the system's words: what is not there is neither a file nor a folder
    is_folder = image.is_dir() if image is not None else resume and output.is_dir()
    if resume and overwrite:
        raise ValueError(checks.complain("--overwrite", "left out with --resume", "both"))
    if not is_folder and output.suffix.lower() != SUFFIX:
        raise ValueError(checks.complain("--output", f"a file ending in {SUFFIX}", str(output)))
    for option, value, of_folder in (
        ("mask", mask, False),
        ("animate", animate, False),
        ("processes", processes, True),
        ("scheduler", scheduler, True),
    ):
        if value is not None and of_folder != is_folder:
            wanted = f"left out for {'a folder of images' if is_folder else 'one image'}"
            raise ValueError(checks.complain(f"--{option}", wanted, value))
    if processes is not None and scheduler is not None:
        raise ValueError(checks.complain("--processes", "left out with --scheduler", "both"))
    if not resume and not is_folder:
        refuse_existing(output, overwrite)
    from gaussgrad.fitting.sessions.settings import Settings

    settings = Settings(
        image=None if image is None else str(image.absolute()),
        n=USUAL if n is None and psnr is None else n,
        steps=steps,
        seconds=seconds,
        psnr=psnr,
        non_negative=non_negative,
        narrowest=narrowest,
        seed=seed,
        compact=compact,
        mask=None if mask is None else str(mask.absolute()),
    )
    typed = [name for name in vars(settings) if "COMMANDLINE" in str(context.get_parameter_source(name))]
    given = {name: getattr(settings, name) for name in typed}
    if is_folder:
        from gaussgrad.fitting.sessions import executors, folder

        hire = partial(executors.hired, scheduler=scheduler, processes=processes)
        if resume:
            folder.resume(output, given, hire)
        else:
            folder.start(output, settings, hire, overwrite=overwrite)
        return
    from gaussgrad.fitting.sessions import photograph

    if resume:
        photograph.resume(output, given, animate=animate)
    else:
        photograph.start(output, settings, animate=animate, overwrite=overwrite)
