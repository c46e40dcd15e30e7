"""gaussgrad render: rows of Gaussians as an image."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from gaussgrad import checks, rows
from gaussgrad.files.folders import refuse_existing
from gaussgrad.files.images import picture_suffix, read_array, write_image
from gaussgrad.files.tables import Table, numeric_columns, read_table
from gaussgrad.ops.render import render

SHAPE = ("x", "y", "xx", "xy", "yy")
POSITION_STDDEVS = ("x_stddev", "y_stddev")  # told by predict, drawn by nobody
COLOURS = ("weight_red", "weight_green", "weight_blue")


def render_file(source: Path, output: Path, image: str | None, options: dict[str, Any], *, overwrite: bool) -> None:
    """Draw the rows of a CSV or NPY file."""
    refuse_existing(output, overwrite)
    if output.exists() and source.exists() and output.samefile(source):
        raise ValueError(checks.complain("--output", "another file than the rows", str(output)))
    suffix = picture_suffix(output)
    values = _read_npy(source) if source.suffix.lower() == ".npy" else _read_csv(source, image)
    means, covariances, weights = values
    drawn = render(means, covariances, weights, **options)
    drawn = drawn[None] if drawn.ndim == 2 else drawn
    write_image(output, drawn, overwrite)
    beyond = int(((drawn < 0) | (drawn > 1)).any(axis=0).sum())
    if suffix == ".png" and beyond:
        console = Console(stderr=True)
        console.print(f"{beyond} pixels lie outside [0, 1] and show as black or white.", soft_wrap=True)


def _read_npy(source: Path) -> tuple[Any, Any, Any]:
    try:
        array = read_array(source)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{source} cannot be read as an array ({error}).") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(checks.complain(str(source), "an array of real numbers", f"dtype {array.dtype}"))
    if array.ndim != 2:
        raise ValueError(checks.complain(str(source), "an array of rows (n, 5) or (n, 6)", f"shape {array.shape}"))
    return rows.from_rows(array.astype(np.float64))


def _read_csv(source: Path, image: str | None) -> tuple[Any, Any, Any]:
    table = read_table(source)
    chosen = _positions(source, table, image)
    gaussians = numeric_columns(source, table, SHAPE)[chosen]
    _refuse_other_columns(source, table)
    if set(COLOURS) <= set(table):
        return gaussians[:, :2], gaussians[:, 2:], numeric_columns(source, table, COLOURS)[chosen]
    weights = numeric_columns(source, table, ("weight",))[chosen][:, 0] if "weight" in table else None
    return gaussians[:, :2], gaussians[:, 2:], weights


def _refuse_other_columns(source: Path, table: Table) -> None:
    """Refuse columns that would be left out of the image, such as weights that are misspelt."""
    weights = [name for name in table if name not in ("image", "index", *SHAPE, *POSITION_STDDEVS)]
    if weights and weights != ["weight"] and set(weights) != set(COLOURS):
        wanted = f"a CSV file with the columns image, index, {', '.join(SHAPE)}, and weight or {', '.join(COLOURS)}"
        got = f"as others {', '.join(weights)}"
        raise ValueError(checks.complain(str(source), wanted, got, "Rename, add or remove columns."))


def _positions(source: Path, table: Table, image: str | None) -> list[int]:
    """The rows of the image to draw."""
    names = table.get("image", [""] * len(next(iter(table.values()))))
    known = sorted(set(names))
    if image is None and len(known) > 1:
        cure = f"Choose one with --image, for example --image {known[0]}."
        raise ValueError(checks.complain(str(source), "rows of one image", f"{len(known)} images", cure))
    if image is not None and image not in known:
        raise ValueError(checks.complain("--image", f"an image of {source}", image))
    return [row for row, name in enumerate(names) if image is None or name == image]
