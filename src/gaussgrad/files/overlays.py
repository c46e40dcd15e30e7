"""A folder of pictures, one per image, with a record by which it is known again and may be replaced."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gaussgrad.files.folders import fresh_folder
from gaussgrad.files.records import read_record

RECORD = "overlay.json"
FORMAT = "gaussgrad.overlay"


def is_overlay_folder(folder: Path) -> bool:
    """Whether a folder holds pictures that were written by `fresh_overlays`, and nothing else."""
    try:
        record = read_record(folder / RECORD)
    except (OSError, ValueError):
        return False
    files = record.get("files")
    if record.get("format") != FORMAT or not isinstance(files, list):
        return False
    return {path.name for path in folder.iterdir()} <= {RECORD, *map(str, files)}


@contextlib.contextmanager
def fresh_overlays(folder: str | os.PathLike[str], names: Sequence[str], overwrite: bool) -> Iterator[list[Path]]:
    """The paths of one PNG for each name, to write to; the folder appears whole or not at all."""
    files = [name if name.endswith(".png") else f"{name}.png" for name in names]
    if len(set(files)) < len(files):  # a.jpg beside a.jpg.png
        files = [f"{name}.png" for name in names]
    with fresh_folder(folder, overwrite, is_overlay_folder) as partial:
        record = json.dumps({"format": FORMAT, "files": files}, indent=2)
        (partial / RECORD).write_text(record + "\n", encoding="utf-8")
        yield [partial / name for name in files]
