"""The two files that a fit leaves: the Gaussians, and a picture beside them."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from gaussgrad import metrics
from gaussgrad.files.folders import refuse_existing
from gaussgrad.files.photographs import Photograph
from gaussgrad.picture import Picture

_DRAWING = threading.Lock()  # Matplotlib is made for one thread; a worker of Dask has several


def picture_beside(output: Path) -> Path:
    """The picture of a fit; another name than that of its photograph."""
    return output.with_suffix(".fit.png")


def refuse(output: Path, *, overwrite: bool) -> None:
    """Refuse to replace either file."""
    for path in (output, picture_beside(output)):
        refuse_existing(path, overwrite)


def write(output: Path, photograph: Photograph, picture: Picture, *, compact: bool) -> Picture:
    """Write both, the picture first: where the Gaussians are, both are. Whether they may be replaced was checked.

    What is given back knows its SSIM, as the file does.
    """
    from gaussgrad.plot import sheets

    before = photograph.numbers.astype(np.float32) / np.float32(picture.white)
    beside, drawn = picture_beside(output), picture.render()
    picture = replace(picture, fit_ssim=_ssim(before, drawn, photograph.known))
    with _DRAWING:
        sheets.write_fit(beside, before, drawn, picture.gaussians, known=photograph.known, overwrite=True)
    picture.save(output, compact=compact, overwrite=True)
    return picture


def _ssim(before: np.ndarray, drawn: np.ndarray, known: np.ndarray | None) -> float | None:
    """SSIM, unless no window is known."""
    known = np.ones(before.shape[1:], bool) if known is None else known
    return metrics.ssim(before, drawn, mask=known) if metrics.has_windows(known) else None


def described(output: Path, picture: Picture) -> str:
    """Where it is, and how large."""
    size = output.stat().st_size
    bits = 8 * size / (picture.size[0] * picture.size[1])
    return f"{output}: {size:,} bytes, {bits:.2f} bits per pixel. {picture_beside(output)} shows it."
