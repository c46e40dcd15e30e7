"""Other finders beside ours: their choice is by pairs, and one that is missing is named."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import spot_peers, spots


def test_settings_are_chosen_by_the_share_of_pairs():
    frame, means = np.zeros(2), np.array([[0.0, 0.0], [9.0, 0.0]])
    assert spot_peers.jaccard(frame, means, np.zeros(3), np.array([[1.0, 0.0], [3.0, 0.0], [9.0, 1.0]]), 2.0) == 2 / 3


def test_a_finder_that_cannot_run_is_told_with_its_name():
    scene = spots.Scene(size=(32, 32), density=0.003)
    simulated = scene.simulate(1)
    with pytest.raises(RuntimeError, match=r"no_such_finder in .* ended with 1: KeyError"):
        spots._found_by("no_such_finder", Path(sys.executable), simulated, simulated)
