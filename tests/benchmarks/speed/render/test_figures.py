"""Figures: when a bar is reached, and when results are of the same thing."""

import numpy as np
import pytest

from benchmarks.speed.render.figures import AGREEMENT, Bar, Figure, relative_difference
from benchmarks.speed.spread import Spread


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
