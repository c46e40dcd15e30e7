"""Images in and out: the numbers that files hold."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.files.errors import first_line, unsaid
from gaussgrad.files.folders import fresh_file

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TIFF_SUFFIXES = (".tif", ".tiff")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
FULL_SCALE = {"bool": 1.0, "uint8": 255.0}  # types of which white is known


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """The image as float32 (1, h, w) or (3, h, w): 8 bits in [0, 1], other types as the numbers of the file.

    Parameters
    ----------
    path : path
        A PNG, JPEG or TIFF file with one grey or RGB image; see `read_pages`.

    Raises
    ------
    ValueError
        As `read_pages`, and for several pages.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "grey.png"
    >>> write_image(path, numpy.ones((1, 4, 6), dtype="float32"))
    >>> read_image(path).shape
    (1, 4, 6)
    """
    pages = read_pages(path)
    if len(pages) > 1:
        cure = "Save one of them as an image of its own."
        raise ValueError(checks.complain(str(path), "a file of one image", f"{len(pages)} pages", cure))
    return unit_or_numbers(pages[0])


def read_pages(path: str | os.PathLike[str]) -> np.ndarray:
    """The images of a file as it holds them: numbers (pages, c, h, w) of its own type, c = 1 or 3.

    Parameters
    ----------
    path : path
        A PNG, JPEG or TIFF file of grey or RGB images. A PNG in colour gives 8 bits, also where it holds 16; others
        give what they hold: integers or floats. Each page of a TIFF file is an image; reduced copies of pages are left
        out, and so is an alpha channel that hides nothing.

    Raises
    ------
    ValueError
        For a file that cannot be read, transparency, pages that differ in size, colour or type, or floats that are
        not finite.

    Examples
    --------
    >>> import tempfile, pathlib, numpy, tifffile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "stack.tif"
    >>> tifffile.imwrite(path, numpy.full((5, 4, 6), 120, dtype="uint16"))
    >>> pages = read_pages(path)
    >>> pages.shape, str(pages.dtype), int(pages.max())
    ((5, 1, 4, 6), 'uint16', 120)
    """
    images = [_opaque(str(path), page) for page in decoded_pages(path)]
    for i, image in enumerate(images[1:], start=1):
        refuse_other_kind(f"{path}[{i}]", image, images[0], "its first page")
    return checked_numbers(str(path), np.stack(images))


def decoded_pages(path: str | os.PathLike[str]) -> list[np.ndarray]:
    """The images of a file, (h, w) or (h, w, c), with alpha where they have it; ValueError for a damaged file."""
    path = Path(path)
    reader = _read_tiff if path.suffix.lower() in TIFF_SUFFIXES else _read_with_pillow
    try:
        with unsaid("tifffile"), unsaid("PIL.TiffImagePlugin"):
            return reader(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # decoders raise whatever they like
        raise ValueError(f"{path} cannot be read as an image ({first_line(error)}).") from error


def refuse_other_kind(
    name: str, image: np.ndarray, first: np.ndarray, which: str, cure: str = "Crop the images first."
) -> None:
    """Refuse an image (c, h, w) of another colour, type or size than the first."""
    refuse_other_type(name, image, first, which)
    if image.shape != first.shape:
        wanted, got = f"{_describe(first)} as {which} is", _describe(image)
        raise ValueError(checks.complain(name, wanted, got, cure))


def refuse_other_type(name: str, image: np.ndarray, first: np.ndarray, which: str) -> None:
    """Refuse an image (c, h, w) of another colour or type than the first, whatever its size."""
    if len(image) != len(first):
        wanted, got = f"{_colour(first)} as {which} is", _colour(image)
        raise ValueError(checks.complain(name, wanted, got, "Convert the images first."))
    if image.dtype != first.dtype:
        wanted = f"of type {first.dtype} as {which} is"
        raise ValueError(checks.complain(name, wanted, image.dtype, "Convert the images first."))


def _describe(image: np.ndarray) -> str:
    """'RGB of 20 x 30 (height x width)'."""
    _, height, width = image.shape
    return f"{_colour(image)} of {height} x {width} (height x width)"


def _colour(image: np.ndarray) -> str:
    return "grey" if len(image) == 1 else "RGB"


def _read_with_pillow(path: Path, pages: Sequence[int] = (0,)) -> list[np.ndarray]:
    """Pages (h, w) or (h, w, c), upright; palettes and colour spaces resolved to RGB."""
    from PIL import Image

    with path.open("rb") as file, Image.open(file) as image:
        if "transparency" in image.info and image.mode != "P":
            raise ValueError("it has a transparent colour: flatten it onto a background")
        return [_pillow_page(image, page) for page in pages]


def _pillow_page(image: Any, page: int) -> np.ndarray:
    from PIL import ImageOps

    if page:
        image.seek(page)
    upright = ImageOps.exif_transpose(image)
    modes = {"1": "L", "P": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}
    return np.asarray(upright.convert(modes.get(upright.mode, upright.mode)))


def _read_tiff(path: Path) -> list[np.ndarray]:
    """Its pages as Pillow reads them, but for what it would cut or does not know: see `_is_deep`."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        pages = _pages(file)
        found = [(i, page) for i, page in enumerate(pages) if not page.is_reduced]
        if not found:
            raise ValueError("it holds no image, or only reduced ones")
        in_a_row = any(series.is_truncated for series in file.series)  # one description for all pages
        for _, page in found:
            if (page.bitspersample > 8 or in_a_row) and page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
                raise ValueError("its white is stored as 0: save it with black as 0")
        if in_a_row:
            return _planes(file.series[0].asarray(), file.series[0].keyframe.ndim)
        if all(_is_deep(page) for _, page in found):
            return [plane for _, page in found for plane in _planes(page.asarray(), 3 if page.axes == "YXS" else 2)]
    return _read_with_pillow(path, [i for i, _ in found])


def _pages(file: Any) -> list[Any]:
    """Its pages, or an error where they form a ring: each tells where the next one stands."""
    pages: dict[int, Any] = {}
    for page in file.pages:
        if page.offset in pages:
            raise ValueError("its pages form a ring")
        pages[page.offset] = page
    return list(pages.values())


def _is_deep(page: Any) -> bool:
    """Whether a page is for tifffile: volumes, colours of more than 8 bits, and such grey if it is not compressed."""
    import tifffile

    colours = page.photometric == tifffile.PHOTOMETRIC.RGB and page.axes == "YXS"
    grey = page.axes == "YX" and page.compression == 1
    return page.axes == "ZYX" or (page.bitspersample > 8 and (colours or grey))


def _planes(array: np.ndarray, axes: int) -> list[np.ndarray]:
    """Images of so many axes, all that an array holds."""
    return list(array.reshape(-1, *array.shape[-axes:]))


def _opaque(name: str, pixels: np.ndarray) -> np.ndarray:
    """(c, h, w) with one or three channels, or an error where something is transparent."""
    image, alpha = split_alpha(name, pixels)
    if alpha is not None and (alpha != opaque(alpha.dtype)).any():
        raise ValueError(checks.complain(name, "opaque", "transparent pixels", "Flatten it onto a background."))
    return image


def split_alpha(name: str, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """An image (h, w) or (h, w, c) as (c, h, w) with one or three channels, and its alpha (h, w) if it has one."""
    if pixels.ndim == 2:
        return pixels[None], None
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 2, 3, 4):
        wanted = "one grey image (h, w) or one RGB image (h, w, 3)"
        raise ValueError(checks.complain(name, wanted, f"shape {pixels.shape}", "Save it as such images."))
    image, alpha = (pixels[..., :-1], pixels[..., -1]) if pixels.shape[-1] in (2, 4) else (pixels, None)
    return np.moveaxis(image, -1, 0), alpha


def opaque(dtype: np.dtype) -> float:
    """The alpha of what hides everything behind it."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def checked_numbers(name: str, numbers: np.ndarray) -> np.ndarray:
    """The array in the machine's byte order, or an error where it holds anything but finite real numbers."""
    if numbers.dtype.kind not in "buif":
        raise ValueError(checks.complain(name, "of real numbers", numbers.dtype))
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        got = f"{np.count_nonzero(~np.isfinite(numbers))} values that are NaN or infinite"
        raise ValueError(checks.complain(name, "finite everywhere", got, "Replace them."))
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)


def unit_or_numbers(numbers: np.ndarray) -> np.ndarray:
    """float32, contiguous: 8 bits and bool divided by their white, which is 255 and 1, other numbers as they come."""
    white = FULL_SCALE.get(numbers.dtype.name)
    return np.ascontiguousarray(numbers if white is None else numbers / np.float32(white), dtype=np.float32)


def write_image(path: str | os.PathLike[str], image: np.ndarray, overwrite: bool = False) -> None:
    """Write an image (c, h, w), c = 1 or 3, with alpha 2 or 4, as PNG, TIFF or NPY.

    uint8 and uint16 are written as they are, but a PNG in colour has no 16 bits. Other numbers are written to TIFF and
    NPY as float32, untouched. A PNG shows [0, 1] of them in 8 bits: smaller values become black, larger ones white.

    Raises
    ------
    ValueError
        For another suffix, a PNG of other channels, or one of uint16 in colour.

    Examples
    --------
    >>> import tempfile, pathlib, numpy
    >>> write_image(pathlib.Path(tempfile.mkdtemp()) / "black.png", numpy.zeros((3, 4, 6)))
    """
    suffix = picture_suffix(path)
    shown = image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)
    with fresh_file(path, overwrite) as partial:
        if suffix == ".npy":
            np.save(partial, _whole_or_float(shown))
        elif suffix == ".png":
            _write_png(partial, shown)
        else:
            _write_tiff(partial, _whole_or_float(shown))


def _whole_or_float(shown: np.ndarray) -> np.ndarray:
    return shown if shown.dtype in (np.uint8, np.uint16) else shown.astype(np.float32)


def _write_png(path: Path, shown: np.ndarray) -> None:
    from PIL import Image

    if shown.dtype not in (np.uint8, np.uint16):
        shown = np.round(255 * np.clip(shown, 0, 1)).astype(np.uint8)
    if shown.ndim == 3 and (shown.shape[2] > 4 or shown.dtype == np.uint16):
        wanted = "a .tif or .npy file for 16 bits in colour, and for more channels than RGB and alpha"
        raise ValueError(checks.complain("the output", wanted, path.suffix))
    Image.fromarray(shown).save(path)


def _write_tiff(path: Path, shown: np.ndarray) -> None:
    import tifffile

    channels = shown.shape[2] if shown.ndim == 3 else 1
    options: dict[str, Any] = {"extrasamples": ["unassalpha"], "planarconfig": "contig"} if channels in (2, 4) else {}
    tifffile.imwrite(path, shown, photometric="rgb" if channels >= 3 else "minisblack", **options)


def picture_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of an image to write, or an error."""
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise ValueError(checks.complain("the output", f"a file ending in {', '.join(PICTURE_SUFFIXES)}", Path(path)))
    return suffix
