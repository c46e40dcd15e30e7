"""Images of any size brought to one: shrunk or enlarged until they cover it, their middle kept."""

import numpy as np


def cover(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of each image after it was shrunk or enlarged, by one factor, until it just covers the size.

    Pillow resamples with Lanczos' filter (`PIL.ImageOps.fit`), each channel by itself. What the filter adds beyond the
    smallest and the largest number of a channel, next to sharp edges, is cut off.

    Parameters
    ----------
    images : array (b, c, h, w)
        Of any real dtype, finite.
    size : tuple of int
        (height, width) in pixels.

    Returns
    -------
    covering : array (b, c, height, width)
        Of the same dtype, integers rounded; float32 for bool, whose edges become grey.

    Examples
    --------
    >>> import numpy
    >>> counts = numpy.full((1, 1, 30, 40), 900, dtype="uint16")
    >>> small = cover(counts, (8, 8))
    >>> small.shape, str(small.dtype), int(small.min()), int(small.max())
    ((1, 1, 8, 8), 'uint16', 900, 900)
    """
    dtype = np.dtype(np.float32) if images.dtype == bool else images.dtype
    covering = np.empty((*images.shape[:2], *size), dtype)
    for place in np.ndindex(*images.shape[:2]):
        channel = _cover(images[place], size)
        covering[place] = channel if dtype.kind == "f" else np.rint(channel)
    return covering


def _cover(channel: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """One channel (h, w), in float64: Pillow takes float32, to which its smallest number is 0 and its largest 1."""
    from PIL import Image, ImageOps

    low, high = float(channel.min()), float(channel.max())
    extent = high - low or 1.0
    unit = Image.fromarray(((channel.astype(np.float64) - low) / extent).astype(np.float32))
    height, width = size
    fitted = np.asarray(ImageOps.fit(unit, (width, height), Image.Resampling.LANCZOS), dtype=np.float64)
    return low + extent * np.clip(fitted, 0, 1)
