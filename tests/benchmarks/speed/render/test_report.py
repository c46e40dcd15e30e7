"""The report of a run: every figure with its bar and verdict, and a picture."""

import json

import pytest

from benchmarks.speed.machine import Bounds
from benchmarks.speed.render import alone, plot, report
from benchmarks.speed.render.anatomy import Costs
from benchmarks.speed.render.beside_peers import Place
from benchmarks.speed.render.figures import Bar, Figure
from benchmarks.speed.spread import Spread


@pytest.fixture
def found() -> report.Report:
    spread = Spread(1.1, 1.0, 1.3)
    figures = [
        Figure("a", "scene", "forward", spread, "× its time", "peer", Bar("at most", 1.2), spread, spread, 0.01),
        Figure("b", "scene", "forward", spread, "× as fast", "peer", Bar("at least", 9), spread, spread, 0.01),
        Figure("c", "scene", "forward", None, "× as fast", "absent", reason="not installable: no wheel"),
        Figure("d", "small | call", "forward", spread, "µs", bar=Bar("at most", 60)),
        *(Figure(f"scaling-{stage}-{n}", "many", stage, spread, "ns per pair")
          for stage in ("forward", "backward") for n in alone.SCALES),
    ]  # fmt: skip
    places = [Place("scene", "forward", 10**6, 1e-2, 1e-3, 2e-3)]
    costs = [Costs("forward", 100.0, 20.0, 5.0, 0.1, 0.1, 0.5, 0.3, 0.1, 0.1, 0.7)]
    return report.Report(
        {"processor": "one", "date": "today"},
        "python -m benchmarks speed render",
        "3 passed",
        figures,
        Bounds(1e10, 5e9, 1e11, 1e9),
        places,
        costs,
    )


def test_the_report_has_every_figure_with_bar_and_verdict(found):
    text = report.markdown(found)
    for expected in (
        "| 1.1 × its time | 1 to 1.3 | ≤ 1.2 | reached |",
        "| ≥ 9 | not reached |",
        "| not installable: no wheel |  |  | not measured |",
        "small \\| call",
        "Bars reached: 2 of 3",
    ):
        assert expected in text
    assert "| 1 M | 10 ms | 1 ms | 2 ms | 20 % |" in text
    assert [record["verdict"] for record in json.loads(found.to_json())["figures"]][:3] == [
        "reached", "not reached", "not measured",
    ]  # fmt: skip


def test_the_plot_is_a_picture(found, tmp_path):
    plot.draw(found, tmp_path / "figures.png")
    assert (tmp_path / "figures.png").read_bytes().startswith(b"\x89PNG")
