"""Tables of spots as files: ours, ThunderSTORM's, Picasso's, and any with the columns frame, x and y."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gaussgrad import checks
from gaussgrad.files.tables import Table, numeric_columns, read_table
from gaussgrad.spots.tables import COLUMNS, SpotTable

BRACKETED = re.compile(r"(\w+) ?\[(\w+)\]")  # "x [nm]", ThunderSTORM's
THUNDERSTORM = {
    "sigma": "sigma", "sigma1": "sigma_x", "sigma2": "sigma_y", "intensity": "photons", "offset": "background",
    "uncertainty": "error", "uncertainty_xy": "error",
}  # fmt: skip
PICASSO = {"sx": "sigma_x", "sy": "sigma_y", "bg": "background", "lpx": "x_stddev", "lpy": "y_stddev"}
SIDECAR = ".units.json"


@dataclass(frozen=True)
class SpotFile:
    """A table of spots with what its file says about it; the middle of the first pixel is x = y = 0.

    Examples
    --------
    >>> one = np.ones(1)
    >>> table = SpotTable(one, np.ones((1, 2)), np.ones((1, 3)), one, one, np.ones((1, 2)), one, one)
    >>> SpotFile("a.csv", table, (2,), unit="nm", pixel_size=100.0).in_pixels().table.means
    array([[0.01, 0.01]])
    """

    path: str | os.PathLike[str]
    table: SpotTable  # NaN where the file does not tell
    lines: Sequence[int]  # of the file, for each row
    unit: str | None = None  # "pixel" or "nm"; None where the file does not say
    pixel_size: float | None = None  # nm
    size: tuple[int, int] | None = None  # height and width of the frames

    def in_pixels(self) -> "SpotFile":
        """The same in pixels; a file that does not say its unit is taken to be so."""
        return self.in_unit("pixel")

    def in_unit(self, unit: str) -> "SpotFile":
        """The same in pixels or nm; a file that does not say its unit is taken to be so."""
        if self.unit in (None, unit):
            return replace(self, unit=unit)
        size = self.needed_pixel_size()
        return replace(self, table=self.table.times(size if unit == "nm" else 1 / size), unit=unit)

    def with_table(self, table: SpotTable) -> "SpotFile":
        """Other spots, which stand in no line, of the same unit."""
        return replace(self, table=table, lines=())

    def needed_pixel_size(self) -> float:
        """The nm of a pixel, or an error where nobody says them."""
        if self.pixel_size is None:
            raise ValueError(
                checks.complain(
                    str(self.path), "a table whose pixel size is known", "none", "Add --pixel-size, the nm of a pixel."
                )
            )
        return self.pixel_size

    def refuse_missing(self, *columns: str) -> None:
        """Refuse a file that tells none of these numbers, each a field of the table."""
        for name in columns:
            if not np.isfinite(getattr(self.table, name)).any():
                wanted = f"a table with {name.replace('_', ' ')}"
                raise ValueError(checks.complain(str(self.path), wanted, "none"))


def read_spots(path: str | os.PathLike[str], *, pixel_size: float | None = None) -> SpotFile:
    """The spots of a table: one of ours, of ThunderSTORM or Picasso, or any with the columns frame, x and y.

    Parameters
    ----------
    path : path
        A CSV file; tabs or semicolons may separate its columns. A file NAME.units.json beside it tells its units.
    pixel_size : number, optional
        Nanometres of a pixel, in the place of what the file says.

    Returns
    -------
    SpotFile
        The table, its unit and its pixel size. Frames count from 0, and the middle of the first pixel is 0, 0: where
        ThunderSTORM counts frames from 1 and lengths from the corner of the first pixel, both are brought to this.
        Columns of no use here are left out.

    Raises
    ------
    ValueError
        For files that cannot be read, columns that are missing, numbers that are none, frames that are not whole
        numbers from 0, or nm from a corner where the pixel size is not known; named by file and line.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "storm.csv"
    >>> _ = path.write_text('"id","frame","x [nm]","y [nm]","uncertainty_xy [nm]"\\n1,1,150,250,9\\n')
    >>> spots = read_spots(path, pixel_size=100).in_pixels().table
    >>> spots.frame, spots.means, spots.mean_stddevs
    (array([0]), array([[1., 2.]]), array([[0.09, 0.09]]))
    """
    return spots_of(path, read_table(path), pixel_size=pixel_size)


def spots_of(path: str | os.PathLike[str], table: Table, *, pixel_size: float | None = None) -> SpotFile:
    """The spots of a table that has been read; see `read_spots`. Without a frame column all are of frame 0."""
    if pixel_size is not None:
        checks.number("pixel_size", pixel_size, "a finite number of nm above 0", 1e-300)
    names, unit = _named(path, table)
    if missing := [name for name in ("x", "y") if name not in names]:
        wanted = "a table of spots with the columns x and y (of ThunderSTORM: x [nm] and y [nm])"
        got = f"the columns {', '.join(table)}, without {' and '.join(missing)}"
        raise ValueError(checks.complain(str(path), wanted, got))
    columns = {ours: numeric_columns(path, table, [theirs])[:, 0] for ours, theirs in names.items()}
    for name in ("x", "y"):
        _refuse(~np.isfinite(columns[name]), path, table, f"of finite numbers in column {names[name]}", columns[name])
    foreign, said = unit is not None, _sidecar(Path(path))
    spots = SpotFile(
        path,
        _table(columns, _frames(path, table, columns.get("frame"), from_one=foreign)),
        table.lines,
        unit or said.get("unit"),
        pixel_size or said.get("pixel_size"),
        said.get("size"),
    )
    if not foreign:
        return spots
    corner = -0.5 * (spots.needed_pixel_size() if unit == "nm" else 1.0)
    return replace(spots, table=spots.table.moved(0, (corner, corner)))


def is_spots(table: Table) -> bool:
    """Whether a table is one of spots: it has frames, or names as ThunderSTORM and Picasso write them."""
    names = {name.lower() for name in table}
    return bool(names & {"frame", *PICASSO}) or any(BRACKETED.fullmatch(name) for name in names)


def _named(path: str | os.PathLike[str], table: Table) -> tuple[dict[str, str], str | None]:
    """From our names of columns to those of the table, and the unit that ThunderSTORM's say."""
    names: dict[str, str] = {}
    units: set[str] = set()
    for theirs in table:
        lower = theirs.lower()
        if match := BRACKETED.fullmatch(lower):
            name, unit = match.groups()
            if unit in ("nm", "px") and (name in ("x", "y") or "sigma" in name or "uncertainty" in name):
                units.add(unit)
            elif unit not in ("photon", "photons", "adu", "au"):
                continue
            lower = name if name in ("x", "y") else THUNDERSTORM.get(name, "")
        lower = PICASSO.get(lower, lower)
        if lower in (*COLUMNS, "sigma", "sigma_x", "sigma_y", "error"):
            names.setdefault(lower, theirs)
    if len(units) > 1:
        raise ValueError(checks.complain(str(path), "a table of one unit of length", "nm and px"))
    return names, {"nm": "nm", "px": "pixel"}[units.pop()] if units else None


def _frames(path: str | os.PathLike[str], table: Table, frames: np.ndarray | None, *, from_one: bool) -> np.ndarray:
    """Whole numbers from 0. Who counts from 1 has no frame 0; who has one, such as Picasso's export, counts from 0."""
    if frames is None:
        return np.zeros(len(table.lines), dtype=np.int64)
    bad = ~((frames >= 0) & (frames < 2**53) & (frames == np.floor(frames)))
    _refuse(bad, path, table, "of whole numbers from 0 in column frame", frames)
    whole = frames.astype(np.int64)
    return whole - 1 if from_one and len(whole) and whole.min() > 0 else whole


def _table(columns: dict[str, np.ndarray], frames: np.ndarray) -> SpotTable:
    def one(*names: str) -> np.ndarray:
        return next((columns[name] for name in names if name in columns), np.full(len(frames), np.nan))

    covariances = np.column_stack([one("xx"), one("xy"), one("yy")])
    if not {"xx", "xy", "yy"} <= set(columns):
        widths = [one("sigma_x", "sigma"), one("sigma_y", "sigma")]
        covariances = np.column_stack([widths[0] ** 2, 0 * widths[0], widths[1] ** 2])
    return SpotTable(
        frames,
        np.column_stack([columns["x"], columns["y"]]),
        covariances,
        one("photons"),
        one("background"),
        np.column_stack([one("x_stddev", "error"), one("y_stddev", "error")]),
        one("photons_stddev"),
        one("deviance"),
    )


def _refuse(bad: np.ndarray, path: str | os.PathLike[str], table: Table, wanted: str, values: np.ndarray) -> None:
    index = checks.first_offender(bad)
    if index is not None:
        raise ValueError(checks.complain(f"{path}, line {table.lines[index[0]]}", wanted, f"{values[index]:g}"))


def _sidecar(path: Path) -> dict:
    """What the file of units beside a table says: unit, pixel_size and size, as far as it does."""
    beside = path.with_suffix(SIDECAR)
    if not beside.is_file():
        return {}
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
        unit, pixel_size, size = record["units"]["x"], record.get("pixel_size_nm"), record.get("size_pixels")
        if unit not in ("pixel", "nm"):
            raise ValueError(f"the unit {unit!r}")
        said = {"unit": unit}
        if pixel_size is not None:
            said["pixel_size"] = checks.number("pixel_size_nm", pixel_size, "a finite number above 0", 1e-300)
        return {**said, "size": checks.image_size(size)} if size is not None else said
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        got = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(checks.complain(str(beside), "the units of a table of spots", got)) from error
