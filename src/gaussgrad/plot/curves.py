"""The learning curve of a training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gaussgrad.metrics import Baselines
from gaussgrad.plot.style import INK, MEASURE, QUIET, STRONG

_APART = 0.14  # of the height of the axes: names have two lines of text


def learning_curve(axes: Axes, history: Sequence[Mapping[str, Any]], baselines: Baselines | None = None) -> Axes:
    """Draw training and held-out PSNR by epoch, and give the axes back.

    Each line has its name at its right end, outside the data. Leave room there: `Figure(layout="constrained")` does.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    history : sequence of mappings
        A row for each epoch: "epoch", and where they were measured "loss", the mean squared error of the training, and
        "held_out_psnr" in dB.
    baselines : gaussgrad.metrics.Baselines, optional
        PSNR in dB of the mean image and of PCA, as dashed lines.

    Returns
    -------
    axes : matplotlib.axes.Axes
        The axes that came.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from gaussgrad.metrics import Baselines
    >>> history = [{"epoch": i, "loss": 0.1 / i, "held_out_psnr": 20 - 9 / i} for i in range(1, 9)]
    >>> axes = Figure(layout="constrained").add_subplot()
    >>> axes = learning_curve(axes, history, Baselines(mean_image=11.5, pca=19.0, pca_numbers=60))
    >>> axes.get_title(loc="left")
    'Held-out PSNR 18.88 dB after epoch 8'
    """
    trained = [(row["epoch"], -10 * np.log10(row["loss"])) for row in history if row.get("loss", 0) > 0]
    measured = [(row["epoch"], row["held_out_psnr"]) for row in history if "held_out_psnr" in row]
    names = []
    for series, name, colour in ((trained, "training\n(augmented)", QUIET), (measured, "held out", STRONG)):
        if series:
            axes.plot(*zip(*series, strict=True), color=colour, lw=2, marker="o" if len(series) < 3 else "")
            names.append((series[-1][1], name, colour))
    for value, name in _lines(baselines):
        axes.axhline(value, color=MEASURE, lw=1.2, ls=(0, (5, 4)))
        names.append((value, f"{name}\n{value:.2f} dB", MEASURE))
    axes.autoscale(axis="y")  # with a margin below the dashed lines too
    last = max((row["epoch"] for row in history), default=1)
    axes.set(xlabel="epoch", ylabel="PSNR (dB)", xlim=(1, last) if last > 1 else (0.5, 1.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(_title(measured), loc="left", size=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", lw=0.8)
    axes.set_axisbelow(True)
    _write_names(axes, names)
    return axes


def _title(measured: Sequence[tuple[int, float]]) -> str:
    return f"Held-out PSNR {measured[-1][1]:.2f} dB after epoch {measured[-1][0]}" if measured else "PSNR"


def _lines(baselines: Baselines | None) -> list[tuple[float, str]]:
    if baselines is None:
        return []
    return [(baselines.pca, f"PCA, {baselines.pca_numbers} numbers"), (baselines.mean_image, "mean image")]


def _write_names(axes: Axes, names: Sequence[tuple[float, str, str]]) -> None:
    """Names right of the axes, each at the height of its line, pushed apart where lines are close."""
    low, high = axes.get_ylim()
    places: list[float] = []
    ordered = sorted(names, key=lambda name: name[0])
    for value, _, _ in ordered:
        place = (value - low) / (high - low)
        places.append(max(place, places[-1] + _APART) if places else place)
    over = max(0.0, places[-1] - 1) if places else 0.0
    for place, (value, name, colour) in zip(places, ordered, strict=True):
        axes.annotate(
            name,
            (1, value),
            (1.03, place - over),
            xycoords=axes.get_yaxis_transform(),
            textcoords="axes fraction",
            va="center",
            size=9,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 1, "shrinkB": 0},
        )
