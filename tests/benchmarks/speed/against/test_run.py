"""Two states of the code: which lines count as slower, and that each process times the state it is to time."""

import subprocess
import sys

import pytest

from benchmarks.pages import ROOT
from benchmarks.speed.against import lines, run, states
from benchmarks.speed.against.lines import CALLS, NAMES
from benchmarks.speed.against.run import Line
from benchmarks.speed.processes import WorkerFailed

SMALL = "ten Gaussians, 64×64, forward, arrays"


def measured(name: str, ratio: float) -> Line:
    return Line(name, (1.0, 2.0, 3.0), (ratio, 2 * ratio, 3 * ratio))


@pytest.fixture
def sources(tmp_path):
    """A `src` folder for each side, whose package does nothing."""
    folder = tmp_path / "other-src"
    (folder / "gaussgrad" / "__pycache__").mkdir(parents=True)
    (folder / "gaussgrad" / "__init__.py").write_text("")
    return folder


def report(monkeypatch, sources, *rounds: list[Line]) -> tuple[int, list[tuple[str, ...]]]:
    """The exit code of a run whose measurements are given, and the names that were asked for each time."""
    asked = []

    def measure(states, names, seconds):
        asked.append(tuple(names))
        return rounds[len(asked) - 1]

    monkeypatch.setattr(run, "measure", measure)
    return run.report_on(sources, ["a", "b"], 1.0), asked


def test_a_line_within_the_limit_is_measured_once(monkeypatch, sources, capsys):
    assert report(monkeypatch, sources, [measured("a", 1.04), measured("b", 0.5)]) == (0, [("a", "b")])
    assert "All within 1.05." in capsys.readouterr().out


def test_a_slower_line_is_repeated_alone_before_it_counts(monkeypatch, sources, capsys):
    first = [measured("a", 1.2), measured("b", 1.06)]
    code, asked = report(monkeypatch, sources, first, [measured("a", 1.01)], [measured("b", 1.07)])
    assert (code, asked) == (1, [("a", "b"), ("a",), ("b",)])
    said = capsys.readouterr().out
    assert "| a | 2 s ± 25.0 % | 2.02 s ± 25.0 % | 1.010 | 1.01 to 1.01 | repeated alone |" in said
    assert "| b | 2 s ± 25.0 % | 2.14 s ± 25.0 % | 1.070 | 1.07 to 1.07 | slower, repeated alone |" in said
    assert "Not within 1.05: b." in said


@pytest.mark.parametrize(("broken", "code"), [(True, 1), (False, 0)])
def test_a_line_that_cannot_be_measured_counts_where_this_state_is_to_blame(monkeypatch, sources, capsys, broken, code):
    line = Line("a", reason="AttributeError: no such function", broken=broken)
    assert report(monkeypatch, sources, [line]) == (code, [("a", "b")])
    whose = "this" if broken else "the other"
    assert f"not measured with {whose}: AttributeError: no such function |" in capsys.readouterr().out


def test_times_of_several_pairs_of_processes_are_joined():
    both = run.joined(Line("a", (1.0,), (2.0,)), Line("a", (3.0,), (4.0,)))
    assert (both.other, both.this) == ((1.0, 3.0), (2.0, 4.0))
    assert run.joined(both, Line("a", reason="gone", broken=True)).broken


def test_a_state_is_a_copy_without_what_was_compiled(sources, tmp_path):
    state = states.copy(sources, tmp_path / "copy")
    assert [path.name for path in (state.folder / "gaussgrad").iterdir()] == ["__init__.py"]


def test_a_process_refuses_to_time_another_state_than_its_own(sources, tmp_path):
    state = states.copy(ROOT / "src", tmp_path / "copy")
    with state.worker() as worker:
        worker.prepare(SMALL)
        assert worker.seconds(2) > 0
    strayed = states.State(sources)
    (sources / "gaussgrad" / "__init__.py").unlink()  # now gaussgrad is found elsewhere, or not at all
    (sources / "gaussgrad" / "__pycache__").rmdir()
    (sources / "gaussgrad").rmdir()
    with strayed.worker() as worker, pytest.raises(WorkerFailed, match="gaussgrad"):
        worker.prepare(SMALL)
    with pytest.raises(WorkerFailed, match="gaussgrad"):
        strayed.probe("import gaussgrad").seconds(1)


@pytest.mark.parametrize("name", CALLS)
def test_every_line_is_a_call_that_gives_finite_results(name):
    import torch

    for result in CALLS[name]()().values():
        assert torch.isfinite(torch.as_tensor(result)).all()


def test_the_names_of_lines_are_known_without_gaussgrad_and_torch():
    code = (
        "import sys; from benchmarks.speed.against import lines, probe;"
        "assert not {'gaussgrad', 'torch', 'numba'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert len(set(NAMES)) == len(NAMES) == len(lines.CALLS) + len(lines.PROBES)
