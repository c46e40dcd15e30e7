"""Impulses: what is refused names the argument, what was wanted, what came and what to do."""

import numpy as np
import pytest
import torch

from gaussgrad import render_impulses

POINTS = [[1.0, 2.0], [3.0, 1.0]]
KERNEL = [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": [1.0, 2.0]}, r"kernel must be of shape \(k_y, k_x\).*got shape \(2,\).*numpy.outer"),
        ({"kernel": [[[1.0]]]}, r"kernel must be of shape \(k_y, k_x\).*got shape \(1, 1, 1\)"),
        ({"kernel": 1.0}, r"kernel must be of shape \(k_y, k_x\).*got shape \(\)"),
        ({"kernel": np.zeros((0, 3))}, r"kernel must be .*no axis empty.*got shape \(0, 3\)"),
        ({"kernel": [[1.0, np.nan]]}, r"kernel must be finite; got nan at kernel\[0, 1\]"),
        ({"means": [1.0, 2.0]}, r"means must be of shape \(..., n, 2\).*got shape \(2,\)"),
        ({"means": [[1.0, 2.0, 3.0]]}, r"means must be of shape \(..., n, 2\).*got shape \(1, 3\)"),
        ({"means": [[np.inf, 0.0], [0.0, 0.0]]}, r"means must be finite; got inf"),
        ({"weights": 1.0}, r"weights must be of rank 1 .*got shape \(\)"),
        ({"weights": [1.0]}, r"weights must be of n = 2.*got n = 1"),
        ({"weights": np.ones((1, 2, 2, 1))}, r"weights must be of rank"),
        ({"weights": [1.0, np.nan]}, r"weights must be finite; got nan"),
        ({"size": 0}, r"size must be"),
        ({"size": (4, 0)}, r"size must be"),
        ({"size": (1, 2, 3, 4)}, r"size must be"),
        ({"backend": "cuda"}, r"backend must be one of None, 'reference', 'cpu'; got 'cuda'"),
        ({"threads": 0}, r"threads must be a positive integer or None; got 0"),
    ],
)
@pytest.mark.parametrize("framework", [np.asarray, torch.as_tensor])
def test_values_out_of_range_are_refused(arguments, message, framework):
    call = {"means": POINTS, "kernel": KERNEL, "weights": None, "size": (4, 5)} | arguments
    call |= {name: framework(call[name]) for name in ("means", "kernel", "weights") if call[name] is not None}
    call |= {name: call[name].double() for name in ("means", "kernel", "weights") if torch.is_tensor(call[name])}
    with pytest.raises(ValueError, match=message):
        render_impulses(call.pop("means"), call.pop("kernel"), call.pop("weights"), **call)


@pytest.mark.parametrize(
    ("means", "kernel", "size", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), [1.0], 4, r"means must be of a floating-point dtype.*int64"),
        (torch.zeros(3), torch.ones(1, dtype=torch.float64), 4, r"kernel must be of the same dtype as means"),
        (torch.zeros(3), np.ones(1), 4, r"kernel must be a torch tensor like means"),
        ([1.0], [1.0], 4.0, r"size must be"),
        ([1.0], "box", 4, r"kernel must be"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(means, kernel, size, message):
    with pytest.raises(TypeError, match=message):
        render_impulses(means, kernel, size=size)


def test_a_single_number_is_not_a_list_of_points():
    with pytest.raises(ValueError, match=r"means must be of shape \(\.\.\., n\), for an integer size; got shape \(\)"):
        render_impulses(3.0, [1.0], size=4)


def test_a_shape_is_refused_under_tracing_too():
    told = "kernel must be of shape|exception ExceptionVariable.<class 'ValueError'>"  # older PyTorch drops the words
    with pytest.raises(torch._dynamo.exc.TorchDynamoException, match=told):
        torch.compile(lambda m: render_impulses(m, torch.ones(2, 2), size=4), fullgraph=True, backend="eager")(
            torch.ones(3)
        )
