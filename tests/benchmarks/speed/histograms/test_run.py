"""Histograms: the forms that are compared count the same, and the times of fewer samples are scaled."""

import pytest
import torch

from benchmarks.speed import timing
from benchmarks.speed.histograms import run


@pytest.mark.parametrize(("form", "other", "count"), [(run.ours, run.dense, 1), (run.ours_joint, run.dense_joint, 2)])
def test_the_dense_form_counts_the_same_and_something_else_is_noticed(form, other, count):
    arrays = list(torch.rand(count, 200))
    ours, theirs = run.step_of(form, arrays), run.step_of(other, arrays)
    run.compare(ours, theirs)
    with pytest.raises(AssertionError):
        run.compare(ours, run.step_of(lambda *leaves: 1.1 * other(*leaves), arrays))


def test_times_of_fewer_samples_are_scaled(monkeypatch):
    monkeypatch.setattr(timing, "in_turn", lambda first, second, seconds: ([0.001] * 5, [0.01] * 5))
    nothing = timing.Here(dict)
    assert run.row("what", "beside", nothing, nothing, 1.0, 50)[2:] == ["10 ms", "50 ms", "5× (5–5)"]
