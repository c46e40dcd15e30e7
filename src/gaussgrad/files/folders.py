"""Outputs that appear whole or not at all, and never in the place of what is not ours."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


def refuse_existing(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path, or FileExistsError where something is there already and may not be replaced."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already. Choose another output, or add --overwrite (overwrite=True).")
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
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def only_empty(folder: Path) -> bool:
    """Whether a folder holds nothing: what may be replaced where nothing is known of who wrote it."""
    return folder.is_dir() and not any(folder.iterdir())


def refuse_foreign(path: str | os.PathLike[str], overwrite: bool, ours: Callable[[Path], bool]) -> Path:
    """The path of a folder to write, or FileExistsError where anything but a folder of ours would be replaced."""
    path = refuse_existing(path, overwrite)
    if path.exists() and not (only_empty(path) or (path.is_dir() and ours(path))):
        raise FileExistsError(f"{path} holds files that are not gaussgrad's; choose another folder.")
    return path


@contextlib.contextmanager
def fresh_folder(
    path: str | os.PathLike[str], overwrite: bool = False, ours: Callable[[Path], bool] = only_empty
) -> Iterator[Path]:
    """A sibling folder to fill; renamed to `path` when the block ends well, removed when it raises.

    A folder that exists is replaced only with `overwrite`, and only where it is empty or `ours` knows it.
    """
    path = refuse_foreign(path, overwrite, ours)
    partial = _partial(path)
    partial.mkdir()
    try:
        yield partial
        if path.is_dir():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial(path: Path) -> Path:
    """A hidden sibling that keeps the suffix, since writers go by it."""
    return path.with_name(f".partial-{os.getpid()}-{path.name}")
