"""gaussgrad play: the page to play with, in the browser."""

from pathlib import Path
from typing import Annotated

import typer


def play(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="[IMAGE]", show_default=False, help="A .png, .jpg, .webp or .gauss file to begin with."),
    ] = None,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, show_default="any free one", help="The port of the page.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open the browser.")] = True,
) -> None:
    """Open a page to play with: fit a photograph, pull points, turn a Gaussian, sample.

    The page is served from this installation, to this machine only, and needs no network. Ctrl-C ends it.
    """
    import contextlib
    import webbrowser

    from gaussgrad.play import server

    with server.start(image, port) as serving, contextlib.suppress(KeyboardInterrupt):
        place = server.address(serving, image)
        typer.echo(f"The page is at {place}. Ctrl-C ends it.")
        if browser:
            webbrowser.open(place)
        serving.serve_forever()
    typer.echo("\nThe page is closed.")
