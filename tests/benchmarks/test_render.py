"""The driver of the benchmarks: what it computes without timing anything or having a peer installed."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as driver
from benchmarks import alone, comparisons, contract, partners, plot, report, scenes, timing
from benchmarks.anatomy import Costs
from benchmarks.beside_peers import Place, compare
from benchmarks.comparisons import COMPARISONS, Comparison
from benchmarks.figures import AGREEMENT, Bar, Figure, Spread, relative_difference
from benchmarks.machine import Bounds

PEERS = sorted(path.stem for path in partners.PEERS.glob("*.py") if path.stem != "__init__")
QUICK = [comparison for comparison in COMPARISONS if "100,000" not in comparison.title]


@pytest.mark.parametrize("build", {comparison.build for comparison in QUICK})
def test_scenes_are_float32_seeded_and_of_agreeing_shapes(build):
    scene, again = build(), build()
    *batch, n, _ = scene.means.shape
    channels = scene.weights.shape[-1]
    shapes = [array.shape for array in (scene.means, scene.covariances, scene.weights, scene.upstream)]
    assert shapes == [(*batch, n, 2), (*batch, n, 3), (*batch, n, channels), (*batch, channels, *scene.size)]
    for name, array in {**scene.inputs, "upstream": scene.upstream}.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, getattr(again, name))


@pytest.mark.parametrize("tolerance", [scenes.THREE_SIGMA, scenes.DEFAULT])
@pytest.mark.parametrize("lanes", [1, 16])
def test_work_counts_the_pixels_inside_the_cut_ellipses(tolerance, lanes):
    scene = scenes.rotated(23, 31, 47, 0.4, 7.0)
    height, width = scene.size
    x, y = (scene.means[:, axis, None, None].astype(float) for axis in (0, 1))
    xx, xy, yy = (scene.covariances[:, entry, None, None].astype(float) for entry in range(3))
    dx, dy = np.arange(width) - x, np.arange(height)[:, None] - y
    q = (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / (xx * yy - xy**2)
    in_rows = (q <= -2 * np.log(tolerance)).sum(axis=-1)  # (n, h)
    expected = scenes.Work(23, np.count_nonzero(in_rows), in_rows.sum(), np.ceil(in_rows / lanes).sum())
    assert scenes.work(scene, tolerance, lanes) == expected


def test_ratios_are_taken_per_round_before_the_median():
    above, below = [1.0, 20.0, 3.0], [1.0, 10.0, 1.0]  # the machine was slow in the second round
    assert Spread.of(timing.ratios(above, below)) == Spread(2.0, 1.5, 2.5)


def test_two_calls_take_turns_and_each_goes_first_every_other_round(monkeypatch):
    monkeypatch.setattr(timing, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(timing, "BLOCK_SECONDS", 0.0)
    order = []
    calls = [timing.Here(lambda name=name: order.append(name) or {}) for name in "ab"]
    first, second = timing.in_turn(*calls, seconds=0.0)
    assert len(first) == len(second) == timing.FEWEST_ROUNDS
    assert "".join(order[-2 * timing.FEWEST_ROUNDS :]) == "abbaabbaab"


@pytest.mark.parametrize(("sense", "value", "verdict"), [
    ("at most", 1.2, "reached"), ("at most", 1.21, "not reached"),
    ("at least", 800.0, "reached"), ("at least", 799.0, "not reached"),
])  # fmt: skip
def test_a_bar_is_reached_up_to_its_limit(sense, value, verdict):
    bar = Bar(sense, 1.2 if sense == "at most" else 800.0)
    assert Figure("a", "scene", "forward", Spread(value, value, value), "×", bar=bar).verdict == verdict


@pytest.mark.parametrize("difference", [2 * AGREEMENT, float("nan")])
def test_a_peer_that_computes_something_else_earns_no_verdict(difference):
    figure = Figure("a", "scene", "forward", Spread(1, 1, 1), "×", bar=Bar("at most", 2), difference=difference)
    assert figure.verdict == "not comparable"


def test_the_difference_is_the_largest_of_the_results_that_both_name():
    ours = {"image": np.array([3.0, 4.0]), "means": np.array([1.0, 0.0]), "weights": np.ones(2)}
    theirs = {"image": np.array([3.0, 4.5]), "means": np.array([1.0, 0.4])}
    np.testing.assert_allclose(relative_difference(ours, theirs), 0.4)


@pytest.mark.parametrize("theirs", [{"picture": np.ones(2)}, {"image": np.ones(3)}])
def test_results_that_cannot_be_compared_are_refused(theirs):
    with pytest.raises(ValueError, match="image"):
        relative_difference({"image": np.ones(2)}, theirs)


def test_a_failing_contract_stops_the_report_before_anything_is_measured(monkeypatch, tmp_path, capsys):
    failing = (sys.executable, "-c", "print('1 failed'); raise SystemExit(1)")
    check = contract.check
    monkeypatch.setattr(contract, "check", lambda: check(failing))
    monkeypatch.setattr(driver, "measure", lambda *_: pytest.fail("measured although the contract is broken"))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "-o", str(tmp_path / "report")])
    assert driver.main() == 1
    assert "1 failed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_passing_contract_gives_its_last_line():
    assert contract.check((sys.executable, "-c", "print('x'); print('3 passed')")) == "3 passed"


@pytest.fixture
def comparison() -> Comparison:
    scene = lambda: scenes.rotated(3, 9, 8, 1.0, 2.0)  # noqa: E731
    return Comparison("tiny", "tiny scene", scene, "numpy", "forward", 1e-4, "kornia_heatmaps", Bar("at most", 1))


def test_a_peer_that_is_not_installed_is_named_with_its_reason(monkeypatch, comparison):
    monkeypatch.setattr(partners, "importable", lambda peer: False)
    figure = compare(comparison, partners.Partners(threads=1), seconds=0.0)
    assert (figure.peer, figure.verdict) == ("kornia", "not measured")
    assert "kornia" in figure.reason
    assert "--install-peers" in figure.reason


def test_a_peer_that_did_not_install_is_named_with_its_reason(comparison):
    found = partners.Partners(threads=1, reasons={"kornia_heatmaps": "not installable: no wheel"})
    assert compare(comparison, found, seconds=0.0).reason == "not installable: no wheel"


def test_a_peer_that_fails_in_its_own_process_is_named_with_its_reason(monkeypatch, comparison):
    monkeypatch.setattr(partners, "importable", lambda peer: False)
    found = partners.Partners(threads=1, python=Path(sys.executable))  # which knows no comparison of that name
    assert "tiny" in compare(comparison, found, seconds=0.0).reason


def test_the_yardstick_without_a_folder_is_named_with_its_reason():
    yardstick = comparisons.BY_NAME["yardstick-forward"]
    assert "--yardstick" in compare(yardstick, partners.Partners(threads=1), seconds=0.0).reason


@pytest.mark.skipif(os.name == "nt", reason="the pip that fails is a shell script")
def test_a_pip_that_fails_gives_the_reason(tmp_path):
    python = partners.environment_python(tmp_path)
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 'ERROR: no such release' >&2\nexit 1\n")
    python.chmod(0o755)
    assert partners.install(tmp_path, ["kornia_heatmaps"]) == {
        "kornia_heatmaps": "not installable: ERROR: no such release"
    }


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_states_its_requirements_and_has_a_title_and_a_comparison(peer):
    assert all(requirement.strip() for requirement in partners.requirements(peer))
    assert peer in comparisons.TITLES
    assert peer in {comparison.peer for comparison in COMPARISONS}


def test_names_of_measurements_are_unique():
    assert len(set(driver.MEASURED)) == len(driver.MEASURED)


def test_only_takes_patterns_and_refuses_what_matches_nothing(tmp_path, capsys):
    assert driver.wanted(["yard*-forward", "memory"], driver.MEASURED) == ["yardstick-forward", "memory"]
    with pytest.raises(SystemExit):
        driver.parse(["-o", str(tmp_path), "--only", "nothing"])
    assert "matches none of" in capsys.readouterr().err


def test_part_of_a_run_is_not_recorded_in_the_docs(tmp_path, capsys):
    with pytest.raises(SystemExit):
        driver.parse(["-o", str(tmp_path), "--docs", "--only", "memory"])
    assert "a whole run" in capsys.readouterr().err


def test_a_measurement_that_fails_is_named_with_its_reason(monkeypatch):
    def fails(threads, seconds):
        raise RuntimeError("no room left")

    monkeypatch.setitem(alone.MEASUREMENTS, "memory", fails)
    (figure,) = driver.measure_alone("memory", threads=1, seconds=0.0)
    assert (figure.name, figure.verdict, figure.reason) == ("memory", "not measured", "RuntimeError: no room left")


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
        "python -m benchmarks",
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


def test_figures_replace_what_stands_between_the_markers_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n")
    report.write_into(page, "new\n")
    assert page.read_text() == f"above\n{report.BEGIN}\nnew\n{report.END}\nbelow\n"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="must have the lines"):
        report.write_into(page, "new\n")


def test_the_page_of_the_docs_has_the_markers():
    text = driver.PAGE.read_text(encoding="utf-8")
    assert text.index(report.BEGIN) < text.index(report.END)


def test_the_command_of_the_report_tells_no_folder_of_this_machine():
    folders = ["-o", "/a/b", "--yardstick", "/c", "--install-peers", "/d"]
    options = driver.parse([*folders, "--only", "mem*", "--seconds", "2"])
    expected = "python -m benchmarks -o FOLDER --yardstick FOLDER --install-peers --only 'mem*' --seconds 2"
    assert driver.command(options) == expected
