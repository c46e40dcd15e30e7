"""Rows of numbers become means, covariances and weights, by their length alone."""

import numpy as np
import pytest
import torch

from gaussgrad.rows import from_rows

ROWS = {
    1: [[3.0, 4.0], [5.0, 1.0]],
    2: [[3.0, 1.0, 4.0, 1.0, 9.0], [5.0, 2.0, 1.0, 0.0, 1.0]],
    3: [[3.0, 1.0, 2.0, 4.0, 1.0, 0.0, 9.0, 0.5, 2.0], [5.0, 2.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]],
}
every_dimension = pytest.mark.parametrize("d", [1, 2, 3])


@every_dimension
def test_rows_are_cut_into_means_and_covariances(d):
    rows = np.array(ROWS[d])
    means, covariances, weights = from_rows(rows, dimensions=d)
    np.testing.assert_array_equal(means, rows[:, :d], strict=True)
    np.testing.assert_array_equal(covariances, rows[:, d:], strict=True)
    assert weights is None


@every_dimension
def test_one_number_more_is_the_weight(d):
    rows = np.column_stack([np.array(ROWS[d]), [0.5, -2.0]])
    means, covariances, weights = from_rows(rows[None], dimensions=d)
    np.testing.assert_array_equal(means, rows[None, :, :d])
    np.testing.assert_array_equal(covariances, rows[None, :, d:-1])
    np.testing.assert_array_equal(weights, [[0.5, -2.0]])


def test_lists_are_read_and_two_dimensions_are_the_default():
    assert from_rows(ROWS[2])[0].tolist() == [[3.0, 1.0], [5.0, 2.0]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_the_gradient_reaches_every_entry_of_a_tensor_of_rows(dtype):
    rows = torch.tensor([[*row, 1.0] for row in ROWS[2]], dtype=dtype, requires_grad=True)
    parts = from_rows(rows)
    assert {part.dtype for part in parts} == {dtype}
    torch.cat([part.reshape(2, -1) for part in parts], dim=1).sum().backward()
    torch.testing.assert_close(rows.grad, torch.ones_like(rows))


def test_rows_compile_and_vmap():
    rows = torch.tensor([ROWS[2]])
    compiled = torch.compile(lambda value: from_rows(value)[1], fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(rows), rows[..., 2:])
    torch.testing.assert_close(torch.func.vmap(lambda value: from_rows(value)[0])(rows), rows[..., :2])


def test_no_rows_are_no_gaussians():
    means, covariances, weights = from_rows(np.zeros((0, 6)))
    assert (means.shape, covariances.shape, weights.shape) == ((0, 2), (0, 3), (0,))


@pytest.mark.parametrize(
    ("rows", "dimensions", "message"),
    [
        (np.ones((4, 7)), 2, r"5 \[x, y, xx, xy, yy\] or 6 \[x, y, xx, xy, yy, weight\].*got shape \(4, 7\)"),
        (np.ones((4, 2)), 2, r"got shape \(4, 2\)\. Rows of 2 are 1-D: use dimensions=1"),
        (np.ones((4, 5)), 1, r"2 \[x, xx\] or 3 \[x, xx, weight\].*Rows of 5 are 2-D"),
        (np.ones((4, 4)), 3, r"9 \[x, y, z, xx, xy, xz, yy, yz, zz\] or 10 \["),
        (1.0, 2, r"got shape \(\)"),
        (np.ones((4, 5)), 4, r"dimensions must be one of 1, 2, 3; got 4"),
        ([ROWS[2][0], [0.0, 0.0, 1.0, 2.0, 1.0]], 2, r"positive definite; got \[1.0, 2.0, 1.0\] at covariances\[1\]"),
        ([[0.0, float("nan"), 1.0, 0.0, 1.0]], 2, r"rows must be finite; got nan at rows\[0, 1\]"),
    ],
)
def test_the_refusal_says_which_rows_are_accepted(rows, dimensions, message):
    with pytest.raises(ValueError, match=message):
        from_rows(rows, dimensions=dimensions)
