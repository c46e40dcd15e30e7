"""How rows of spots are written: our columns, ThunderSTORM's and Picasso's."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from gaussgrad import checks
from gaussgrad.files.folders import fresh_file
from gaussgrad.files.tables import write_table
from gaussgrad.spots.reading import SIDECAR, SpotFile
from gaussgrad.spots.tables import COLUMNS, SpotTable

PICASSO = ("frame", "x", "y", "photons", "sx", "sy", "bg", "lpx", "lpy", "ellipticity")


def header(form: str, light: str = "photon") -> tuple[str, ...]:
    """The names of the columns; `light` is what photons are counted in, for the one format that says it."""
    if form == "thunderstorm":
        unit = "photon" if light == "photon" else "ADU"
        brightness = (f"intensity [{unit}]", f"offset [{unit}]", f"bkgstd [{unit}]")
        return ("id", "frame", "x [nm]", "y [nm]", "sigma [nm]", *brightness, "uncertainty_xy [nm]")
    return PICASSO if form == "picasso" else COLUMNS


def write_header(file: TextIO, form: str, light: str = "photon") -> None:
    """The line with the names of the columns, quoted where ThunderSTORM does."""
    names = header(form, light)
    if form == "thunderstorm":
        csv.writer(file, quoting=csv.QUOTE_ALL).writerow(names)
    else:
        csv.writer(file).writerow(names)


def rows(table: SpotTable, form: str, *, pixel_size: float | None = None, first: int = 1) -> Iterator[list[str]]:
    """The rows of a table in pixels; nm where a pixel size is given, but for Picasso, who knows pixels alone.

    ThunderSTORM counts frames from 1 and lengths from the corner of the first pixel, and numbers rows from `first`.
    """
    if form == "thunderstorm":
        return _thunderstorm(table, checks.number("pixel_size", pixel_size, "the nm of a pixel", 1e-300), first)
    if form == "picasso":
        widths = np.sqrt(table.covariances[:, ::2])
        ellipticity = (widths.max(axis=1) - widths.min(axis=1)) / widths.max(axis=1)
        parts = (table.means, table.photons, widths, table.background, table.mean_stddevs, ellipticity)
        return _texts(table.frame, np.column_stack(parts))
    return _texts(table.frame, table.rows(pixel_size or 1.0)[:, 1:])


def _thunderstorm(table: SpotTable, pixel_size: float, first: int) -> Iterator[list[str]]:
    xx, xy, yy = table.covariances.T
    numbers = np.column_stack(
        [
            (table.means + 0.5) * pixel_size,
            (xx * yy - xy**2) ** 0.25 * pixel_size,
            table.photons,
            table.background,
            np.sqrt(np.maximum(table.background, 0.0)),  # that of Poisson noise
            np.sqrt(np.mean(table.mean_stddevs**2, axis=1)) * pixel_size,
        ]
    )
    return ([str(first + i), *row] for i, row in enumerate(_texts(table.frame + 1, numbers)))


def _texts(frame: np.ndarray, numbers: np.ndarray) -> Iterator[list[str]]:
    return ([str(int(f)), *(f"{number:.7g}" for number in row)] for f, row in zip(frame, numbers, strict=True))


def units_of(unit: str | None, light: str = "photon") -> dict[str, str]:
    """The unit of each column."""
    length = unit or "pixel"
    return {
        "frame": "from 0",
        **dict.fromkeys(("x", "y", "x_stddev", "y_stddev"), length),
        **dict.fromkeys(("xx", "xy", "yy"), f"{length}^2"),
        **dict.fromkeys(("photons", "photons_stddev"), light),
        "background": f"{light} per pixel",
        "deviance": "per pixel",
    }


def write_units(path: Path, record: dict[str, Any], overwrite: bool) -> None:
    """Write what a table means beside it."""
    with fresh_file(path, overwrite) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def write_spots(
    path: str | os.PathLike[str], spots: SpotFile, extra: dict[str, np.ndarray] | None = None, overwrite: bool = False
) -> None:
    """Write a table in its unit, without the columns that it does not tell, and its units beside it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> one, none = np.ones(1), np.full((1, 3), np.nan)
    >>> table = SpotTable(np.zeros(1, int), np.ones((1, 2)), none, one, none[0, :1], none[:, :2], none[0, :1], one)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "spots.csv"
    >>> write_spots(path, SpotFile(path, table, (2,)))
    >>> path.read_text().split()
    ['frame,x,y,photons,deviance', '0,1,1,1,1']
    """
    path = Path(path)
    numbers = spots.table.rows()
    kept = [i for i in range(1, len(COLUMNS)) if i < 3 or np.isfinite(numbers[:, i]).any()]
    added = {} if extra is None else extra
    names = ["frame", *(COLUMNS[i] for i in kept), *added]
    whole = np.column_stack([numbers[:, kept], *added.values()])
    write_table(path, names, _texts(spots.table.frame, whole), overwrite)
    record = {"units": units_of(spots.unit), "pixel_size_nm": spots.pixel_size}
    size = {} if spots.size is None else {"size_pixels": list(spots.size)}
    if spots.unit is not None:
        write_units(path.with_suffix(SIDECAR), {**record, **size}, overwrite)
