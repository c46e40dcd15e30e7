"""Tables in and out: CSV, and what other programs write in its place."""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.files.errors import first_line
from gaussgrad.files.folders import fresh_file

SEPARATORS = (",", "\t", ";")
UNNAMED = re.compile(r"|Unnamed: \d+")  # the index that pandas writes, and what it becomes when written again


def write_table(
    path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[Any]], overwrite: bool = False
) -> None:
    """Write rows as CSV under a header.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> write_table(pathlib.Path(tempfile.mkdtemp()) / "points.csv", ["x", "y"], [[1.5, 2.0]])
    """
    with fresh_file(path, overwrite) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


class Table(dict[str, list[str]]):
    """The columns of a CSV file by their header, and the line of the file where each row ends."""

    def __init__(self, columns: Mapping[str, list[str]], lines: Sequence[int], decimal: str = ".") -> None:
        super().__init__(columns)
        self.lines = lines
        self.decimal = decimal  # between the digits of a number

    def chosen(self, rows: Sequence[int]) -> "Table":
        """Some of its rows."""
        columns = {name: [texts[row] for row in rows] for name, texts in self.items()}
        return Table(columns, [self.lines[row] for row in rows], self.decimal)


def read_table(path: str | os.PathLike[str]) -> Table:
    """The columns of a CSV file by their header.

    Commas, tabs or semicolons separate the columns, whichever the header has most of; beside semicolons, a number may
    have a decimal comma. Columns without a name, such as the index that pandas writes, are left out, and so is a `#`
    before the header.

    Raises
    ------
    ValueError
        For a file that is not text, has no header, or has rows of another length than the header.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "points.csv"
    >>> write_table(path, ["x", "y"], [[1.5, 2.0], [3.0, 4.0]])
    >>> read_table(path)
    {'x': ['1.5', '3.0'], 'y': ['2.0', '4.0']}
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            text = file.read()
        separator = _separator(text.lstrip().partition("\n")[0])
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        lines = [(reader.line_num, line) for line in reader if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as CSV ({first_line(error)}).") from error
    if not lines:
        raise ValueError(checks.complain(str(path), "a CSV file with a header", "an empty file"))
    header = [name.strip() for name in lines[0][1]]
    header[0] = header[0].lstrip("# ")  # as NumPy writes it
    for number, line in lines[1:]:
        if len(line) != len(header):
            wanted = f"a CSV file with {len(header)} columns in every row"
            raise ValueError(checks.complain(str(path), wanted, f"{len(line)} in line {number}"))
    named = {column: name for column, name in enumerate(header) if not UNNAMED.fullmatch(name)}
    if len(set(named.values())) != len(named):
        names = ", ".join(named.values())
        raise ValueError(checks.complain(str(path), "a CSV file whose columns have different names", names))
    columns = {name: [line[column] for _, line in lines[1:]] for column, name in named.items()}
    return Table(columns, [number for number, _ in lines[1:]], "," if separator == ";" else ".")


def _separator(header: str) -> str:
    """What separates the columns: the most frequent outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(SEPARATORS, key=bare.count)


def numeric_columns(path: str | os.PathLike[str], table: Table, columns: Sequence[str]) -> np.ndarray:
    """The named columns as float64 (rows, columns), or an error that names the place."""
    missing = [name for name in columns if name not in table]
    if missing:
        wanted = f"a CSV file with the columns {', '.join(columns)}"
        raise ValueError(checks.complain(str(path), wanted, f"the columns {', '.join(table)}"))
    return np.column_stack([_numbers(path, table, name) for name in columns])


def _numbers(path: str | os.PathLike[str], table: Table, name: str) -> np.ndarray:
    """A column as float64 (rows,)."""
    values = np.empty(len(table[name]))
    for row, text in enumerate(table[name]):
        try:
            values[row] = float(text if table.decimal == "." else text.replace(table.decimal, "."))
        except ValueError:
            wanted = f"numbers in column {name}"
            raise ValueError(checks.complain(str(path), wanted, f"{text!r} in line {table.lines[row]}")) from None
    return values
