"""How many bits photographs take for how good they look: compact files of Gaussians beside JPEG and WebP."""

import io
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from benchmarks import pages
from gaussgrad import Picture, metrics
from gaussgrad.fitting import fit_image

PAGE, FIGURE = pages.DOCS / "pictures.md", pages.DOCS / "pictures" / "rates.png"
QUALITIES = (5, 10, 20, 30, 50, 70, 80, 90, 95)  # of Pillow, both formats


class Point(NamedTuple):
    """What one way of writing does to one photograph, or to several in the mean."""

    bits: float  # per pixel, of the whole file
    psnr: float  # dB
    ssim: float


class Curve(NamedTuple):
    """The points of a way of writing, by its setting: number of Gaussians, or quality."""

    name: str
    setting: str
    points: dict[int, Point]


def of_gaussians(image: np.ndarray, n: int, steps: int) -> Point:
    """A fit of so many steps, in a compact file, and read back."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.gauss"
        fit_image(image, n, steps=steps, compact=True).save(path, compact=True)
        picture = Picture.load(path)
        return _point(image, picture.to_samples(picture.render()), path.stat().st_size)


def of_pillow(image: np.ndarray, file_format: str, quality: int) -> Point:
    """A file of Pillow, at its usual settings but for the quality."""
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(image, 0, -1)).save(file, file_format, quality=quality)
    return _point(image, np.moveaxis(np.asarray(Image.open(file)), -1, 0), len(file.getvalue()))


def _point(image: np.ndarray, again: np.ndarray, size: int) -> Point:
    bits = 8 * size / image[0].size
    return Point(bits, metrics.psnr(image, again, 255), metrics.ssim(image, again, 255))


def measure(images: Sequence[np.ndarray], counts: Sequence[int], steps: int) -> Iterator[Curve]:
    """The three curves, means over the images."""
    yield _curve("Gaussians", "n", counts, images, lambda image, n: of_gaussians(image, n, steps))
    for name in ("JPEG", "WebP"):
        yield _curve(name, "quality", QUALITIES, images, lambda image, q, name=name: of_pillow(image, name, q))


def _curve(
    name: str,
    setting: str,
    values: Sequence[int],
    images: Sequence[np.ndarray],
    point: Callable[[np.ndarray, int], Point],
) -> Curve:
    means = {}
    for value in values:
        points = [point(image, value) for image in images]
        means[value] = Point(*(statistics.fmean(column) for column in zip(*points, strict=True)))
        print(f"{name}, {setting} {value}: {means[value]}", flush=True)
    return Curve(name, setting, means)


def table(curves: Sequence[Curve]) -> str:
    """Every point, in Markdown."""
    rows = [
        [curve.name, f"{curve.setting} {value:,}", f"{point.bits:.3f}", f"{point.psnr:.2f}", f"{point.ssim:.3f}"]
        for curve in curves
        for value, point in curve.points.items()
    ]
    return pages.table(("file", "", "bits per pixel", "PSNR", "SSIM"), rows)


def draw(curves: Sequence[Curve], path: Path) -> None:
    """PSNR by bits per pixel, a line for each way."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot(
        xscale="log", xlabel="bits per pixel", ylabel="PSNR in dB", xticks=(ticks := (0.1, 0.2, 0.5, 1, 2, 5))
    )
    axes.set_xticklabels(f"{tick:g}" for tick in ticks)
    axes.minorticks_off()
    for curve, marker in zip(curves, "osv", strict=True):
        bits, psnr, _ = zip(*curve.points.values(), strict=True)
        axes.plot(bits, psnr, marker=marker, markersize=4, label=curve.name)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110, facecolor="white")


def report_on(images: Sequence[Path], counts: Sequence[int], steps: int, figure: Path | None, docs: bool) -> None:
    """Print the table; draw the figure; write both into docs/pictures.md if asked to."""
    pixels = [np.moveaxis(np.asarray(Image.open(path).convert("RGB")), -1, 0) for path in images]
    curves = tuple(measure(pixels, counts, steps))
    text = table(curves)
    print(text)
    if figure is not None:
        draw(curves, figure)
    if docs:
        draw(curves, FIGURE)
        pages.write(PAGE, "rates", text)
