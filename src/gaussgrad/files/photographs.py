"""One image to be drawn by Gaussians: the numbers of its file, and which of its pixels are known."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaussgrad import checks
from gaussgrad.files.archives import read_npy
from gaussgrad.files.images import IMAGE_SUFFIXES, decoded_pages, opaque, split_alpha

SUFFIXES = (*IMAGE_SUFFIXES, ".npy")
TYPES = ("bool", "uint8", "uint16", "float16", "float32", "float64")
_PNG_HEAD = 26  # bytes of a PNG file up to its bits per channel and its kind of colour
_PNG_GREY = 0


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image (c, h, w), grey or RGB, uint8, uint16 or floats, and which pixels (h, w) are known; None for all."""

    numbers: np.ndarray
    known: np.ndarray | None = None


def read_photograph(
    path: str | os.PathLike[str], mask: str | os.PathLike[str] | None = None, *, onto_black: bool = False
) -> Photograph:
    """The image of a file in its own numbers, without transparency, and which of its pixels are known.

    A pixel is unknown where it is wholly transparent, NaN in any channel, or black in the mask. One that is partly
    transparent is mixed with the mean colour of those that show, each counted as far as it does, or with black.

    Parameters
    ----------
    path : path
        A PNG, JPEG or TIFF file of one image; or an `.npy` array (h, w), (h, w, c) or (c, h, w), c = 1 or 3, or 2 or 4
        with alpha, unsigned integers of 8 or 16 bits or floats.
    mask : path, optional
        An image of the same size.
    onto_black : bool
        Whether what is partly transparent is mixed with black.

    Returns
    -------
    photograph : Photograph
        Black and white become 0 and 255 of 8 bits.

    Raises
    ------
    ValueError
        For what cannot be read so, infinite numbers, a PNG of 16 bits in colour, or an image of which nothing is known.
    """
    name = str(path)
    numbers, alpha = split_alpha(name, _pixels(Path(path)))
    if numbers.dtype.name not in TYPES:
        wanted = "of unsigned integers of 8 or 16 bits, or of floats"
        raise ValueError(checks.complain(name, wanted, numbers.dtype, "Convert it."))
    numbers = numbers.astype(np.uint8) * 255 if numbers.dtype == bool else numbers
    known = ~np.any(np.isnan(numbers), axis=0)
    if mask is not None:
        known &= _shown(mask, known.shape)
    share = None if alpha is None else np.where(known, alpha, 0) / opaque(alpha.dtype)
    known = known if share is None else share > 0
    if not known.any():
        raise ValueError(checks.complain(name, "an image with at least one known pixel", "none"))
    if np.isinf(numbers[:, known]).any():
        raise ValueError(checks.complain(name, "finite, or NaN where a pixel is unknown", "an infinite number"))
    if share is not None:
        numbers = _mixed(numbers, share, onto_black=onto_black)
    return Photograph(np.ascontiguousarray(numbers), None if known.all() else known)


def _pixels(path: Path) -> np.ndarray:
    """(h, w) or (h, w, c), in the machine's byte order."""
    if path.suffix.lower() == ".npy":
        pixels = _array(path)
    else:
        _refuse_cut_colours(path)
        pages = decoded_pages(path)
        if len(pages) > 1:
            cure = "Save one of them as an image of its own."
            raise ValueError(checks.complain(str(path), "a file of one image", f"{len(pages)} pages", cure))
        pixels = pages[0]
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _array(path: Path) -> np.ndarray:
    """The array of an .npy file with its channels last."""
    try:
        array = read_npy(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as an array ({error}).") from error
    shape, few = array.shape, (1, 2, 3, 4)
    if array.ndim == 3 and shape[0] in few and shape[-1] not in few:
        return np.moveaxis(array, 0, -1)
    if 0 in shape or not (array.ndim == 2 or (array.ndim == 3 and shape[-1] in few and shape[0] not in few)):
        wanted = "of shape (h, w), (h, w, c) or (c, h, w), of 1 to 4 channels and of sides that are longer"
        raise ValueError(checks.complain(str(path), wanted, f"shape {shape}"))
    return array


def _refuse_cut_colours(path: Path) -> None:
    """Refuse a PNG of 16 bits in colour, of which Pillow reads 8."""
    with path.open("rb") as file:
        head = file.read(_PNG_HEAD)
    if head[:4] == b"\x89PNG" and len(head) == _PNG_HEAD and head[24] == 16 and head[25] != _PNG_GREY:
        got = "a PNG of 16 bits in colour, of which 8 would be lost"
        raise ValueError(checks.complain(str(path), "an image that can be read as it is", got, "Save it as TIFF."))


def _shown(mask: str | os.PathLike[str], size: tuple[int, ...]) -> np.ndarray:
    """Where a mask is anything but black."""
    image, _ = split_alpha(str(mask), _pixels(Path(mask)))
    if image.shape[1:] != size:
        height, width = size
        wanted = f"of {height} x {width} (height x width), as the image"
        raise ValueError(checks.complain(str(mask), wanted, "{} x {}".format(*image.shape[1:])))
    return np.any(image > 0, axis=0)


def _mixed(numbers: np.ndarray, share: np.ndarray, *, onto_black: bool) -> np.ndarray:
    """The image as it shows on one colour; `share` (h, w) is how much of each pixel shows, 0 where it is unknown."""
    numbers = np.where(share > 0, numbers, 0)
    colour = np.zeros(len(numbers)) if onto_black else (share * numbers).sum(axis=(1, 2)) / share.sum()
    mixed = share * numbers + (1 - share) * colour[:, None, None]
    return (np.round(mixed) if numbers.dtype.kind == "u" else mixed).astype(numbers.dtype)
