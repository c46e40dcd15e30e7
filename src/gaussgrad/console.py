"""What commands say on a console: lines as they are, and a sign of life where they take their time."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 2.0  # seconds without a sign

Report = Callable[[float], None]
"""Told how much of the work is done, from 0 to 1."""


def say(console: "Console", line: str) -> None:
    """Print a line as it is: a path may hold brackets, which rich would take for its markup."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def unheard(share: float) -> None:
    """A report that nobody hears."""


@contextlib.contextmanager
def waiting(doing: str, console: "Console | None" = None) -> Iterator[Report]:
    """Show on a terminal, from the third second on, what is being done, for how long, and how much of it is done.

    The console is by default stderr; where it is no terminal, nothing is shown. What is shown is gone in the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True) if console is None else console
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=10), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = progress.add_task(doing, total=None)
    begin = threading.Timer(PATIENCE, progress.start)
    begin.daemon = True
    begin.start()
    try:
        yield lambda share: progress.update(task, total=1.0, completed=share)
    finally:
        begin.cancel()
        begin.join()
        progress.stop()
