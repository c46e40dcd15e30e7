"""gaussgrad train."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gaussgrad.cli.options import with_settings
from gaussgrad.training.configuration import SETTINGS, Configuration

FILES = "Files"  # a panel of the help


@with_settings
def train(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", rich_help_panel=FILES, help="The folder of the run.")
    ],
    data: Annotated[Path | None, typer.Argument(metavar="DATA", show_default=False, help=SETTINGS["data"].help)] = None,
    *,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            rich_help_panel=FILES,
            help="Continue an unfinished RUN; with --epochs N, also a finished one, to N epochs in all.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            rich_help_panel=FILES,
            help="Replace the run in RUN; other files there stay.",
        ),
    ] = False,
    **settings: Any,
) -> None:
    """Train an autoencoder whose decoder draws Gaussians.

    The folder RUN then holds the model, the metrics, every setting and version, and pictures: held-out images, their
    reconstructions, and the Gaussians as ellipses.
    """
    from gaussgrad import checks
    from gaussgrad.training import session

    settings["data"] = None if data is None else str(data.absolute())
    if resume:
        typed = [name for name in settings if "COMMANDLINE" in str(context.get_parameter_source(name))]
        session.resume(output, {name: settings[name] for name in typed})
        return
    if data is not None and data.resolve().is_relative_to(output.resolve()):
        raise ValueError(checks.complain("RUN", f"a folder that does not hold DATA {data}", output))
    session.start(output, Configuration(**settings), overwrite=overwrite)
