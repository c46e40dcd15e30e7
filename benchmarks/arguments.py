"""Arguments of the command: refusals in one line, and paths that are checked before anything is measured."""

import argparse
from fnmatch import fnmatch
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Tells an error in one line, where argparse would show the whole usage first."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


Commands = argparse._SubParsersAction  # what add_subparsers gives; argparse has no public name for it


def existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{path} does not exist")
    return path


def new_folder(text: str) -> Path:
    path = Path(text)
    if path.exists():
        raise argparse.ArgumentTypeError(f"{path} exists; name a new folder")
    return path


def source_folder(text: str) -> Path:
    path = Path(text)
    if not (path / "gaussgrad" / "__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"{path} holds no gaussgrad; give the folder src of another checkout")
    return path.resolve()


def matching(patterns: list[str] | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that match any of the patterns, all without patterns; ValueError where there are none."""
    found = tuple(name for name in names if not patterns or any(fnmatch(name, pattern) for pattern in patterns))
    if not found:
        raise ValueError(f"--only {' '.join(patterns or ())} matches none of: {'; '.join(names)}")
    return found
