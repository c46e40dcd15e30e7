"""The notebooks run as a reader runs them, cell after cell, and print what is stored in them."""

import contextlib
import io
import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from paths import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
LARGEST = 100_000  # bytes, with the pictures


@pytest.fixture(autouse=True)
def _without_a_display(monkeypatch):
    mpl.use("agg")
    yield
    plt.close("all")


def run_cells(notebook: dict, name: str) -> list[tuple[str, str]]:
    """For each cell of code what is stored as printed, and what it prints now."""
    namespace = {"__name__": "__main__"}
    both = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{name}, cell {number}", "exec"), namespace)
        stored = "".join("".join(output.get("text", "")) for output in cell["outputs"])
        both.append((stored, printed.getvalue()))
    return both


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_cells_print_what_the_notebook_stores(path):
    both = run_cells(json.loads(path.read_text(encoding="utf-8")), path.name)
    assert any(stored for stored, _ in both)
    assert [printed for _, printed in both] == [stored for stored, _ in both]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_stores_its_pictures_and_is_small(path):
    outputs = [output for cell in json.loads(path.read_text("utf-8"))["cells"] for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < LARGEST


def test_a_cell_that_prints_something_else_is_seen():
    cell = {"cell_type": "code", "source": ["print(1 + 1)"], "outputs": [{"text": ["3\n"]}]}
    assert run_cells({"cells": [cell]}, "name") == [("3\n", "2\n")]
