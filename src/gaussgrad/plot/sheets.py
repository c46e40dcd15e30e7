"""Pictures as files: what the commands and the trainings write."""

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Rectangle

from gaussgrad.console import Report, unheard
from gaussgrad.files.folders import fresh_file
from gaussgrad.files.images import write_image
from gaussgrad.files.overlays import fresh_overlays
from gaussgrad.gaussians import Gaussians
from gaussgrad.metrics import Baselines
from gaussgrad.plot.curves import learning_curve
from gaussgrad.plot.outlines import TITLES, diameters, draw_ellipses
from gaussgrad.plot.style import DIMMED, INK, colours, draw_image

_INCHES_PER_IMAGE = 1.35
_DPI = 160
_GRID_SIDE = 84  # pixels
_MARGIN = 0.35  # inches left and above
_TOLD_APART = 400  # Gaussians in one picture
_LARGEST = 1200  # pixels of a side that a picture of a fit keeps


def write_comparison(
    path: str | os.PathLike[str],
    originals: np.ndarray,
    reconstructions: np.ndarray,
    means: np.ndarray,
    covariances: np.ndarray,
    weights: np.ndarray,
    *,
    points: bool = False,
    overwrite: bool = True,
) -> None:
    """Write originals (b, c, h, w), reconstructions and Gaussians as three rows of one PNG."""
    figure, grid = _sheet(len(originals), originals.shape[2:], TITLES)
    for column in range(len(originals)):
        draw_image(grid[0][column], originals[column])
        draw_image(grid[1][column], reconstructions[column])
        draw_image(grid[2][column], DIMMED * originals[column])
        draw_ellipses(grid[2][column], means[column], covariances[column], weights[column], points=points)
    _save(figure, path, overwrite)


def write_grid(path: str | os.PathLike[str], images: np.ndarray, *, overwrite: bool = False) -> None:
    """Write images (b, c, h, w) as a square grid of one PNG, row by row, enlarged to about 84 pixels where smaller."""
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    sheet = np.ones((channels, math.ceil(count / columns) * (height + 1) + 1, columns * (width + 1) + 1), np.float32)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        top, left = 1 + row * (height + 1), 1 + column * (width + 1)
        sheet[:, top : top + height, left : left + width] = image
    scale = max(1, round(_GRID_SIDE / max(height, width)))
    write_image(path, sheet.clip(0, 1).repeat(scale, axis=1).repeat(scale, axis=2), overwrite)


def write_overlay(
    path: str | os.PathLike[str],
    original: np.ndarray,
    reconstruction: np.ndarray,
    gaussians: Sequence[np.ndarray],
    *,
    points: bool = False,
    overwrite: bool = False,
) -> None:
    """Write one image (c, h, w) with its Gaussians (means, covariances, weights) on top, beside its reconstruction."""
    means, covariances, weights = gaussians
    figure, grid = _sheet(2, original.shape[1:], ("",), inches=3.0)
    draw_image(grid[0][0], DIMMED * original)
    draw_ellipses(grid[0][0], means, covariances, weights, points=points)
    draw_image(grid[0][1], reconstruction)
    _save(figure, path, overwrite)


class Shown(NamedTuple):
    """Images of one size, and what is shown of them."""

    names: Sequence[str]
    originals: np.ndarray  # (b, c, h, w)
    reconstructions: np.ndarray  # (b, c, h, w)
    gaussians: Gaussians  # means (b, n, 2)
    owned: np.ndarray | None = None  # (b, n), which Gaussians are shown; without it all

    def overlays(self) -> Iterator[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
        """Original, reconstruction, and means, covariances and weights of each."""
        held = (self.gaussians.means, self.gaussians.packed_covariances(), self.gaussians.weights)
        parts = [np.asarray(part) for part in held]
        for i, pair in enumerate(zip(self.originals, self.reconstructions, strict=True)):
            yield *pair, [part[i] if self.owned is None else part[i][self.owned[i]] for part in parts]


def write_overlays(
    folder: str | os.PathLike[str],
    images: Sequence[Shown],
    *,
    points: bool = False,
    overwrite: bool = False,
    report: Report = unheard,
) -> None:
    """Write a folder with an overlay for each of the images, of one or several sizes; whole or not at all.

    `report` is called with the share that is done.
    """
    names = [name for shown in images for name in shown.names]
    overlays = itertools.chain.from_iterable(shown.overlays() for shown in images)
    with fresh_overlays(folder, names, overwrite) as paths:
        for done, (path, overlay) in enumerate(zip(paths, overlays, strict=True), 1):
            write_overlay(path, *overlay, points=points)
            report(done / len(paths))


def write_diagnosis(
    path: str | os.PathLike[str],
    images: np.ndarray,
    means: np.ndarray,
    covariances: np.ndarray,
    ill: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
) -> None:
    """Write images (b, c, h, w) and their Gaussians, coloured by what is wrong with them (masks (b, n)), as one PNG."""
    figure, grid = _sheet(len(images), images.shape[2:], ("", "what is wrong"), inches=1.8, footer=0.35)
    hues = dict(zip(ill, colours(len(ill)), strict=True))
    for column, (above, below) in enumerate(zip(*grid, strict=True)):
        draw_image(above, images[column])
        draw_image(below, DIMMED * images[column])
        widths, heights, angles = diameters(covariances[column])
        for i in range(len(means[column])):
            kinds = [kind for kind in ill if ill[kind][column, i]]
            colour = hues[kinds[0]] if kinds else (1, 1, 1, 0.6)
            outline = Ellipse(means[column, i], widths[i], heights[i], angle=angles[i], fill=False, ec=colour, lw=1.3)
            below.add_patch(outline)
    handles = [Line2D([], [], color=hue, lw=3, label=kind) for kind, hue in hues.items()]
    handles.append(Line2D([], [], color="#bbbbbb", lw=3, label="well"))
    figure.legend(handles=handles, fontsize=6, loc="lower center", ncols=3, frameon=False, borderpad=0)
    _save(figure, path, overwrite)


def write_fit(
    path: str | os.PathLike[str],
    original: np.ndarray,
    drawn: np.ndarray,
    gaussians: Gaussians,
    *,
    known: np.ndarray | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image (c, h, w), what Gaussians draw of it, the Gaussians themselves, and the error, as one PNG.

    Where there are too many to tell apart, those in the middle are shown, and a frame shows where that is. Pixels that
    are not `known` (h, w) are white in the image, and have no error.
    """
    if known is not None:
        original = np.where(known, original, 1)
    size, n = original.shape[1:], len(gaussians.means)
    step = math.ceil(max(size) / _LARGEST)
    before, after = _shrunk(original, step), _shrunk(drawn, step)
    missed = after - before if known is None else _shrunk(np.where(known, drawn - original, 0), step)
    error = np.abs(missed).mean(axis=0, keepdims=True)
    brightest = max(float(np.quantile(error, 0.999)), 0.01)
    top, left, high, wide = box = _window(n, size)
    figure, (above, below) = _sheet(2, before.shape[1:], ("", ""), inches=5.0, header=0.22)
    draw_image(above[0], _coloured(before))
    draw_image(above[1], _coloured(after))
    _draw_window(below[0], original, gaussians, box)
    draw_image(below[1], error / brightest)
    whole = (high, wide) == size
    titles = ("the image", f"{n:,} Gaussians", "as ellipses" if whole else "those in the frame, as ellipses")
    for axes, title in zip((*above, *below), (*titles, f"the error; white is {brightest:.2g}"), strict=True):
        axes.set_title(title, size=9, color=INK, pad=3)
    for axes in [] if whole else above:
        corner = (left / step - 0.5, top / step - 0.5)
        axes.add_patch(Rectangle(corner, wide / step, high / step, fill=False, ec="white", lw=1.2))
    _save(figure, path, overwrite)


def _window(n: int, size: Sequence[int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of the middle of an image, so large that Gaussians can be told apart."""
    share = min(1.0, math.sqrt(_TOLD_APART / max(n, 1)))
    high, wide = (max(1, round(share * axis)) for axis in size)
    return (size[0] - high) // 2, (size[1] - wide) // 2, high, wide


def _draw_window(axes: Axes, image: np.ndarray, gaussians: Gaussians, box: tuple[int, int, int, int]) -> None:
    """The Gaussians whose means lie in a part of an image, on that part."""
    top, left, high, wide = box
    parts = [np.asarray(part) for part in (gaussians.means, gaussians.packed_covariances(), gaussians.weights)]
    means = parts[0] - (left, top)
    within = ((means > -0.5) & (means < (wide - 0.5, high - 0.5))).all(axis=1)
    draw_image(axes, DIMMED * _coloured(image[:, top : top + high, left : left + wide]))
    draw_ellipses(axes, means[within], *(part[within] for part in parts[1:]), stddevs=1.0)


def _coloured(image: np.ndarray) -> np.ndarray:
    """Its red, green and blue, or its grey: the first channels."""
    return image[: 3 if len(image) >= 3 else 1]


def _shrunk(image: np.ndarray, step: int) -> np.ndarray:
    """The means of squares of so many pixels, of an image (c, h, w)."""
    for axis in (1, 2) if step > 1 else ():
        starts = np.arange(0, image.shape[axis], step)
        counts = np.diff([*starts, image.shape[axis]])
        image = np.add.reduceat(image, starts, axis=axis) / np.expand_dims(counts, (0, 3 - axis))
    return image


def _sheet(
    columns: int,
    size: Sequence[int],
    rows: Sequence[str],
    inches: float = _INCHES_PER_IMAGE,
    footer: float = 0.0,
    header: float = 0.0,
) -> tuple[Figure, list[list[Axes]]]:
    """A figure with a grid of axes of the shape of the images, the names of the rows at its left.

    It has room below, of `footer` inches, and above each row, of `header`.
    """
    height, width = size
    wide, high = inches * min(1.0, width / height), inches * min(1.0, height / width)
    gap = 0.05
    left = _MARGIN if any(rows) else gap
    total = (left + columns * (wide + gap), gap + len(rows) * (header + high + gap) + footer)
    figure = Figure(figsize=total, dpi=_DPI, facecolor="white")
    grid = []
    for row, name in enumerate(rows):
        bottom = total[1] - (row + 1) * (header + high + gap)
        boxes = ((left + column * (wide + gap), bottom, wide, high) for column in range(columns))
        fractions = ((x / total[0], y / total[1], w / total[0], h / total[1]) for x, y, w, h in boxes)
        grid.append([figure.add_axes(box) for box in fractions])
        middle = (bottom + high / 2) / total[1]
        figure.text(left / 2 / total[0], middle, name, rotation=90, ha="center", va="center", color=INK, size=9)
    return figure, grid


def write_learning_curve(
    path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]], baselines: Baselines, overwrite: bool = True
) -> None:
    """Write the learning curve of a training as PNG."""
    figure = Figure(figsize=(7.2, 4.2), dpi=_DPI, facecolor="white", layout="constrained")
    learning_curve(figure.add_subplot(), history, baselines)
    _save(figure, path, overwrite)


def _save(figure: Figure, path: str | os.PathLike[str], overwrite: bool) -> None:
    with fresh_file(Path(path), overwrite) as partial:
        figure.savefig(partial, format="png")
