"""The report of a run: Markdown tables, and the same as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.speed.machine import Bounds
from benchmarks.speed.render.anatomy import Costs
from benchmarks.speed.render.beside_peers import Place
from benchmarks.speed.render.figures import Bar, Figure
from benchmarks.speed.spread import Spread
from benchmarks.speed.tables import duration, number, quartiles, table

HEADINGS = ("scene", "measured", "peer", "ours", "peer's time", "figure", "quartiles", "bar", "verdict")


@dataclass(frozen=True)
class Report:
    """All that one run found."""

    machine: dict[str, str]
    command: str
    contract: str
    figures: Sequence[Figure]
    bounds: Bounds
    places: Sequence[Place]
    costs: Sequence[Costs]

    def to_json(self) -> str:
        found = dataclasses.asdict(self)
        for figure, record in zip(self.figures, found["figures"], strict=True):
            record["verdict"] = figure.verdict
        return json.dumps(found, indent=1, ensure_ascii=False)


def markdown(report: Report) -> str:
    """The report as the page shows it."""
    judged = [figure for figure in report.figures if figure.bar is not None]
    reached = sum(figure.verdict == "reached" for figure in judged)
    machine = [f"- {name}: {value}" for name, value in report.machine.items()]
    parts = [
        "\n".join([*machine, f"- command: `{report.command}`", f"- contract tests: {report.contract}"]),
        f"Bars reached: {reached} of {len(judged)}.",
        "### Figures",
        table(HEADINGS, (row(figure) for figure in report.figures)),
        "### Bounds of this machine",
        _bounds(report.bounds),
        _places(report.places),
    ]
    if report.costs:
        parts += ["### Where the time goes", _costs(report.costs)]
    return "\n\n".join(part for part in parts if part) + "\n"


def row(figure: Figure) -> tuple[str, ...]:
    """A figure as cells under HEADINGS."""
    value = f"{number(figure.value.median)} {figure.unit}" if figure.value else figure.reason
    spread = quartiles(figure.value) if figure.value else ""
    verdict = figure.verdict
    if verdict == "not comparable":
        verdict += f": results differ by {number(figure.difference)}"
    times = (duration(figure.ours_seconds), duration(figure.peer_seconds))
    return (figure.scene, figure.measured, figure.peer, *times, value, spread, bar(figure.bar), verdict)


def bar(limit: Bar | None) -> str:
    if limit is None:
        return ""
    return f"{'≤' if limit.sense == 'at most' else '≥'} {number(limit.limit)}"


def _bounds(bounds: Bounds) -> str:
    return (
        f"Memory: {number(bounds.bytes_per_second / 1e9)} GB/s, {number(bounds.bytes_per_second_of_one / 1e9)} GB/s on "
        f"one thread (triad; for each scene below, over arrays of its own size, which a cache may hold). Arithmetic in "
        f"float32: "
        f"{number(bounds.fused_per_second / 1e9)} G multiply-adds/s, "
        f"{number(bounds.exponentials_per_second / 1e9)} G exponentials/s."
    )


def _places(places: Sequence[Place]) -> str:
    """Where each scene stands below the bounds; the larger of the two is what no renderer of these pairs could beat."""
    if not places:
        return ""
    headings = ("scene", "measured", "pairs", "ours", "memory allows", "arithmetic allows", "share of the bound")
    rows = []
    for place in places:
        share = max(place.memory, place.arithmetic) / place.ours
        times = (duration(Spread.of([seconds])) for seconds in (place.ours, place.memory, place.arithmetic))
        pairs = f"{place.pairs / 1e6:.3g} M"
        rows.append((place.scene, place.measured, pairs, *times, f"{100 * share:.0f} %"))
    return table(headings, rows)


def _costs(costs: Sequence[Costs]) -> str:
    prices = table(
        ("stage, one thread", "per Gaussian", "per row", "per vector", "largest misfit"),
        (
            (cost.stage, *(f"{number(ns)} ns" for ns in (cost.per_gaussian, cost.per_row, cost.per_vector)),
             f"{100 * cost.misfit:.0f} %")
            for cost in costs
        ),
    )  # fmt: skip
    shares = table(
        ("stage", "Gaussians", "rows", "vectors", "of which exponentials alone", "image", "lanes in use"),
        (
            (cost.stage, *(f"{100 * share:.0f} %" for share in (
                cost.gaussians, cost.rows, cost.vectors, cost.exponentials, cost.image, cost.lanes_used)))
            for cost in costs
        ),
    )  # fmt: skip
    return f"{prices}\n\nThe yardstick's scene of 10,000 Gaussians by these prices:\n\n{shares}"
