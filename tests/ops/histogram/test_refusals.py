"""Histograms: what is refused names the argument, what was wanted, what came and what to do."""

import numpy as np
import pytest
import torch

from gaussgrad import histogram, mutual_information

PAIRS = [(0, 1), (0, 1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 0}, r"bins must be an integer of at least 1, or a list of rising edges; got 0"),
        ({"bins": [4, 0], "range": PAIRS}, r"bins\[1\] must be an integer of at least 1.*got 0"),
        ({"range": (1, 0)}, r"range must be \(low, high\), finite and low < high; got \(1, 0\)"),
        ({"range": (0, np.nan)}, r"range must be \(low, high\).*got \(0, nan\)"),
        ({"range": (0, 1, 2)}, r"range must be \(low, high\)"),
        ({"range": None}, r"range must be \(low, high\).*beside a number of bins; got None.*min, max"),
        ({"range": [(0, 1), (1, 1)]}, r"range\[1\] must be \(low, high\).*got \(1, 1\)"),
        ({"bins": [0.0, 0.5, 0.5], "range": None}, r"bins must be rising edges.*got 0.5 after 0.5 at place 2"),
        ({"bins": [0.0, np.nan, 1.0], "range": None}, r"bins must be rising edges.*got nan after 0.0 at place 1"),
        ({"bins": [0.0, np.inf], "range": None}, r'bins must be rising edges.*edge="keep" opens'),
        ({"bins": [[0.0]], "range": None}, r"bins\[0\] must be rising edges, finite and two or more; got \[0.0\]"),
        ({"bins": [0.0, 0.5, 1.0]}, r"range must be None, as bins are edges; got \(0, 1\)"),
        ({"bins": [4, 4, 4], "range": PAIRS}, r"bins must be one for each axis of range; got 3 beside 2"),
        ({"range": [(0, 1)] * 4}, r"bins must be of one to three axes; got 4"),
        ({"samples": 0.5}, r"samples must be of shape \(..., n\), for one range; got shape \(\)"),
        ({"range": PAIRS}, r"samples must be of shape \(..., n, 2\), as there are bins along 2 axes; got shape \(3,\)"),
        ({"samples": np.ones((3, 3)), "range": PAIRS}, r"samples must be of shape \(..., n, 2\).*got shape \(3, 3\)"),
        ({"samples": [0.1, np.nan, 0.3]}, r"samples must be finite; got nan"),
        ({"stddev": 0.0}, r"stddev must be positive; got 0.0"),
        ({"stddev": np.inf}, r"stddev must be finite; got inf"),
        ({"stddev": [0.1, 0.2]}, r"stddev must be a number, or of a shape that broadcasts.*got shape \(2,\)"),
        (
            {"samples": np.ones((3, 2)), "range": PAIRS, "stddev": [0.1, 0.2, 0.3]},
            r"stddev must be .*\(3, 2\); got shape \(3,\). One per sample is \(..., n, 1\)",
        ),
        ({"weights": [1.0, 2.0]}, r"weights must be of shape \(..., n\), n = 3; got shape \(2,\)"),
        ({"weights": [1.0, np.nan, 2.0]}, r"weights must be finite; got nan"),
        (
            {"samples": np.ones((2, 3)), "weights": np.ones((4, 3)).tolist()},
            r"weights must be of batch axes that broadcast",
        ),
        ({"edge": "reflect"}, r"edge must be one of 'drop', 'keep'; got 'reflect'"),
        ({"density": 1}, r"density must be one of False, True; got 1"),
        (
            {"samples": [], "density": True},
            r"samples must be of some mass inside the bins, for density=True; got none",
        ),
        ({"backend": "cuda"}, r"backend must be one of None, 'reference', 'cpu'; got 'cuda'"),
    ],
)
@pytest.mark.parametrize("framework", [np.asarray, torch.as_tensor])
def test_values_out_of_range_are_refused_in_one_sentence(arguments, message, framework):
    call = {"samples": [0.1, 0.2, 0.3], "bins": 4, "range": (0, 1), "stddev": 0.1} | arguments
    samples = framework(np.asarray(call.pop("samples"), float))
    with pytest.raises(ValueError, match=message):
        histogram(samples, call.pop("bins"), call.pop("range"), **call)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 2.5}, r"bins must be an integer of at least 1, or a list of rising edges; got 2.5"),
        ({"bins": ["a", "b"], "range": None}, r"bins must be rising edges.*got \['a', 'b'\]"),
        ({"range": "ab"}, r"range must be \(low, high\)"),
        ({"samples": torch.ones(3, dtype=torch.int64)}, r"samples must be of a floating-point dtype.*int64"),
        ({"stddev": None}, r"stddev must be an array; got None"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(arguments, message):
    call = {"samples": [0.1, 0.2], "bins": 4, "range": (0, 1), "stddev": 0.1} | arguments
    with pytest.raises(TypeError, match=message):
        histogram(call.pop("samples"), call.pop("bins"), call.pop("range"), **call)


@pytest.mark.parametrize(
    ("a", "b", "limits", "message"),
    [
        ([0.1, 0.2], [0.1], (0, 1), r"b must be of the shape of a, \(2,\).*got shape \(1,\)"),
        ([], [], (0, 1), r"b must be .*n at least 1; got shape \(0,\)"),
        ([0.1], [0.1], [(0, 1)] * 3, r"range must be one pair, or one for a and one for b; got 3"),
        ([0.1], [np.nan], (0, 1), r"samples must be finite; got nan"),
    ],
)
def test_images_that_do_not_pair_are_refused(a, b, limits, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(a, b, 4, limits, stddev=0.1)
