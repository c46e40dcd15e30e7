"""Folders that one process holds alone, until it lets go or ends, however it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"  # a file in the folder, on which the system keeps the lock; it may stay


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder that is there, or FileExistsError at once where another process does."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        cure = "Wait until it ends, or choose another folder."
        raise FileExistsError(f"{folder} is being written by another process. {cure}") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is missing; where it got nothing, it is left as it was found."""
    try:
        folder.mkdir()
        made = True
    except FileExistsError:
        made = False
    try:
        with locked(folder):
            try:
                yield
            finally:
                if holds_nothing(folder):
                    (folder / LOCK).unlink(missing_ok=True)
    finally:
        if made:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()


def holds_nothing(folder: Path) -> bool:
    """Whether a folder is empty but for a lock."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {LOCK}
