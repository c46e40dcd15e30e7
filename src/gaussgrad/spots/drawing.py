"""Pictures of tables of spots: their light, or, super-resolved, how well their places are known."""

from typing import NamedTuple

import numpy as np

from gaussgrad import checks
from gaussgrad.ops.render import render
from gaussgrad.spots.tables import SpotTable

WIDTHS = ("errors", "light")
TOLERANCE = 1e-6  # of the peak; more would take light from spots narrower than a pixel
NARROWEST = 0.1  # stddev in pixels of the picture: the area of a pixel shows nothing narrower


class Drawable(NamedTuple):
    """Spots as Gaussians in the pixels of a picture; the fields are the first arguments of `render`."""

    means: np.ndarray  # (n, 2)
    covariances: np.ndarray  # (n, 3)
    weights: np.ndarray  # (n,)


def draw(table: SpotTable, *, size: tuple[int, int], scale: float = 1.0, widths: str | float = "errors") -> np.ndarray:
    """A picture of spots: each pixel holds how many of them, or how much of their light, falls onto its area.

    Parameters
    ----------
    table : SpotTable
        In pixels of the frames.
    size : (height, width)
        Of the frames, in pixels.
    scale : number
        Pixels of the picture for each of the frames, along x and along y, above 0.
    widths : "errors", "light" or number
        With "errors", each spot counts as one and is as wide as its place is uncertain: the super-resolved picture.
        With "light", each has the width of its light and counts as its photons, or as one where these are not known.
        A number is the stddev of all in pixels of the frames; each counts as one. Below a tenth of a pixel of the
        picture a spot is drawn that wide.

    Returns
    -------
    array (round(height · scale), round(width · scale))

    Raises
    ------
    ValueError
        For a size, scale or width out of range, or a spot without the numbers that its width needs.

    Examples
    --------
    >>> one = np.ones(1)
    >>> table = SpotTable(one, np.array([[3.0, 2.0]]), np.ones((1, 3)), one, one, np.full((1, 2), 0.05), one, one)
    >>> picture = draw(table, size=(6, 8), scale=10)
    >>> picture.shape, round(float(picture.sum()), 2), divmod(int(picture.argmax()), 80)
    ((60, 80), 1.0, (24, 34))
    """
    drawable = drawable_of(table, scale=scale, widths=widths)
    return render(*drawable, size=scaled_size(size, scale), amplitude="density", pixel="area", tolerance=TOLERANCE)


def drawable_of(table: SpotTable, *, scale: float, widths: str | float) -> Drawable:
    """The Gaussians that `draw` draws; arguments as there."""
    checks.number("scale", scale, "a number above 0", 1e-300)
    weights = np.ones(len(table.frame))
    covariances = covariances_of(table, widths)
    if widths == "light":
        weights = np.where(np.isfinite(table.photons), table.photons, weights)
    index = checks.first_offender(~widths_known(covariances))
    if index is not None:
        got = f"{covariances[index[0]].tolist()} at spot {index[0]}"
        raise ValueError(checks.complain(f"the {widths} of table", "finite and above 0", got))
    covariances = covariances * scale**2
    narrow = (covariances[:, 0] < NARROWEST**2) | (covariances[:, 2] < NARROWEST**2)
    widest = np.maximum(covariances, (NARROWEST**2, 0.0, NARROWEST**2))  # xy of what is so narrow is not seen
    covariances = np.where(narrow[:, None], widest * (1.0, 0.0, 1.0), covariances)
    return Drawable((table.means + 0.5) * scale - 0.5, covariances, weights)


def covariances_of(table: SpotTable, widths: str | float) -> np.ndarray:
    """How wide to draw each spot, (n, 3) in pixels² of the frames; NaN where the table does not tell."""
    if widths == "light":
        return table.covariances
    if isinstance(widths, str):
        checks.option("widths", widths, WIDTHS)
        stddevs = table.mean_stddevs
    else:
        stddev = checks.number("widths", widths, "errors, light, or a stddev above 0", 1e-300)
        stddevs = np.full((len(table.frame), 2), stddev)
    return np.column_stack([stddevs[:, 0] ** 2, np.zeros(len(stddevs)), stddevs[:, 1] ** 2])


def widths_known(covariances: np.ndarray) -> np.ndarray:
    """Which of the covariances (n, 3) can be drawn."""
    return np.isfinite(covariances).all(axis=1) & checks.definite(covariances)


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Of the picture, (height, width), from that of the frames."""
    height, width = (max(1, round(axis * scale)) for axis in checks.image_size(size))
    return height, width


def white_of(picture: np.ndarray, share: float = 0.99) -> float:
    """The number to show as white: below it are this share of the pixels that are not black."""
    lit = picture[picture > 1e-3 * picture.max(initial=0.0)]
    return float(np.quantile(lit, share)) if lit.size else 1.0
