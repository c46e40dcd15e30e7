"""Images in and out, as float32 in [0, 1]."""

import os
from pathlib import Path

import numpy as np

from gaussgrad import checks
from gaussgrad.files.errors import first_line
from gaussgrad.files.folders import fresh_file

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
_FULL_SCALE = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}


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
        raise ValueError(f"{path} cannot be read as an image ({first_line(error)}).") from error
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
