"""The torch layers: what is refused, and that the message helps."""

import numpy as np
import pytest
import torch

from gaussgrad.layers.torch import RenderGaussians, RenderImpulses

RAW = {"row": "x y variance", "parametrization": "cholesky"}


@pytest.mark.parametrize(
    ("row", "size"),
    [
        ("y x", (7, 9)),
        ("x", (7, 9)),
        ("x y", (11,)),
        ("x y xx yy", (7, 9)),
        ("x y weight variance", (7, 9)),
        ("x y weight weight", (7, 9)),
        ("x y weight*0", (7, 9)),
        ("x y weight*", (7, 9)),
        ("x y colour", (7, 9)),
        ("x y z xx xy yy", (4, 5, 6)),
        ("", (7, 9)),
    ],
)
def test_an_unknown_row_is_refused_with_the_known_ones(row, size):
    with pytest.raises(ValueError, match=r"row must be one of 'x.* variance', .*got ") as error:
        RenderGaussians(size, row, stddev=1.0)
    assert repr(row) in str(error.value)
    assert " weight*c" in str(error.value)


def test_impulses_have_no_width():
    with pytest.raises(ValueError, match=r"row must be one of 'x y' for a size of 2 axes.*got 'x y variance'"):
        RenderImpulses((7, 9), [[1.0]], "x y variance")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "variance or stddev must be given, one of the two, since row='x y' holds no width; got neither"),
        ({"variance": 1.0, "stddev": 1.0}, "variance or stddev must be given.*got variance and stddev"),
        ({"row": "x y variance", "stddev": 1.0}, "stddev must be None: row='x y variance' holds the widths"),
        ({"stddev": 0.0}, "stddev must be a positive number of pixels; got 0.0"),
        ({"stddev": float("nan")}, "stddev must be a positive number of pixels; got nan"),
        ({"variance": -1.0}, "variance must be a positive number of pixels squared; got -1.0"),
        ({"stddev": 1.0, "amplitude": "area"}, "amplitude must be one of 'density', 'peak'; got 'area'"),
        ({"stddev": 1.0, "compose": "mean"}, "compose must be one of"),
        ({"stddev": 1.0, "tolerance": 1.0}, r"tolerance must be a number in \[0, 1\); got 1.0"),
        ({"stddev": 1.0, "coordinates": "uv"}, "coordinates must be one of 'pixel', 'normalized'; got 'uv'"),
        ({"stddev": 1.0, "parametrization": "precision"}, "parametrization must be one of 'covariance', 'cholesky'"),
        ({"stddev": 1.0, "batched": 2}, "batched must be one of None, True, False; got 2"),
        (
            {"stddev": 1.0, "row": "x y weight*3", "channel": False},
            r"channel must be True for the 3 channels of row='x y weight\*3'; got False",
        ),
        ({"stddev": 1.0, "size": (0, 3)}, "size must be"),
        ({"stddev": 1.0, "backend": "gpu"}, "backend must be one of None, 'reference', 'cpu', 'triton'; got 'gpu'"),
        ({**RAW, "narrowest": -1.0}, "narrowest must be 0, or a number of pixels from 1e-6 to 1e9; got -1.0"),
        ({**RAW, "narrowest": 1e-9}, "narrowest must be 0, or a number of pixels from 1e-6 to 1e9; got 1e-09"),
        ({**RAW, "widest": 0.25}, "widest must be 'frame', a number of pixels above narrowest=0.25 .*; got 0.25"),
        ({**RAW, "narrowest": 20}, "widest must be .* above narrowest=20 and below 1e9, or None; got 18.0"),
        ({"row": "x y variance", "narrowest": 0.5}, "narrowest must be left out, or 0, for covariances; got 0.5. Bou"),
        ({"stddev": 1.0, "widest": 9}, "widest must be left out, or None, for covariances; got 9. Bounds are of raw"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RenderGaussians(**{"size": (7, 9)} | options)


@pytest.mark.parametrize(
    ("batched", "shape", "message"),
    [
        (None, (4, 21), r"rows must be of shape \(b, n, 2\), or flat \(b, n \* 2\), for row='x y'.*21 is no multiple"),
        (None, (4, 10, 3), r"rows must be of shape \(b, n, 2\).*got shape \(4, 10, 3\)"),
        (None, (2, 4, 10, 2), r"rows must be of shape \(b, n, 2\).*got shape \(2, 4, 10, 2\)"),
        (None, (20,), r"got shape \(20,\)\. batched=False takes an input without a batch axis"),
        (False, (4, 10, 2), r"rows must be of shape \(n, 2\), or flat \(n \* 2,\).*got shape \(4, 10, 2\)"),
        (False, (10, 3), r"rows must be of shape \(n, 2\).*got shape \(10, 3\)"),
        (False, (21,), r"21 is no multiple of 2"),
    ],
)
def test_an_input_that_does_not_fit_the_row_is_refused(batched, shape, message):
    layer = RenderGaussians((7, 9), "x y", stddev=1.0, batched=batched)
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(shape))


@pytest.mark.parametrize("coordinates", ["pixel", "normalized"])
def test_a_covariance_that_is_not_positive_definite_is_refused_with_the_next_option(coordinates):
    layer = RenderGaussians((7, 9), "x y xx xy yy", coordinates=coordinates)
    rows = torch.tensor([[[0.0, 0, 1, 0, 1], [0, 0, 1, 2, 1]]])
    message = (
        r"covariances must be positive definite; got \[1.0, 2.0, 1.0\] at covariances\[0, 1\]\..*"
        'parametrization="cholesky" takes any real numbers'
    )
    with pytest.raises(ValueError, match=message):
        layer(rows)


def test_a_variance_that_is_not_positive_is_refused_with_the_next_option():
    layer = RenderGaussians((7, 9), "x y variance")
    message = r'variance must be positive; got -1.0 at variance\[0, 1\]\. .*parametrization="cholesky"'
    with pytest.raises(ValueError, match=message):
        layer(torch.tensor([[[0.0, 0, 1], [0, 0, -1]]]))


@pytest.mark.parametrize("size", [9, (7, 9), (4, 5, 6)], ids=["1-D", "2-D", "3-D"])
@pytest.mark.parametrize(
    ("logarithm", "unbounded"), [(-50.0, {"narrowest": 0}), (50.0, {"narrowest": 0, "widest": None})]
)
def test_a_factor_beyond_float32_is_refused_as_the_logarithms_it_came_as(size, logarithm, unbounded):
    row = {9: "x xx", (7, 9): "x y xx xy yy", (4, 5, 6): "x y z xx xy xz yy yz zz"}[size]
    rows = torch.zeros(1, 1, len(row.split()))
    rows[..., -1] = logarithm
    with pytest.raises(
        ValueError, match=rf"cholesky must be logarithms between -44 and 44.*got {logarithm} at cholesky.*With both"
    ):
        RenderGaussians(size, row, parametrization="cholesky", **unbounded)(rows)


def test_what_is_not_finite_is_refused():
    raw = RenderGaussians((7, 9), "x y variance", parametrization="cholesky")
    for place in range(3):
        rows = torch.zeros(1, 2, 3)
        rows[0, 1, place] = float("-inf")
        with pytest.raises(ValueError, match=rf"rows must be finite; got -inf at rows\[0, 1, {place}\]"):
            raw(rows)
    with pytest.raises(ValueError, match="must be finite; got nan"):
        RenderGaussians((7, 9), "x y", stddev=1.0)(torch.full((1, 1, 2), float("nan")))
    with pytest.raises(ValueError, match="must be finite; got inf"):
        RenderImpulses(9, [1.0])(torch.full((1, 1, 1), float("inf")))


def test_what_is_no_floating_point_tensor_is_refused():
    layer = RenderGaussians((7, 9), "x y", stddev=1.0)
    with pytest.raises(TypeError, match="rows must be a torch tensor; got a ndarray"):
        layer(np.zeros((1, 1, 2)))
    with pytest.raises(TypeError, match="of a floating-point dtype"):
        layer(torch.zeros(1, 1, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"row must be one of .*got 5"):
        RenderGaussians((7, 9), 5, stddev=1.0)


@pytest.mark.parametrize("kernel", [[], [[1.0]], [np.nan]])
def test_a_kernel_is_checked_when_the_layer_is_made(kernel):
    with pytest.raises(ValueError, match="kernel must be"):
        RenderImpulses(9, kernel)
