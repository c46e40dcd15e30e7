"""Two states of the code: which lines count as slower, and that each process times the state it is to time."""

import subprocess
import sys

import pytest
import torch

from benchmarks.pages import ROOT
from benchmarks.speed.against import lines, run, states
from benchmarks.speed.against.lines import CALLS, NAMES
from benchmarks.speed.against.run import Line
from benchmarks.speed.processes import WorkerFailed

SMALL = "ten Gaussians, 64×64, forward, arrays"


def measured(name: str, ratio: float) -> Line:
    return Line(name, (1.0, 2.0, 3.0), (ratio, 2 * ratio, 3 * ratio))


@pytest.fixture
def source(tmp_path):
    """A folder src whose package does nothing."""
    folder = tmp_path / "src"
    (folder / "gaussgrad" / "__pycache__").mkdir(parents=True)
    (folder / "gaussgrad" / "__init__.py").write_text("")
    (folder / "gaussgrad" / "__pycache__" / "kernel.nbc").touch()
    return folder


def report(monkeypatch, source, *rounds: list[Line]) -> tuple[int, list[tuple[str, ...]]]:
    """The exit code of a run whose measurements are given, and the names that were asked for each time."""
    asked = []

    def measure(states, names, seconds):
        asked.append(tuple(names))
        return rounds[len(asked) - 1]

    monkeypatch.setattr(run, "measure", measure)
    return run.report_on(source, ["a", "b"], 1.0), asked


def test_a_line_within_the_limit_is_measured_once(monkeypatch, source, capsys):
    assert report(monkeypatch, source, [measured("a", 1.04), measured("b", 0.5)]) == (0, [("a", "b")])
    assert "All within 1.05." in capsys.readouterr().out


def test_a_slower_line_is_repeated_alone_before_it_counts(monkeypatch, source, capsys):
    first = [measured("a", 1.2), measured("b", 1.06)]
    code, asked = report(monkeypatch, source, first, [measured("a", 1.01)], [measured("b", 1.07)])
    assert (code, asked) == (1, [("a", "b"), ("a",), ("b",)])
    said = capsys.readouterr().out
    assert "| a | 2 s ± 25.0 % | 2.02 s ± 25.0 % | 1.010 | 1.010, 1.01 to 1.01 | repeated alone |" in said
    assert "| b | 2 s ± 25.0 % | 2.14 s ± 25.0 % | 1.070 | 1.070, 1.07 to 1.07 | slower, repeated alone |" in said
    assert "Not within 1.05: b." in said


@pytest.mark.parametrize(("broken", "code"), [(True, 1), (False, 0)])
def test_a_line_that_cannot_be_measured_counts_where_this_state_is_to_blame(monkeypatch, source, capsys, broken, code):
    line = Line("a", reason="AttributeError: no such function", broken=broken)
    assert report(monkeypatch, source, [line]) == (code, [("a", "b")])
    whose = "this" if broken else "the other"
    assert f"not measured with {whose}: AttributeError: no such function |" in capsys.readouterr().out


def test_times_of_several_pairs_of_processes_are_joined():
    both = run.joined(Line("a", (1.0,), (2.0,)), Line("a", (3.0,), (4.0,)))
    assert (both.other, both.this) == ((1.0, 3.0), (2.0, 4.0))
    assert run.joined(both, Line("a", reason="gone", broken=True)).broken


def test_a_state_is_a_copy_with_its_bytecode_and_without_machine_code(source, tmp_path):
    state = states.copy(source, tmp_path / "copy")
    names = {path.name for path in (state.folder / "gaussgrad").rglob("*")}
    assert names == {"__init__.py", "__pycache__", f"__init__.{sys.implementation.cache_tag}.pyc"}


def test_a_process_times_the_state_it_is_of_and_no_other(tmp_path):
    here, strayed = states.State(ROOT / "src"), states.State(tmp_path)  # which holds no gaussgrad
    with here.worker() as worker:
        worker.prepare(SMALL)
        assert worker.seconds(2) > 0
    assert 0 < here.probe("import gaussgrad").seconds(1) < 60
    with strayed.worker() as worker, pytest.raises(WorkerFailed, match="gaussgrad"):
        worker.prepare(SMALL)
    with pytest.raises(WorkerFailed, match="gaussgrad"):
        strayed.probe("import gaussgrad").seconds(1)


@pytest.mark.parametrize("name", CALLS)
def test_every_line_is_a_call_that_gives_finite_results(name):
    for result in CALLS[name]()().values():
        assert torch.isfinite(torch.as_tensor(result)).all()


def test_the_names_of_lines_are_known_without_gaussgrad_and_torch():
    code = (
        "import sys; from benchmarks.speed.against import lines, probe;"
        "assert not {'gaussgrad', 'torch', 'numba'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert len(set(NAMES)) == len(NAMES) == len(lines.CALLS) + len(lines.PROBES)
