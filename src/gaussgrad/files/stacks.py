"""Stacks of grey frames, read as they are asked for: TIFF files page by page, arrays, and folders of files."""

import bisect
import contextlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.files.archives import read_npy, read_npz
from gaussgrad.files.errors import first_line, unsaid
from gaussgrad.files.images import IMAGE_SUFFIXES, TIFF_SUFFIXES, read_pages

ARRAY_SUFFIXES = (".npy", ".npz")
ENTRY = "frames"  # of an .npz file that holds several arrays
WHOLE = (slice(None), slice(None))


class Stack:
    """The frames of a file or folder, in the order of names and pages; none is held in memory but those of one file.

    `pages` are their numbers, from 0 through all files, and `first` is the first frame.

    Parameters
    ----------
    source : path
        A TIFF file, also of BigTIFF and OME, an .npy or .npz array (f, h, w) or (h, w), or a folder of such files and
        grey PNG or JPEG images.

    Raises
    ------
    ValueError
        For a file that cannot be read, frames in colour, or a folder without frames.
    """

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self.source = Path(source)
        self._files = _files(self.source)
        self._open: tuple[Path, Any, contextlib.ExitStack] | None = None
        try:
            counts = [len(self._pages(path)) for path in self._files]
            self._starts = list(itertools.accumulate(counts, initial=0))  # of a file, the number of its first frame
            self.pages = range(self._starts[-1])
            if not self.pages:
                raise ValueError(checks.complain(str(self.source), "a stack of at least one frame", "none"))
            self.first = self.read(self.pages[:1])[0]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open[2].close()
        self._open = None

    def __len__(self) -> int:
        return len(self.pages)

    def read(self, pages: Sequence[int], window: tuple[slice, slice] = WHOLE) -> np.ndarray:
        """Frames (f, h, w) as the files hold them, or a window of rows and columns of each.

        ValueError where they differ in size or type, or are not finite.
        """
        frames = [self._checked(page)[window].copy() for page in pages]  # a view would keep the whole frame
        return np.stack(frames)

    def _checked(self, page: int) -> np.ndarray:
        file = bisect.bisect_right(self._starts, page) - 1
        path, number = self._files[file], page - self._starts[file]
        frame, name = self._frame(path, number), f"{path}[{number}]"
        if frame.ndim != 2 or frame.dtype.kind not in "buif":
            got = f"shape {frame.shape} of type {frame.dtype}"
            raise ValueError(checks.complain(name, "a grey frame (h, w) of real numbers", got, "Take one channel."))
        frame = frame.astype(frame.dtype.newbyteorder("="), copy=False)  # as kernels take numbers
        first = getattr(self, "first", frame)
        if frame.shape != first.shape or frame.dtype != first.dtype:
            got = f"{frame.shape} of type {frame.dtype}"
            raise ValueError(checks.complain(name, f"as the first frame, {first.shape} of type {first.dtype}", got))
        if frame.dtype.kind == "f":
            checks.finite(name, frame)
        return frame

    def _frame(self, path: Path, number: int) -> np.ndarray:
        pages = self._pages(path)
        try:
            with unsaid("tifffile"):
                frame = pages[number]
                return np.asarray(frame.asarray() if hasattr(frame, "asarray") else frame)
        except Exception as error:  # decoders raise whatever they like
            raise ValueError(f"{path}[{number}] cannot be read ({first_line(error)}).") from error

    def _pages(self, path: Path) -> Any:
        """The pages of the one file that is open; another one is closed."""
        if self._open is None or self._open[0] != path:
            self.close()
            closing = contextlib.ExitStack()
            self._open = path, [], closing
            self._open = path, _pages_of(path, closing), closing
        return self._open[1]


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    known = (*IMAGE_SUFFIXES, *ARRAY_SUFFIXES)
    return sorted(path for path in source.iterdir() if path.suffix.lower() in known and not path.name.startswith("."))


def _pages_of(path: Path, closing: contextlib.ExitStack) -> Any:
    """Something that has a length and gives a page for a number."""
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return _array(path)
    if suffix in TIFF_SUFFIXES:
        return _tiff_pages(path, closing)
    if suffix in IMAGE_SUFFIXES:
        return [_grey(page) for page in read_pages(path)]
    wanted = f"a folder, or a file ending in {', '.join((*TIFF_SUFFIXES, *ARRAY_SUFFIXES))}"
    raise ValueError(checks.complain(str(path), wanted, suffix or "no ending"))


def _grey(page: np.ndarray) -> np.ndarray:
    return page[0] if len(page) == 1 else np.moveaxis(page, 0, -1)


def _array(path: Path) -> np.ndarray:
    try:
        array = read_npz(path, ENTRY) if path.suffix.lower() == ".npz" else _mapped(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as frames ({first_line(error)}).") from error
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3:
        raise ValueError(checks.complain(str(path), "an array (f, h, w) or (h, w)", f"shape {array.shape}"))
    return array


def _mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, whose numbers stay on the disk until they are asked for."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return read_npy(path)  # which says what is wrong


def _tiff_pages(path: Path, closing: contextlib.ExitStack) -> Any:
    """Its pages, or an error where they are damaged or form a ring: each tells where the next one stands."""
    import tifffile

    try:
        with unsaid("tifffile"):
            with tifffile.TiffFile(path) as file:  # and close it: its series hold a description of each page
                if any(series.is_truncated for series in file.series):  # one description for all frames
                    return file.series[0].asarray(out="memmap").reshape(-1, *file.series[0].shape[-2:])
            file = closing.enter_context(tifffile.TiffFile(path))
            file.pages.cache = False  # a description of each of many pages would fill the memory
            _refuse_ring(file.pages)
            return file.pages
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} cannot be read as a stack ({first_line(error)}).") from error


def _refuse_ring(pages: Any) -> None:
    seen: set[int] = set()
    for page in pages:
        if page.offset in seen:
            raise ValueError("its pages form a ring")
        seen.add(page.offset)
