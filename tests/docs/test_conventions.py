"""The conventions of docs/conventions.md, against code as people write it without this library."""

import numpy as np
from tolerances import compare_values

import gaussgrad


def gaussians_indexed_by_x_first(means, stddevs, width, height):
    """The true Gaussians over all pixels as widely read answers write them: image[x, y], one density per point."""
    x, y = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    image = np.zeros((width, height))
    for (mean_x, mean_y), (stddev_x, stddev_y) in zip(means, stddevs, strict=True):
        exponent = ((x - mean_x) / stddev_x) ** 2 + ((y - mean_y) / stddev_y) ** 2
        image += np.exp(-exponent / 2) / (2 * np.pi * stddev_x * stddev_y)
    return image


def test_the_image_is_the_transpose_of_code_that_indexes_x_first(rng):
    means = rng.uniform([0, 0], [13, 9], size=(10, 2))
    stddevs = rng.uniform(0.7, 3, size=(10, 2))
    image = gaussgrad.render(means, gaussgrad.covariance.diagonal(stddevs**2), size=(9, 13), tolerance=0)
    compare_values(image, gaussians_indexed_by_x_first(means, stddevs, 13, 9).T)


def test_x_runs_right_and_y_runs_down():
    image = gaussgrad.render([[5.0, 2.0]], [0.1, 0.0, 0.1], size=(4, 8))
    assert np.unravel_index(image.argmax(), image.shape) == (2, 5)


def test_a_positive_covariance_leans_from_top_left_to_bottom_right():
    image = gaussgrad.render([[2.0, 2.0]], [1.0, 0.8, 1.0], size=(5, 5))
    assert image[0, 0] == image[4, 4] > image[0, 4]


def test_z_is_the_first_axis_of_the_image():
    image = gaussgrad.render([[5.0, 2.0, 1.0]], gaussgrad.covariance.isotropic(0.2, 3), size=(3, 4, 8))
    assert np.unravel_index(image.argmax(), image.shape) == (1, 2, 5)


def test_the_second_entry_of_a_3d_covariance_is_xy_and_the_third_is_xz():
    image = gaussgrad.render([[1.0, 1.0, 1.0]], [1.0, 0.0, 0.8, 1.0, 0.0, 1.0], size=(3, 3, 3))
    assert image[0, 1, 0] == image[2, 1, 2] > image[0, 1, 2]
    assert image[1, 0, 0] == image[1, 2, 0]
