"""How a photograph, that of scikit-learn, gains with time and Gaussians: the two figures of docs/fitting.md."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks import pages
from benchmarks.quality.photographs import by_adam
from gaussgrad.fitting.photographs import Fit, fit_image
from gaussgrad.fitting.sessions.photograph import china
from gaussgrad.plot.style import MEASURE, STRONG, draw_image

CURVES, GALLERY = (pages.DOCS / "pictures" / name for name in ("fit-curves.png", "fit-gallery.jpg"))
COUNTS = (1_000, 10_000)
SHOWN = (100, 1_000, 10_000)  # Gaussians in the gallery
SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0)


def measured(image: np.ndarray, n: int, seconds: Sequence[float]) -> tuple[list[float], list[float]]:
    """PSNR in dB of `fit_image` and of plain Adam, each begun anew for each time."""
    return [fit_image(image, n, seconds=limit).psnr for limit in seconds], [
        by_adam(image, n, limit) for limit in seconds
    ]


def draw_curves(path: Path, curves: dict[int, tuple[list[float], list[float]]], seconds: Sequence[float]) -> None:
    """PSNR by seconds, two lines for each number of Gaussians."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="seconds", ylabel="PSNR in dB", xticks=seconds)
    axes.set_xticklabels(f"{limit:g}" for limit in seconds)
    axes.minorticks_off()
    for (n, (ours, adam)), colour in zip(curves.items(), (MEASURE, STRONG), strict=True):
        for values, line, way in ((ours, "o-", "fit_image"), (adam, "s--", "plain Adam")):
            axes.plot(seconds, values, line, color=colour)
            beside = {"transform": axes.get_yaxis_transform(), "va": "center"}
            axes.text(1.02, values[-1], f"{way}, {n:,} Gaussians", color=colour, **beside)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, facecolor="white")


def draw_gallery(path: Path, image: np.ndarray, fits: Sequence[Fit]) -> None:
    """The photograph, and what the Gaussians draw."""
    figure = Figure(figsize=(8, 5.8), layout="constrained")
    titles = ["the photograph", *(f"{fit.picture.n:,} Gaussians, {fit.psnr:.1f} dB" for fit in fits)]
    for position, (drawn, title) in enumerate(zip([image, *(fit.render() for fit in fits)], titles, strict=True), 1):
        axes = figure.add_subplot(2, 2, position)
        draw_image(axes, drawn)
        axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=100, facecolor="white", pil_kwargs={"quality": 88})


def report_on(folder: Path, seconds: Sequence[float]) -> None:
    """Write both figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    image = china().astype(np.float32) / 255
    fit_image(image, 50, steps=30)  # compiles, as
    by_adam(image, 50, 0.1)  # does this
    draw_gallery(folder / GALLERY.name, image, [fit_image(image, n, seconds=max(seconds)) for n in SHOWN])
    draw_curves(folder / CURVES.name, {n: measured(image, n, seconds) for n in COUNTS}, seconds)
