"""Timing on a device: the forms that are compared give the same, what cannot run says why, and bounds are measured."""

from dataclasses import replace

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks.speed import scenes
from benchmarks.speed.device import bounds, clock, lines, run

CPU = torch.device("cpu")
SMALL = scenes.rotated(3, 8, 9, 1.0, 2.0)


def test_a_row_shows_ours_beside_others_that_give_the_same():
    line = lines.drawing("three", SMALL, 1e-6, {"dense": "eager"})
    limits = bounds.Bounds(bytes_per_second=1e15, fused_per_second=1e15)
    name, call, graph, share, others = run.row(line, CPU, limits, 0.01)
    assert (name, graph) == ("three", "")
    assert call.endswith("s")
    assert share == "0 %"
    assert others.startswith("dense: ")
    assert others.endswith("×")
    mixture = lines.scoring("mixture", 20, 3)
    assert "not measured" not in run.row(mixture, CPU, limits, 0.01)[-1]


def test_others_that_give_something_else_or_fail_are_named():
    line = lines.drawing("three", SMALL, 1e-6)
    tripled = lines.drawing("tripled", replace(SMALL, weights=3 * SMALL.weights), 1e-6)
    wrong = replace(line, others={"tripled": tripled.ours, "nobody": lambda device: 1 / 0})
    others = run.row(wrong, CPU, bounds.Bounds(1.0, 1.0), 0.01)[-1]
    assert "tripled: not measured (AssertionError" in others
    assert "nobody: not measured (ZeroDivisionError" in others


def test_bounds_and_the_least_time():
    limits = bounds.measure(CPU, 0.01, numbers=1000, side=32)
    assert limits.bytes_per_second > 0
    assert limits.fused_per_second > 0
    assert bounds.Bounds(10.0, 100.0).seconds(moved=20.0, fused=100.0) == 2.0
    assert bounds.Bounds(10.0, 100.0).seconds(moved=20.0, fused=500.0) == 5.0


def test_the_work_of_a_drawing_counts_each_number_and_pair_once():
    line = lines.drawing("three", SMALL, 1e-6)
    numbers = 3 * (2 + 3 + 3) + 3 * 8 * 9
    assert line.moved == 2 * 4 * numbers
    assert line.fused == 18 * scenes.work(SMALL, 1e-6).pairs


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_is_refused_before_anything_runs(capsys):
    with pytest.raises(SystemExit) as stop:
        command.parse(["speed", "--device", "cuda"])
    assert stop.value.code == 2
    assert "--device cuda: torch finds no GPU of NVIDIA here" in capsys.readouterr().err
    with pytest.raises(ValueError, match="graphs are of CUDA devices; got cpu"):
        clock.replayed(lambda: None, CPU)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["speed", "--docs"], "--docs before a subject goes with --device"),
        (["speed", "--device", "cuda", "moments"], "--device measures lines of its own; leave out the subject"),
    ],
)
def test_options_that_do_not_go_together_are_refused(capsys, arguments, words):
    with pytest.raises(SystemExit):
        command.parse(arguments)
    assert words in capsys.readouterr().err
