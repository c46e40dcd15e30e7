"""The columns of a table of Gaussians: their names, order and units, and the way from Gaussians to rows and back."""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gaussgrad import checks, rows
from gaussgrad.files.archives import read_npy
from gaussgrad.files.tables import Table, numeric_columns, read_table, write_table
from gaussgrad.gaussians import Gaussians


class Column(NamedTuple):
    """What a column of the table holds."""

    name: str
    unit: str
    meaning: str


IDENTITY = (
    Column("image", "", "name of the file, or position in the array"),
    Column("index", "", "which Gaussian of the image, from 0"),
)
MEANS = (Column("x", "px", "mean, to the right"), Column("y", "px", "mean, downwards"))
COVARIANCES = (
    Column("xx", "px²", "variance along x"),
    Column("xy", "px²", "covariance of x and y"),
    Column("yy", "px²", "variance along y"),
)
WEIGHT = (Column("weight", "grey value", "value at the mean"),)
COLOURS = tuple(
    Column(f"weight_{colour}", "grey value", f"value at the mean, {colour}") for colour in ("red", "green", "blue")
)
POSITION_STDDEVS = (  # told by predict where the model knows them, drawn by nobody
    Column("x_stddev", "px", "how uncertain x is, one standard deviation"),
    Column("y_stddev", "px", "how uncertain y is, one standard deviation"),
)
COLUMNS = (*IDENTITY, *MEANS, *COVARIANCES, *WEIGHT, *COLOURS, *POSITION_STDDEVS)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")  # what spreadsheets run begins so
_WEIGHTS = {1: WEIGHT, 3: COLOURS}


def names_of(*groups: Sequence[Column]) -> tuple[str, ...]:
    """The names of columns, in order."""
    return tuple(column.name for group in groups for column in group)


class Part(NamedTuple):
    """The Gaussians of some of the images of a table; the fields are the arguments of `write_gaussians`."""

    names: Sequence[str]
    gaussians: Gaussians
    position_stddevs: np.ndarray | None = None
    owned: np.ndarray | None = None


def write_gaussians(
    path: str | os.PathLike[str],
    names: Sequence[str],
    gaussians: Gaussians,
    position_stddevs: np.ndarray | None = None,
    overwrite: bool = False,
    owned: np.ndarray | None = None,
) -> None:
    """Write the Gaussians of images as CSV, one row per Gaussian.

    Parameters
    ----------
    path : path
        The file to write.
    names : sequence of str
        One for each image.
    gaussians : Gaussians
        Means (b, n, 2), covariances or Cholesky factors (b, n, 3), weights (b, n) or (b, n, c) with c = 1 or 3. The
        table holds covariances.
    position_stddevs : array (b, n, 2), optional
        Pixels; two columns more.
    owned : array (b, n) of bool, optional
        Which Gaussians to write; without it all.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "found.csv"
    >>> one = Gaussians(numpy.ones((1, 1, 2)), numpy.array([[[1.0, 0.0, 1.0]]]), numpy.ones((1, 1)))
    >>> write_gaussians(path, ["a.png"], one)
    >>> print(path.read_text())
    image,index,x,y,xx,xy,yy,weight
    a.png,0,1.0,1.0,1.0,0.0,1.0,1.0
    """
    write_parts(path, [Part(names, gaussians, position_stddevs, owned)], overwrite)


def write_parts(path: str | os.PathLike[str], parts: Sequence[Part], overwrite: bool = False) -> None:
    """Write one table of images of which some have more Gaussians than others, with the columns of the first part."""
    headers, rows = zip(*(_columns(part) for part in parts), strict=True)
    write_table(path, headers[0], itertools.chain.from_iterable(rows), overwrite)


def _columns(part: Part) -> tuple[tuple[str, ...], Iterator[list[Any]]]:
    """The names of the columns, and the rows."""
    gaussians = part.gaussians
    means, covariances = np.asarray(gaussians.means), np.asarray(gaussians.packed_covariances())
    weights = np.asarray(gaussians.weights)
    weights = weights[..., None] if weights.ndim == 2 else weights
    header = names_of(IDENTITY, MEANS, COVARIANCES, _WEIGHTS[weights.shape[-1]])
    columns = [means, covariances, weights]
    if part.position_stddevs is not None:
        header += names_of(POSITION_STDDEVS)
        columns.append(part.position_stddevs)
    return header, _rows(part.names, columns, part.owned)


def _rows(names: Sequence[str], parts: Sequence[np.ndarray], owned: np.ndarray | None) -> Iterator[list[Any]]:
    """One row per Gaussian; the numbers as their dtype prints them, which reads back the same."""
    for i, name in enumerate(names):
        chosen = range(parts[0].shape[1]) if owned is None else np.flatnonzero(owned[i]).tolist()
        for index, j in enumerate(chosen):
            yield [_no_formula(name), index, *(str(number) for part in parts for number in part[i, j])]


def _no_formula(name: str) -> str:
    """The name as a path, where a spreadsheet would run it: =cmd|1!A0.png is ./=cmd|1!A0.png too."""
    return f"./{name}" if name.startswith(FORMULAS) else name


def read_gaussians(path: str | os.PathLike[str], image: str | None = None) -> Gaussians:
    """The Gaussians of one image, float64: means (n, 2), covariances (n, 3), weights (n,), (n, 3) or None.

    Parameters
    ----------
    path : path
        A CSV file with the columns x, y, xx, xy, yy in any order and, if you like, weight, or weight_red, weight_green
        and weight_blue; or an `.npy` array (n, 5) or (n, 6) of such rows.
    image : str, optional
        Which image of a table with several.

    Raises
    ------
    ValueError
        For a file that cannot be read, holds no rows, columns that are missing or unknown, no choice among several
        images, or numbers that make no Gaussian, named by line or row.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.npy"
    >>> numpy.save(path, numpy.array([[3.0, 2.0, 1.5, 0.4, 1.0]]))
    >>> read_gaussians(path).covariances
    array([[1.5, 0.4, 1. ]])
    """
    path = Path(path)
    means, covariances, weights = _read_npy(path) if path.suffix.lower() == ".npy" else _read_csv(path, image)
    return Gaussians(means=means, covariances=covariances, weights=weights)


def _read_npy(path: Path) -> tuple[Any, Any, Any]:
    try:
        array = read_npy(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as an array ({error}).") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(checks.complain(str(path), "an array of real numbers", f"dtype {array.dtype}"))
    if array.ndim != 2:
        raise ValueError(checks.complain(str(path), "an array of rows (n, 5) or (n, 6)", f"shape {array.shape}"))
    numbers = array.astype(np.float64)
    if numbers.shape[1] in (5, 6):
        places = [f"row {row}" for row in range(len(numbers))]
        _refuse_unfit(path, places, numbers[:, :2], numbers[:, 2:5], numbers[:, 5:])
    return rows.from_rows(numbers)


def _read_csv(path: Path, image: str | None) -> tuple[Any, Any, Any]:
    table = read_table(path)
    chosen = rows_of_image(path, table, image)
    shapes = numeric_columns(path, table, names_of(MEANS, COVARIANCES))[chosen]
    _refuse_other_columns(path, table)
    means, covariances = np.split(shapes, [len(MEANS)], axis=1)
    weights = _weights(path, table, chosen)
    _refuse_unfit(path, [f"line {table.lines[row]}" for row in chosen], means, covariances, weights)
    return means, covariances, weights


def _weights(path: Path, table: Table, chosen: list[int]) -> np.ndarray | None:
    """The weights (n, 3) or (n,) of some rows, if the table has them."""
    colours, weight = names_of(COLOURS), names_of(WEIGHT)
    if set(colours) <= set(table):
        return numeric_columns(path, table, colours)[chosen]
    return numeric_columns(path, table, weight)[chosen][:, 0] if set(weight) <= set(table) else None


def _refuse_unfit(
    path: Path, places: Sequence[str], means: np.ndarray, covariances: np.ndarray, weights: np.ndarray | None
) -> None:
    """Refuse numbers that make no Gaussian, by where they stand in the file."""
    if not places:
        raise ValueError(checks.complain(str(path), "of at least one Gaussian", "no row"))
    finite = np.isfinite(means).all(axis=1) & np.isfinite(covariances).all(axis=1)
    if weights is not None:
        finite &= np.isfinite(weights.reshape(len(places), -1)).all(axis=1)
    index = checks.first_offender(~finite)
    if index is not None:
        raise ValueError(checks.complain(f"{path}, {places[index[0]]}", "of finite numbers", "one that is not"))
    index = checks.first_offender(~checks.definite(covariances))
    if index is not None:
        got = covariances[index[0]].tolist()
        raise ValueError(checks.complain(f"{path}, {places[index[0]]}: xx, xy, yy", "positive definite", got))


def _refuse_other_columns(path: Path, table: Table) -> None:
    """Refuse columns that would be left out of the image, such as weights that are misspelt."""
    known, weight, colours = names_of(IDENTITY, MEANS, COVARIANCES), names_of(WEIGHT), names_of(COLOURS)
    others = [name for name in table if name not in (*known, *names_of(POSITION_STDDEVS))]
    if others and set(others) not in (set(weight), set(colours)):
        wanted = f"a CSV file with the columns {', '.join(known)}, and {', '.join(weight)} or {', '.join(colours)}"
        got = f"as others {', '.join(others)}"
        raise ValueError(checks.complain(str(path), wanted, got, "Rename, add or remove columns."))


def rows_of_image(path: Path, table: Table, image: str | None) -> list[int]:
    """The rows of the image to draw, all where the table names none."""
    image = None if image is None else _no_formula(image)
    names = table.get("image", [""] * len(next(iter(table.values()))))
    known = sorted(set(names))
    if image is None and len(known) > 1:
        cure = f"Choose one with --image, for example --image {known[0]}."
        raise ValueError(checks.complain(str(path), "rows of one image", f"{len(known)} images", cure))
    if image is not None and image not in known:
        raise ValueError(checks.complain("--image", f"an image of {path}", image))
    return [row for row, name in enumerate(names) if image is None or name == image]
