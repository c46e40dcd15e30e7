"""Files: images and rows in and out, and outputs that appear whole or not at all."""

import contextlib
import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad import checks

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
_FULL_SCALE = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}


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


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """The image as float32 (1, h, w) or (3, h, w) in [0, 1].

    Parameters
    ----------
    path : path
        A PNG, JPEG or TIFF file with one grey or RGB image: 8 bits, 16 bits (of a PNG in colour, the upper 8), or
        a TIFF of floats in [0, 1]. An alpha channel that hides nothing is left out.

    Raises
    ------
    ValueError
        For a file that cannot be read, several pages, transparency, or floats outside [0, 1].

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "grey.png"
    >>> write_image(path, numpy.ones((1, 4, 6), dtype="float32"))
    >>> read_image(path).shape
    (1, 4, 6)
    """
    path = Path(path)
    reader = _read_tiff if path.suffix.lower() in (".tif", ".tiff") else _read_with_pillow
    try:
        pixels = reader(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # decoders raise whatever they like
        raise ValueError(f"{path} cannot be read as an image ({_first_line(error)}).") from error
    return scaled_to_unit(str(path), _channels_first(str(path), pixels))


def read_array(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of an .npy file, or ValueError, EOFError or OSError."""
    with open(path, "rb") as file:
        array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of arrays: name it .npz or save one array")
    return array


def _read_with_pillow(path: Path) -> np.ndarray:
    """(h, w) or (h, w, c), upright; palettes and colour spaces resolved to RGB."""
    from PIL import Image, ImageOps

    with path.open("rb") as file, Image.open(file) as image:
        if "transparency" in image.info and image.mode != "P":
            raise ValueError("it has a transparent colour: flatten it onto a background")
        upright = ImageOps.exif_transpose(image)
        modes = {"1": "L", "P": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}
        return np.asarray(upright.convert(modes.get(upright.mode, upright.mode)))


def _read_tiff(path: Path) -> np.ndarray:
    """As Pillow reads it, but for colours of more than 8 bits, which it would cut or does not know."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        count = sum(not (isinstance(page, tifffile.TiffPage) and page.is_reduced) for page in file.pages)
        if count > 1:
            raise ValueError(f"it has {count} pages: save them as single images")
        page = file.pages.first
        if page.bitspersample > 8 and page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            raise ValueError("its zero is white: save it with black as zero")
        colours = page.photometric == tifffile.PHOTOMETRIC.RGB and page.axes == "YXS"
        if page.bitspersample > 8 and (colours or (page.axes == "YX" and page.compression == 1)):
            return page.asarray()
    return _read_with_pillow(path)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")


def _channels_first(name: str, pixels: np.ndarray) -> np.ndarray:
    """(c, h, w) with one or three channels."""
    if pixels.ndim == 2:
        return pixels[None]
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 2, 3, 4):
        wanted = "one grey image (h, w) or one RGB image (h, w, 3)"
        raise ValueError(checks.complain(name, wanted, f"shape {pixels.shape}", "Save its pages as single images."))
    if pixels.shape[-1] in (2, 4):
        opaque = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
        if (pixels[..., -1] != opaque).any():
            raise ValueError(checks.complain(name, "opaque", "transparent pixels", "Flatten it onto a background."))
        pixels = pixels[..., :-1]
    return np.moveaxis(pixels, -1, 0)


def scaled_to_unit(name: str, pixels: np.ndarray) -> np.ndarray:
    """Pixels as float32 in [0, 1]: integers by the full scale of their type, floats as they come, or an error."""
    if pixels.dtype.name in _FULL_SCALE:
        return np.ascontiguousarray(pixels / np.float32(_FULL_SCALE[pixels.dtype.name]), dtype=np.float32)
    wanted = "of dtype bool, uint8 or uint16, or floats in [0, 1]"
    cure = "Divide by the value that shall be white."
    if pixels.dtype.kind != "f":
        raise ValueError(checks.complain(name, wanted, pixels.dtype, cure))
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):  # NaN fails both
        got = f"values from {pixels.min():.4g} to {pixels.max():.4g}"
        raise ValueError(checks.complain(name, wanted, got, cure))
    return np.ascontiguousarray(pixels, dtype=np.float32)


def write_image(path: str | os.PathLike[str], image: np.ndarray, overwrite: bool = False) -> None:
    """Write an image (1, h, w) or (3, h, w) as PNG (8 bits), or as TIFF or NPY (float32, untouched).

    PNG shows [0, 1]: smaller values become black, larger ones white.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> write_image(pathlib.Path(tempfile.mkdtemp()) / "black.png", numpy.zeros((3, 4, 6)))
    """
    suffix = picture_suffix(path)
    shown = image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)
    with fresh_file(path, overwrite) as partial:
        if suffix == ".npy":
            np.save(partial, shown.astype(np.float32))
        elif suffix == ".png":
            _write_png(partial, shown)
        else:
            _write_tiff(partial, shown)


def _write_png(path: Path, shown: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(np.round(255 * np.clip(shown, 0, 1)).astype(np.uint8)).save(path)


def _write_tiff(path: Path, shown: np.ndarray) -> None:
    import tifffile

    tifffile.imwrite(path, shown.astype(np.float32), photometric="rgb" if shown.ndim == 3 else "minisblack")


def picture_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of an image to write, or an error."""
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise ValueError(checks.complain("the output", f"a file ending in {', '.join(PICTURE_SUFFIXES)}", Path(path)))
    return suffix


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

    def __init__(self, columns: Mapping[str, list[str]], lines: Sequence[int]) -> None:
        super().__init__(columns)
        self.lines = lines


def read_table(path: str | os.PathLike[str]) -> Table:
    """The columns of a CSV file by their header.

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
            reader = csv.reader(file)
            lines = [(reader.line_num, line) for line in reader if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as CSV ({_first_line(error)}).") from error
    if not lines:
        raise ValueError(checks.complain(str(path), "a CSV file with a header", "an empty file"))
    header = [name.strip() for name in lines[0][1]]
    if len(set(header)) != len(header):
        raise ValueError(checks.complain(str(path), "a CSV file whose columns have different names", ", ".join(header)))
    for number, line in lines[1:]:
        if len(line) != len(header):
            wanted = f"a CSV file with {len(header)} columns in every row"
            raise ValueError(checks.complain(str(path), wanted, f"{len(line)} in line {number}"))
    columns = {name: [line[column] for _, line in lines[1:]] for column, name in enumerate(header)}
    return Table(columns, [number for number, _ in lines[1:]])


def numbers(path: str | os.PathLike[str], table: Table, columns: Sequence[str]) -> np.ndarray:
    """The named columns as float64 (rows, columns), or an error that names the place."""
    missing = [name for name in columns if name not in table]
    if missing:
        wanted = f"a CSV file with the columns {', '.join(columns)}"
        raise ValueError(checks.complain(str(path), wanted, f"the columns {', '.join(table)}"))
    values = np.empty((len(table[columns[0]]), len(columns)))
    for column, name in enumerate(columns):
        for row, text in enumerate(table[name]):
            try:
                values[row, column] = float(text)
            except ValueError:
                wanted = f"numbers in column {name}"
                raise ValueError(checks.complain(str(path), wanted, f"{text!r} in line {table.lines[row]}")) from None
    return values
