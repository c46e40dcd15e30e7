"""pixel="area": the mean over a pixel, against error functions and against a finer quadrature of another kind."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import special

import gaussgrad
from gaussgrad import covariance

BARS = {"float64": 1e-6, "float32": 5e-6}  # of the largest pixel


def along_axis(length: int, mean: float, stddev: float) -> np.ndarray:
    """The mean of exp(-(x - mean)^2 / 2 stddev^2) over each pixel, by error functions."""
    edges = (np.arange(length + 1) - 0.5 - mean) / (math.sqrt(2) * stddev)
    return math.sqrt(math.pi / 2) * stddev * np.diff(special.erf(edges))


def by_many_points(size: tuple[int, int], mean: tuple[float, float], packed: np.ndarray, cells: int = 24) -> np.ndarray:
    """The mean over each pixel by 24 x 24 cells of 3 x 3 Gauss-Legendre points."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    places = ((np.arange(cells)[:, None] + 0.5 + nodes / 2) / cells - 0.5).reshape(-1)
    shares = np.tile(weights / 2 / cells, cells)
    inverse = np.linalg.inv([[packed[0], packed[1]], [packed[1], packed[2]]])
    image = np.zeros(size)
    for y, x in itertools.product(range(size[0]), range(size[1])):
        dx, dy = np.meshgrid(x + places - mean[0], y + places - mean[1])
        q = inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2
        image[y, x] = shares @ np.exp(-q / 2) @ shares
    return image


def draw(
    means: list, packed: np.ndarray, size: tuple[int, ...], dtype: str = "float64", **options: object
) -> np.ndarray:
    options = {"amplitude": "peak", "tolerance": 0, "pixel": "area"} | options
    return gaussgrad.render(np.array(means, dtype), np.array(packed, dtype), size=size, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stddev", [0.2, 0.25, 0.3, 0.45, 0.7, 1.0, 1.7, 4.0])
def test_axis_aligned_area_is_the_product_of_error_functions(stddev: float, dtype: str):
    x, y, z = along_axis(13, 5.3, stddev), along_axis(11, 4.1, 1.5 * stddev), along_axis(7, 3.4, 1.2 * stddev)
    for image, exact in (
        (draw([[5.3]], [stddev**2], (13,), dtype), x),
        (draw([[5.3, 4.1]], [stddev**2, 0, (1.5 * stddev) ** 2], (11, 13), dtype), np.multiply.outer(y, x)),
        (
            draw([[5.3, 4.1, 3.4]], np.array([1, 0, 0, 2.25, 0, 1.44]) * stddev**2, (7, 11, 13), dtype),
            np.multiply.outer(z, np.multiply.outer(y, x)),
        ),
    ):
        assert np.abs(image - exact).max() <= BARS[dtype] * exact.max()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, 1.2, 2.5])
@pytest.mark.parametrize("stddevs", [(0.2, 0.2), (0.5, 0.2), (3.0, 0.2), (1.0, 0.3), (2.5, 1.0)])
def test_rotated_area_is_that_of_many_points(stddevs: tuple[float, float], angle: float, dtype: str):
    packed = covariance.from_scale_rotation(list(stddevs), angle)
    exact = by_many_points((9, 10), (4.3, 4.55), packed)
    assert np.abs(draw([[4.3, 4.55]], packed, (9, 10), dtype) - exact).max() <= BARS[dtype] * exact.max()


def test_rotated_area_in_3d_is_that_of_many_points():
    """Of 18 x 18 x 18 of them, each drawn as a Gaussian of its own at a place and with a share."""
    packed = covariance.from_scale_rotation([1.2, 0.5, 0.3], [0.9, 0.1, 0.3, -0.2])
    nodes, weights = np.polynomial.legendre.leggauss(3)
    places = ((np.arange(6)[:, None] + 0.5 + nodes / 2) / 6 - 0.5).reshape(-1)
    shares = np.tile(weights / 12, 6)
    means = np.array([2.3, 2.1, 1.8]) - np.array(list(itertools.product(places, repeat=3)))
    weights = np.prod(list(itertools.product(shares, repeat=3)), axis=1)
    exact = gaussgrad.render(means, packed, weights, size=(5, 5, 5), amplitude="peak", tolerance=0)
    assert np.abs(draw([[2.3, 2.1, 1.8]], packed, (5, 5, 5)) - exact).max() <= 1e-6 * exact.max()


def test_narrow_gaussians_stay_right_as_long_as_documented():
    for stddev in (0.1, 0.06):
        exact = along_axis(9, 4.3, stddev)
        assert np.abs(draw([[4.3]], [stddev**2], (9,)) - exact).max() <= 1e-6 * exact.max()


def test_area_keeps_the_sum_wherever_the_gaussian_stands():
    """What point sampling does not, and why microscopy integrates."""
    for x in (8.0, 8.25, 8.5):
        options = {"size": (17, 17), "tolerance": 0}
        assert gaussgrad.render([[x, 8.1]], [0.09, 0.0, 0.09], pixel="area", **options).sum() == pytest.approx(
            1, abs=1e-7
        )
        assert abs(gaussgrad.render([[x, 8.1]], [0.09, 0.0, 0.09], **options).sum() - 1) > 0.1


def test_truncation_is_of_the_mean():
    whole = draw([[4.3, 4.5]], [0.5, 0.2, 0.6], (9, 10))
    np.testing.assert_allclose(
        draw([[4.3, 4.5]], [0.5, 0.2, 0.6], (9, 10), tolerance=0.05), np.maximum(whole - 0.05, 0), atol=1e-12
    )


@pytest.mark.parametrize("tolerance", [1e-4, 0.0111, 0.05])
def test_no_pixel_above_the_tolerance_is_missed_beside_a_slanted_gaussian(tolerance: float):
    for angle in (0.2, 0.6, 1.0, 2.3):
        packed = covariance.from_scale_rotation(np.array([4.0, 0.25]), np.array(angle))
        means = [[10.3, 9.6]]
        untruncated = draw(means, packed, (20, 22))
        image = draw(means, packed, (20, 22), tolerance=tolerance)
        np.testing.assert_allclose(image, np.maximum(untruncated - tolerance, 0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("tolerance", [0, 1e-4, 0.05])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
def test_gradients_of_rotated_narrow_gaussians_match_central_differences(compose: str, tolerance: float):
    packed = covariance.from_scale_rotation([[1.1, 0.24], [0.31, 0.3]], [0.6, 0.1])
    start = [np.array([[4.3, 4.4], [5.2, 4.1]]), packed, np.array([[0.8, 0.4], [0.5, 0.9]])]
    upstream = np.random.default_rng(0).normal(size=(2, 9, 10))

    def loss(*arrays):
        image = gaussgrad.render(
            *arrays, size=(9, 10), compose=compose, amplitude="peak", pixel="area", tolerance=tolerance
        )
        return (image * (torch.tensor(upstream) if isinstance(image, torch.Tensor) else upstream)).sum()

    leaves = [torch.tensor(array, requires_grad=True) for array in start]
    for position, grad in enumerate(torch.autograd.grad(loss(*leaves), leaves)):
        numeric = np.zeros(start[position].shape)
        for index in np.ndindex(numeric.shape):
            step = 1e-6
            moved = [array.copy() for array in start]
            moved[position][index] += step
            above = loss(*moved)
            moved[position][index] -= 2 * step
            numeric[index] = (above - loss(*moved)) / (2 * step)
        np.testing.assert_allclose(grad.numpy(), numeric, rtol=0, atol=1e-6 * np.abs(numeric).max())
