"""Options that commands share: --overwrite, a table to write, and one for each setting of a training."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gaussgrad.training.configuration import SETTINGS, TYPES, Configuration, largest

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]


def refuse_outputs(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that is no table, is there already, or is the input."""
    from gaussgrad import checks
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.spots.reading import SIDECAR

    if output.suffix.lower() != ".csv":
        raise ValueError(checks.complain("--output", "a file ending in .csv", output))
    for path in (output, output.with_suffix(SIDECAR)):
        refuse_existing(path, overwrite)
    if output.exists() and source.exists() and output.samefile(source):
        raise ValueError(checks.complain("--output", f"another file than {source.name}", output))


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command with one option per setting in the place of its `**settings`; its own arguments stay as they are."""
    parameters = inspect.signature(command).parameters
    own = [parameter for parameter in parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    options = [_option(name) for name in SETTINGS if name not in parameters]
    command.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    return command


def _option(name: str) -> inspect.Parameter:
    setting = SETTINGS[name]
    option = typer.Option(
        *([setting.option] if setting.option else []),
        metavar=setting.metavar,
        min=setting.minimum,
        max=largest(name),
        rich_help_panel=setting.panel,
        show_default=setting.shown_default,
        help=setting.help,
    )
    default = getattr(Configuration, name)
    kind: Any = Annotated[TYPES[name], option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
