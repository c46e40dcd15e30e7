"""The command line: its commands, one file each, and the version."""

import importlib.metadata
from typing import Annotated

import typer

from gaussgrad.cli.codes import USER_ERROR
from gaussgrad.cli.export import export
from gaussgrad.cli.fit import fit
from gaussgrad.cli.info import info
from gaussgrad.cli.inspect import inspect
from gaussgrad.cli.predict import predict
from gaussgrad.cli.render import render
from gaussgrad.cli.sample import sample
from gaussgrad.cli.train import train

HELP = (
    "Differentiable Gaussians: train an autoencoder that draws them, predict them for images, fit them to photographs, "
    "render them."
)
EPILOG = "Start with: gaussgrad train -o demo"

app = typer.Typer(
    help=HELP, epilog=EPILOG, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)
for command in (train, predict, inspect, sample, fit, render, info, export):  # in the order of the help
    app.command()(command)


def run(arguments: list[str]) -> int:
    """Parse and call; the exit code."""
    try:
        code = app(arguments, prog_name="gaussgrad", standalone_mode=False)
    except typer.TyperException as error:
        typer.echo(f"gaussgrad: {' '.join(error.format_message().split())}", err=True)
        return USER_ERROR
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gaussgrad {importlib.metadata.version('gaussgrad')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
