"""A peer that cannot be measured is named, with the reason."""

import sys
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.speed import scenes
from benchmarks.speed.render import comparisons, partners
from benchmarks.speed.render.beside_peers import compare
from benchmarks.speed.render.comparisons import Comparison
from benchmarks.speed.render.figures import Bar


@pytest.fixture
def comparison() -> Comparison:
    scene = lambda: scenes.rotated(3, 9, 8, 1.0, 2.0)  # noqa: E731
    return Comparison("tiny", "tiny scene", scene, "numpy", "forward", 1e-4, "kornia_heatmaps", Bar("at most", 1))


def test_a_peer_that_is_not_installed_is_named_with_its_reason(monkeypatch, comparison):
    monkeypatch.setattr(environments, "importable", lambda peer: False)
    figure = compare(comparison, partners.Partners(threads=1), seconds=0.0)
    assert (figure.peer, figure.verdict) == ("kornia", "not measured")
    assert "kornia" in figure.reason
    assert "--install-peers" in figure.reason


def test_a_peer_that_did_not_install_is_named_with_its_reason(comparison):
    found = partners.Partners(threads=1, reasons={"kornia_heatmaps": "not installable: no wheel"})
    assert compare(comparison, found, seconds=0.0).reason == "not installable: no wheel"


def test_a_peer_that_fails_in_its_own_process_is_named_with_its_reason(monkeypatch, comparison):
    monkeypatch.setattr(environments, "importable", lambda peer: False)
    found = partners.Partners(threads=1, python=Path(sys.executable))  # which knows no comparison of that name
    assert "tiny" in compare(comparison, found, seconds=0.0).reason


def test_the_yardstick_without_a_folder_is_named_with_its_reason():
    yardstick = comparisons.BY_NAME["yardstick-forward"]
    assert "--yardstick" in compare(yardstick, partners.Partners(threads=1), seconds=0.0).reason
