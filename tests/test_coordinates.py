"""Normalised coordinates reach from edge to edge of the frame, and lead back."""

import numpy as np
import pytest
import torch
from covariance_cases import correlated_matrices, pack, unpack
from tolerances import compare_values

import gaussgrad
from gaussgrad import covariance
from gaussgrad.coordinates import to_normalized, to_pixels

SIZES = {1: (10,), 2: (4, 10), 3: (3, 4, 10)}
every_dimension = pytest.mark.parametrize("d", [1, 2, 3])


@every_dimension
def test_minus_one_and_one_are_the_outer_edges_of_the_frame(d):
    lengths = np.array(SIZES[d][::-1], dtype=float)
    corners = np.array([-np.ones(d), np.zeros(d), np.ones(d)])
    expected = np.array([np.full(d, -0.5), (lengths - 1) / 2, lengths - 0.5])
    np.testing.assert_array_equal(to_pixels(corners, size=SIZES[d]), expected)
    compare_values(to_normalized(expected, size=SIZES[d]), corners)


@every_dimension
def test_covariances_scale_as_the_means_do(d, rng):
    means, matrices = rng.uniform(-1, 1, size=(4, d)), correlated_matrices(d, 0.9) / 50
    scale = np.diag(np.array(SIZES[d][::-1]) / 2)
    moved, covariances = to_pixels(means, pack(matrices), size=SIZES[d])
    np.testing.assert_array_equal(moved, to_pixels(means, size=SIZES[d]))
    compare_values(unpack(covariances), scale @ matrices @ scale)
    for back, start in zip(to_normalized(moved, covariances, size=SIZES[d]), (means, pack(matrices)), strict=True):
        compare_values(back, start)


def test_normalised_means_agree_with_grid_sample():
    means = torch.tensor([[0.3, -0.4], [-0.9, 0.8]], dtype=torch.float64)
    x, y = torch.meshgrid(torch.arange(10.0), torch.arange(4.0), indexing="xy")
    picture = torch.stack([x, y]).double()[None]
    sampled = torch.nn.functional.grid_sample(picture, means[None, None], padding_mode="border", align_corners=False)
    pixels = to_pixels(means, size=(4, 10)).clamp(min=0)  # beyond the outer centres grid_sample repeats the border
    torch.testing.assert_close(sampled[0, :, 0].T, torch.minimum(pixels, torch.tensor([9.0, 3.0])))


@every_dimension
@pytest.mark.parametrize("function", [to_pixels, to_normalized])
def test_both_have_derivatives_to_means_and_covariances(function, d):
    means = torch.rand(4, d, dtype=torch.float64, requires_grad=True)
    covariances = torch.from_numpy(pack(correlated_matrices(d, 0.9))).requires_grad_()

    def convert(*arrays):
        return function(*arrays, size=SIZES[d])

    assert torch.autograd.gradcheck(convert, (means, covariances))
    assert torch.autograd.gradgradcheck(convert, (means, covariances))
    assert torch.autograd.gradcheck(convert, (means,))


@every_dimension
def test_rows_of_factors_scale_with_their_axis(d, rng):
    means, matrices = rng.uniform(-1, 1, size=(4, d)), correlated_matrices(d, 0.9) / 50
    factors = covariance.to_cholesky(pack(matrices))
    moved, scaled = to_pixels(means, cholesky=factors, size=SIZES[d])
    expected, covariances = to_pixels(means, pack(matrices), size=SIZES[d])
    np.testing.assert_array_equal(moved, expected)
    compare_values(covariance.from_cholesky(scaled), covariances)
    for back, start in zip(to_normalized(moved, cholesky=scaled, size=SIZES[d]), (means, factors), strict=True):
        compare_values(back, start)


@every_dimension
@pytest.mark.parametrize("function", [to_pixels, to_normalized])
def test_both_have_derivatives_to_factors(function, d):
    means = torch.rand(4, d, dtype=torch.float64, requires_grad=True)
    factors = covariance.to_cholesky(torch.from_numpy(pack(correlated_matrices(d, 0.9)))).requires_grad_()

    def convert(means, cholesky):
        return function(means, cholesky=cholesky, size=SIZES[d])

    assert torch.autograd.gradcheck(convert, (means, factors))
    assert torch.autograd.gradgradcheck(convert, (means, factors))


def test_conversions_compile_and_vmap():
    means = torch.rand(3, 4, 2, dtype=torch.float64)
    expected = to_pixels(means, size=(4, 10))
    compiled = torch.compile(lambda value: to_pixels(value, size=(4, 10)), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(means), expected)
    torch.testing.assert_close(torch.func.vmap(lambda value: to_pixels(value, size=(4, 10)))(means), expected)


def test_half_precision_comes_back_as_half():
    means, covariances = to_pixels(torch.zeros(2, 1).half(), torch.ones(2, 1).half(), size=(10,))
    assert (means.dtype, covariances.dtype) == (torch.float16, torch.float16)
    assert (means.tolist(), covariances.tolist()) == ([[4.5], [4.5]], [[25.0], [25.0]])


def test_a_gaussian_given_in_normalised_units_lands_on_its_pixel():
    means, covariances = to_pixels([[0.5, -0.25]], [0.01, 0.0, 0.01], size=(8, 10))
    image = gaussgrad.render(means, covariances, size=(8, 10))
    assert np.unravel_index(image.argmax(), image.shape) in {(2, 7), (3, 7)}  # x = 7, y = 2.5


@pytest.mark.parametrize("function", [to_pixels, to_normalized])
@pytest.mark.parametrize(
    ("means", "covariances", "size", "message"),
    [
        (
            np.ones((4, 3)),
            None,
            (8, 8),
            r"means must be of shape \(\.\.\., 2\), the last axis \(x, y\).*got shape \(4, 3\)",
        ),
        (np.ones((4, 2)), np.ones((4, 6)), (8, 8), r"covariances must be packed.*2-D; got shape \(4, 6\)"),
        (np.ones((4, 2)), [1.0, 2.0, 1.0], (8, 8), r"covariances must be positive definite; got \[1.0, 2.0, 1.0\]"),
        ([[np.nan]], None, (8,), r"means must be finite; got nan at means\[0, 0\]"),
        (np.ones((4, 2)), None, (0, 8), r"size must be"),
    ],
)
def test_what_does_not_fit_the_frame_is_refused(function, means, covariances, size, message):
    with pytest.raises(ValueError, match=message):
        function(means, covariances, size=size)


@pytest.mark.parametrize("function", [to_pixels, to_normalized])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"cholesky": np.ones((4, 6))},
            ValueError,
            r"cholesky must be packed lower triangles by rows.* \[xx, yx, yy\], in 2-D; got shape \(4, 6\)",
        ),
        (
            {"cholesky": [1.0, 2.0, 0.0]},
            ValueError,
            r"cholesky must be of positive diagonal entries; got 0.0 at cholesky\[2\]",
        ),
        ({"covariances": np.ones(3), "cholesky": np.ones(3)}, TypeError, r"cholesky in their place; got both"),
    ],
)
def test_factors_that_do_not_fit_the_frame_are_refused(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(np.ones((4, 2)), **arguments, size=(8, 8))
