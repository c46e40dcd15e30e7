"""Pictures: images beside their reconstructions, Gaussians as coloured ellipses on top, and learning curves."""

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import MaxNLocator

from gaussgrad.console import Report, unheard
from gaussgrad.files.folders import fresh_file
from gaussgrad.files.images import write_image
from gaussgrad.files.overlays import fresh_overlays
from gaussgrad.gaussians import Gaussians
from gaussgrad.metrics import Baselines

STDDEVS = 2.0  # the radius of an ellipse
ROWS = ("original", "reconstruction", "Gaussians")
_INCHES_PER_IMAGE = 1.35
_DPI = 160
_GRID_SIDE = 84  # pixels
_MARGIN = 0.35  # inches left and above
_INK = "#222222"
_FAINTEST = 0.2  # opacity of a Gaussian without weight
_TOLD_APART = 400  # Gaussians in one picture
_LARGEST = 1200  # pixels of a side that a picture of a fit keeps
_DIMMED = 0.55  # brightness of the image under the Gaussians, so that the colours show
_VIVID = (
    "#ff5a5f", "#ffb400", "#8ce071", "#00c2d1", "#5b8cff",
    "#c77dff", "#ff8fd8", "#f2e94e", "#2ec4a0", "#ff8552",
)  # fmt: skip


def colours(n: int) -> np.ndarray:
    """n colours (n, 4) that tell neighbours apart and show on black and white, the same for the same index."""
    if n <= len(_VIVID):
        return to_rgba_array(_VIVID[:n])
    return np.asarray(matplotlib.colormaps["hsv"](np.arange(n) * 0.618034 % 1))  # golden section


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Show an image (1, h, w) or (3, h, w) of values in [0, 1] without ticks."""
    shown = np.clip(np.moveaxis(image, 0, -1), 0, 1)
    if shown.shape[-1] == 1:
        axes.imshow(shown[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(shown, interpolation="nearest")
    height, width = shown.shape[:2]
    axes.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_gaussians(
    axes: Axes,
    means: np.ndarray,
    covariances: np.ndarray,
    weights: np.ndarray,
    *,
    points: bool = False,
    stddevs: float = STDDEVS,
) -> None:
    """Draw Gaussians (n, 2), (n, 3) as ellipses of so many standard deviations, or as points; faint where light.

    `weights` (n,) or (n, c) set the opacity, relative to the largest.
    """
    colour = colours(len(means))
    strength = np.abs(weights).max(axis=tuple(range(1, weights.ndim)))
    colour[:, 3] = _FAINTEST + (1 - _FAINTEST) * (strength / max(float(strength.max(initial=0)), 1e-12))
    if points:
        axes.scatter(means[:, 0], means[:, 1], s=34, c=colour, edgecolors="white", linewidths=0.7)
        return
    widths, heights, angles = ellipses(covariances)
    collection = EllipseCollection(
        widths * (stddevs / STDDEVS),
        heights * (stddevs / STDDEVS),
        angles,
        units="xy",
        offsets=means,
        offset_transform=axes.transData,
        linewidths=1.5,
        facecolors=colour * (1, 1, 1, 0.18),
        edgecolors=colour,
    )
    axes.add_collection(collection, autolim=False)
    axes.scatter(means[:, 0], means[:, 1], s=4, c=colour, linewidths=0)


def ellipses(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Full widths and heights in pixels and angles in degrees from x towards y, of packed covariances (n, 3)."""
    xx, xy, yy = np.asarray(covariances, dtype=np.float64).T
    values, vectors = np.linalg.eigh(np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2))
    lengths = 2 * STDDEVS * np.sqrt(values)  # ascending
    angles = np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]))
    return lengths[:, 1], lengths[:, 0], angles


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
    figure, grid = _sheet(len(originals), originals.shape[2:], ROWS)
    for column in range(len(originals)):
        draw_image(grid[0][column], originals[column])
        draw_image(grid[1][column], reconstructions[column])
        draw_image(grid[2][column], _DIMMED * originals[column])
        draw_gaussians(grid[2][column], means[column], covariances[column], weights[column], points=points)
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
    draw_image(grid[0][0], _DIMMED * original)
    draw_gaussians(grid[0][0], means, covariances, weights, points=points)
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
        draw_image(below, _DIMMED * images[column])
        widths, heights, angles = ellipses(covariances[column])
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
        axes.set_title(title, size=9, color=_INK, pad=3)
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
    draw_image(axes, _DIMMED * _coloured(image[:, top : top + high, left : left + wide]))
    draw_gaussians(axes, means[within], *(part[within] for part in parts[1:]), stddevs=1.0)


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
        figure.text(left / 2 / total[0], middle, name, rotation=90, ha="center", va="center", color=_INK, size=9)
    return figure, grid


def write_learning_curve(
    path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]], baselines: Baselines, overwrite: bool = True
) -> None:
    """Write training and held-out PSNR by epoch, with the mean image and PCA as horizontal lines, as PNG.

    `history` has rows with "epoch", and where they were measured "loss" and "held_out_psnr".
    """
    figure = Figure(figsize=(7.2, 4.2), dpi=_DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    trained = [(row["epoch"], -10 * np.log10(row["loss"])) for row in history if row.get("loss", 0) > 0]
    measured = [(row["epoch"], row["held_out_psnr"]) for row in history if "held_out_psnr" in row]
    last = max((row["epoch"] for row in history), default=1)
    for series, name, colour in ((trained, "training (augmented)", "#9aa5b1"), (measured, "held out", "#d1495b")):
        if series:
            axes.plot(*zip(*series, strict=True), color=colour, lw=2, marker="o" if len(series) < 3 else "", label=name)
    pca = f"PCA, {baselines.pca_numbers} numbers"  # its label stands left, where a curve is still low
    for value, name, side in ((baselines.pca, pca, "left"), (baselines.mean_image, "mean image", "right")):
        axes.axhline(value, color="#30638e", lw=1, ls=(0, (5, 4)))
        axes.annotate(
            f"{name}: {value:.2f} dB",
            (int(side == "right"), value),
            (4 if side == "left" else -2, 3),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            ha=side,
            size=9,
            color="#30638e",
        )
    axes.set(xlabel="epoch", ylabel="PSNR (dB)", xlim=(1, last) if last > 1 else (0.5, 1.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(_curve_title(measured), loc="left", size=11, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", lw=0.8)
    axes.set_axisbelow(True)
    if history:
        axes.legend(frameon=False, loc="center right")
    _save(figure, path, overwrite)


def _curve_title(measured: Sequence[tuple[int, float]]) -> str:
    return f"Held-out PSNR {measured[-1][1]:.2f} dB after epoch {measured[-1][0]}" if measured else "PSNR"


def _save(figure: Figure, path: str | os.PathLike[str], overwrite: bool) -> None:
    with fresh_file(Path(path), overwrite) as partial:
        figure.savefig(partial, format="png")
