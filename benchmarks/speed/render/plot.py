"""The picture of a run: how many times as fast as each peer, the bars of gaussgrad alone, and scaling."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.speed.render.alone import SCALES
from benchmarks.speed.render.figures import Figure
from benchmarks.speed.render.report import Report
from benchmarks.speed.tables import number

COLOURS = {"reached": "#2a7f62", "not reached": "#c0392b", "not comparable": "#8e44ad", "": "#5b7c99"}
MISSING = "#999999"
LINE_INCHES = 0.36


def draw(report: Report, path: Path) -> None:
    """Write the picture; a panel without figures is left out."""
    peers = [figure for figure in report.figures if figure.peer]
    shares = [figure for figure in report.figures if figure.bar and not figure.peer and figure.value]
    curves = {stage: _curve(report.figures, stage) for stage in ("forward", "backward")}
    panels = [(_speeds, peers, len(peers)), (_shares, shares, len(shares)), (_scaling, curves, 7)]
    panels = [panel for panel in panels if (any(panel[1].values()) if isinstance(panel[1], dict) else panel[1])]
    if not panels:
        return
    heights = [lines + 2.5 for *_, lines in panels]
    canvas = Canvas(figsize=(11, LINE_INCHES * sum(heights) + 0.6), layout="constrained")
    for axes, (fill, content, _) in zip(_column(canvas, heights), panels, strict=True):
        fill(axes, content)
        axes.spines[["top", "right"]].set_visible(False)
    canvas.suptitle(f"{report.machine['processor']}\n{report.machine['date']}", fontsize=9, color="#555555")
    canvas.savefig(path, dpi=150)


def _column(canvas: Canvas, heights: Sequence[float]) -> list[Axes]:
    return list(canvas.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])


def _speed(figure: Figure, value: float) -> float:
    """Times as fast as the peer, whichever way round the figure is."""
    return 1 / value if figure.unit == "× its time" else value


def _speeds(axes: Axes, figures: Sequence[Figure]) -> None:
    """A line per comparison: the median with its quartiles, and a tick at the bar."""
    for line, figure in enumerate(figures):
        if figure.value is None:
            axes.text(1.0, line, f" not measured: {_shortened(figure.reason)}", va="center", fontsize=7, color=MISSING)
            continue
        ends = sorted(_speed(figure, value) for value in (figure.value.lower, figure.value.upper))
        median, colour = _speed(figure, figure.value.median), COLOURS[figure.verdict]
        axes.plot([1.0, median], [line, line], color=colour, linewidth=7, alpha=0.35, solid_capstyle="butt")
        axes.plot(ends, [line, line], color=colour, linewidth=1.5)
        axes.plot(median, line, "o", color=colour, markersize=5)
        limit = _speed(figure, figure.bar.limit) if figure.bar else 1.0
        place, style = (max(median, 1.0, limit, *ends), line), {"va": "center", "fontsize": 8, "color": colour}
        axes.annotate(f"{number(median)}×", place, (6, 0), textcoords="offset points", **style)
        if figure.bar is not None:
            axes.plot(limit, line, "|", color="black", markersize=14, markeredgewidth=1.5)
    axes.axvline(1.0, color="black", linewidth=0.8)
    _name_lines(axes, [f"{figure.scene}\n{figure.measured}, beside {figure.peer}" for figure in figures])
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.set_title("Times as fast as the peer (black tick: the bar; line: quartiles)", fontsize=10, loc="left")


def _shares(axes: Axes, figures: Sequence[Figure]) -> None:
    """A line per absolute bar: how much of it is used (below 1: reached)."""
    for line, figure in enumerate(figures):
        upwards = figure.bar.sense == "at least"
        used = figure.bar.limit / figure.value.median if upwards else figure.value.median / figure.bar.limit
        colour = COLOURS[figure.verdict]
        axes.barh(line, used, height=0.5, color=colour, alpha=0.6)
        text = f" {number(figure.value.median)} {figure.unit} ({'≥' if upwards else '≤'} {number(figure.bar.limit)})"
        axes.text(max(used, 1.0), line, text, va="center", fontsize=8, color=colour)
    axes.axvline(1.0, color="black", linewidth=0.8)
    _name_lines(axes, [f"{figure.scene}\n{figure.measured}" for figure in figures])
    axes.margins(x=0.35)
    axes.set_xlim(left=0)
    axes.set_title("Share of the bar used (left of 1: reached)", fontsize=10, loc="left")


def _scaling(axes: Axes, curves: dict[str, list[Figure]]) -> None:
    """Time per touched pair over the number of Gaussians."""
    for (stage, figures), colour in zip(curves.items(), ("#2a7f62", "#5b7c99"), strict=True):
        spreads = [figure.value for figure in figures]
        axes.plot(SCALES, [spread.median for spread in spreads], "o-", color=colour, label=stage)
        lower, upper = ([getattr(spread, side) for spread in spreads] for side in ("lower", "upper"))
        axes.fill_between(SCALES, lower, upper, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Gaussians, at constant density", fontsize=9)
    axes.set_ylabel("ns per touched pair", fontsize=9)
    axes.legend(frameon=False)
    axes.set_title("Time per touched pixel–Gaussian pair", fontsize=10, loc="left")


def _curve(figures: Sequence[Figure], stage: str) -> list[Figure]:
    names = [f"scaling-{stage}-{n}" for n in SCALES]
    return [figure for figure in figures if figure.name in names]


def _name_lines(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _shortened(text: str) -> str:
    return text if len(text) <= 72 else f"{text[:69]}..."
