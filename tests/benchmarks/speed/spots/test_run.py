"""Speed of spots: what is timed finds what is there, and stacks are as long as they say."""

import numpy as np

from benchmarks.speed.spots import probe, run
from gaussgrad.files.stacks import Stack


def test_what_is_timed_finds_nearly_all_isolated_spots():
    known = {"camera": run.Scene(size=(16, 16), density=0.0).camera, "stddev": run.STDDEV}
    what, frames, spots, *figures = run.timed("isolated", run.isolated(1), **known)
    assert (what, frames) == ("isolated", "1")
    assert 250 <= int(spots) <= 262  # one in each of 256 squares
    assert len(figures) == 4


def test_a_stack_has_as_many_pages_as_asked(tmp_path):
    run.write_pages(tmp_path / "stack.tif", 3)
    with Stack(tmp_path / "stack.tif") as stack:
        assert len(stack) == 3
        assert stack.first.shape == (run.SMALL, run.SMALL)


def test_the_peak_is_that_of_this_process():
    before = probe.peak()
    held = np.ones(2**23)
    assert probe.peak() >= before
    assert probe.peak() >= held.nbytes
