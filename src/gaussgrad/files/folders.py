"""Outputs that appear whole or not at all, and never in the place of what is not ours.

A file is written beside its place and renamed. A folder is made in a hidden one beside its place, held by this process
alone:

    .partial-TOKEN-NAME/.lock, new, old

Where the system can, new and NAME change places in one step. Elsewhere NAME is moved to `old` first. Whoever is killed
then leaves an `old` and no NAME: the next one to write NAME moves it back, as it clears whatever nobody holds any more.
"""

import contextlib
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from gaussgrad.files.exchange import exchange
from gaussgrad.files.locks import LOCK, holds_nothing, locked

PARTIAL, TOKEN_LETTERS = ".partial-", 8  # by chance, for the number of a process comes again in each container


def refuse_existing(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path, or FileExistsError where something is there already and may not be replaced."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already. Choose another output, or add overwrite=True.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"the folder {path.absolute().parent} for the output {path.name} does not exist.")
    return path


@contextlib.contextmanager
def fresh_file(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """A sibling path to write to; renamed to `path` when the block ends well, removed when it raises."""
    path = refuse_existing(path, overwrite)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; the output is a file.")
    partial = _partial(path)
    try:
        with _told_of(partial, path):
            yield partial
            refuse_existing(path, overwrite)  # another process may have written there meanwhile
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def refuse_foreign(path: str | os.PathLike[str], overwrite: bool, ours: Callable[[Path], bool]) -> Path:
    """The path of a folder to write, or FileExistsError where anything but a folder of ours would be replaced."""
    path = refuse_existing(path, overwrite)
    if path.exists() and not (holds_nothing(path) or (path.is_dir() and ours(path))):
        raise FileExistsError(f"{path} holds files that are not gaussgrad's; choose another folder.")
    return path


@contextlib.contextmanager
def fresh_folder(
    path: str | os.PathLike[str], overwrite: bool = False, ours: Callable[[Path], bool] = holds_nothing
) -> Iterator[Path]:
    """A folder to fill; put at `path` when the block ends well, removed when it raises.

    A folder that exists is replaced only with `overwrite`, and only where it is empty or `ours` knows it.
    """
    path = Path(path)
    clear_leftovers(path)
    refuse_foreign(path, overwrite, ours)
    workshop = _partial(path)
    workshop.mkdir()
    try:
        with locked(workshop):
            new = workshop / "new"
            try:
                new.mkdir()
                with _told_of(new, path):
                    yield new
                    refuse_foreign(path, overwrite, ours)  # as in fresh_file
                    _put(new, path, workshop / "old")
            finally:
                _settle(workshop, path)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def clear_leftovers(path: Path) -> None:
    """Remove what killed processes left beside a folder to write; put back a folder that one of them moved away."""
    for workshop in _partials_of(path):
        if not (workshop / LOCK).is_file():  # somebody has just made it
            continue
        with contextlib.suppress(FileExistsError):  # somebody is at work in it
            with locked(workshop):
                _settle(workshop, path)
            shutil.rmtree(workshop, ignore_errors=True)


def clear_partial_files(path: Path) -> None:
    """Remove what killed processes left beside a file that nobody else writes now."""
    for partial in _partials_of(path):
        if not partial.is_dir():
            partial.unlink(missing_ok=True)


def is_alone(path: Path) -> bool:
    """Whether the folder of a file holds nothing but a lock, and what killed processes left of that file."""
    left = {partial.name for partial in _partials_of(path)}
    return path.parent.is_dir() and {found.name for found in path.parent.iterdir()} <= {LOCK, *left}


def _partials_of(path: Path) -> Iterator[Path]:
    """What `_partial` may have given for a path."""
    return path.parent.glob(f"{PARTIAL}{'[0-9a-f]' * TOKEN_LETTERS}-{glob.escape(path.name)}")


def _put(new: Path, path: Path, old: Path) -> None:
    """Move `new` to `path`; what was there is at `old` then, or at `new`."""
    if path.exists():
        if exchange(new, path):
            return
        path.rename(old)
    new.rename(path)


def _settle(workshop: Path, path: Path) -> None:
    """Put back what was moved away where nothing came in its place, and remove the rest."""
    old = workshop / "old"
    if old.exists() and not path.exists():
        old.rename(path)
    for left in (old, workshop / "new"):
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _told_of(partial: Path, path: Path) -> Iterator[None]:
    """Whatever goes wrong with a hidden file is told of the one that was asked for."""
    try:
        yield
    except OSError as error:
        named = str(error.filename or partial)
        if error.errno is not None and named.startswith(str(partial)):
            error.filename, error.filename2 = str(path) + named.removeprefix(str(partial)), None
        raise


def _partial(path: Path) -> Path:
    """A hidden sibling that keeps the suffix, since writers go by it."""
    return path.with_name(f"{PARTIAL}{os.urandom(TOKEN_LETTERS // 2).hex()}-{path.name}")
