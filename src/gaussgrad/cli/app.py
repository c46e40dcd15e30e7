"""The command line: its commands, one file each, and the version."""

import inspect
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gaussgrad.cli.codes import USER_ERROR

HELP = (
    "Differentiable Gaussians: train an autoencoder that draws images with them, find them in images, fit them to "
    "photographs, and render them."
)
EPILOG = "Start with: gaussgrad train -o demo"
COMMANDS = {  # the first line of each: the files, and the options in them, wait until a command is called
    "train": "Train an autoencoder whose decoder draws Gaussians.",
    "predict": "Write the Gaussians of images as CSV, one row per Gaussian.",
    "inspect": "Say what is wrong with the Gaussians of a model, and what to try.",
    "sample": "Draw new images, as one picture.",
    "fit": "Turn a photograph into Gaussians, or every photograph of a folder.",
    "render": "Draw Gaussians as an image: a .gauss file at any size, or rows.",
    "info": "Say what a .gauss file holds: size, Gaussians, bytes, widths and colours.",
    "export": "Write a .gauss file for other programs.",
    "spots": "Find the spots of frames, each with its errors; compare, link, correct for drift.",
    "play": "Open a page to play with: fit a photograph, pull points, turn a Gaussian, sample.",
}
SPOTS = {
    "find": "Write the spots of frames as CSV, each with its standard errors.",
    "compare": "Say how well a table of spots agrees with the truth.",
    "link": "Join the rows of a spot that stays over frames to one.",
    "drift": "Take the drift of the sample out of a table of spots.",
}


class Commands(TyperGroup):
    """Lists names and first lines; a command that is called comes from its file."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.loaded(name) if name else command, rest

    def loaded(self, name: str) -> Any:
        return load(name)


class SpotsCommands(Commands):
    """The commands of `gaussgrad spots`."""

    def loaded(self, name: str) -> Any:
        return load(f"spots.{name}")


def new_app(**options: Any) -> typer.Typer:
    return typer.Typer(
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["--help", "-h"]},
        **{"add_completion": False, **options},
    )


def load(name: str) -> Any:
    """The command of this name, with its options; that of a group follows its name and a dot."""
    if name == "spots":
        return typer.main.get_command(spots)
    alone, command = new_app(), getattr(import_module(f"gaussgrad.cli.{name}"), name.rpartition(".")[2])
    alone.command(help=_flowing(command.__doc__))(command)
    return typer.main.get_command(alone)


def _flowing(text: str) -> str:
    """The paragraphs of a docstring, each on one line: a terminal breaks it by its own width."""
    return "\n\n".join(" ".join(each.split()) for each in inspect.cleandoc(text).split("\n\n"))


spots = new_app(cls=SpotsCommands, help=COMMANDS["spots"], no_args_is_help=True)
for command, line in SPOTS.items():
    spots.command(command, help=line)(lambda: None)
app = new_app(cls=Commands, help=HELP, epilog=EPILOG, add_completion=True)
for command, line in COMMANDS.items():
    app.command(command, help=line)(lambda: None)


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
        from importlib import metadata

        typer.echo(f"gaussgrad {metadata.version('gaussgrad')}")
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
