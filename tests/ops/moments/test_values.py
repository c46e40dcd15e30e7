"""Moments: values, against NumPy's weighted averages and against the Gaussians that were drawn."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from tolerances import compare_values

import gaussgrad
from gaussgrad import covariance, moments

BACKENDS = ("reference", "cpu")
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def by_numpy(light):
    """Mass, mean and packed covariance of one map (h, w), by NumPy's statistics."""
    y, x = np.indices(light.shape).reshape(2, -1)
    weights = light.reshape(-1)
    spread = np.cov(np.stack([x, y]), aweights=weights, ddof=0)
    return weights.sum(), [np.average(x, weights=weights), np.average(y, weights=weights)], spread[[0, 0, 1], [0, 1, 1]]


@every_backend
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (53, 1), (37, 33)])
def test_moments_are_the_weighted_averages_of_numpy(rng, size, backend):
    images = rng.uniform(size=(2, 3, *size))
    mass, means, covariances = moments(images, backend=backend)
    assert (mass.shape, means.shape, covariances.shape) == ((2, 3), (2, 3, 2), (2, 3, 3))
    for b, c in np.ndindex(2, 3):
        for found, wanted in zip((mass, means, covariances), by_numpy(images[b, c]), strict=True):
            assert_allclose(found[b, c], wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("smallest", "off"), [(0.7, 2e-3), (1.0, 5e-7), (1.3, 1e-11)])
def test_moments_of_a_drawn_gaussian_are_the_gaussian(rng, smallest, off):
    """What is left is the sampling at pixel centres, which falls as e^(-2 pi^2 variance); equation 66."""
    stddevs = smallest * rng.uniform(1.0, 1.2, size=(40, 2))
    stddevs[:, 0] = smallest
    widths = covariance.from_scale_rotation(stddevs, rng.uniform(0, math.pi, size=40))
    means, weights = rng.uniform(15, 16, size=(40, 2)), rng.uniform(0.5, 2, size=40)
    images = gaussgrad.render(means[:, None], widths[:, None], weights[:, None], size=(31, 32), tolerance=0)
    for found, wanted in zip(moments(images), (weights, means, widths), strict=True):
        assert_allclose(found, wanted, rtol=0, atol=off)


def test_softmax_weighs_pixels_by_exponentials_of_logits_over_the_temperature(rng):
    logits = rng.normal(size=(4, 9, 21))
    mass, means, covariances = moments(logits, softmax=0.3)
    _, wanted_means, wanted_covariances = moments(np.exp(logits / 0.3))
    assert_array_equal(mass, 1)
    compare_values(means, wanted_means)
    compare_values(covariances, wanted_covariances)


@pytest.mark.parametrize("constant", [-5000.0, 5000.0])
def test_softmax_sees_no_constant_that_all_logits_share(rng, constant):
    logits = rng.normal(size=(2, 7, 9))
    for found, wanted in zip(moments(logits + constant, softmax=1.0), moments(logits, softmax=1.0), strict=True):
        compare_values(found, wanted)


def test_a_logit_of_minus_infinity_leaves_its_pixel_out(rng):
    logits = rng.normal(size=(6, 9))
    padded = np.pad(logits, ((0, 3), (0, 11)), constant_values=-np.inf)
    for found, wanted in zip(moments(padded, softmax=1.0), moments(logits, softmax=1.0), strict=True):
        compare_values(found, wanted)


@every_backend
def test_the_coldest_softmax_finds_the_brightest_pixel(backend):
    logits = np.full((5, 20), -3e38, np.float32)
    logits[3, 17] = 3e38
    for temperature in (1e-30, 1.0):
        with np.errstate(over="ignore"):  # a weight of 0
            mass, mean, spread = moments(logits, softmax=temperature, backend=backend)
        assert_array_equal([mass, *mean, *spread], [1, 17, 3, 0, 0, 0])


def test_float16_logits_of_any_size_have_finite_moments_and_gradients(rng):
    logits = torch.tensor(rng.uniform(-65504, 65504, size=(4, 3, 64, 48))).half().requires_grad_()
    for temperature in (1.0, 1e4):
        results = moments(logits, softmax=temperature)
        (grad,) = torch.autograd.grad(sum(result.float().sum() for result in results), logits)
        assert all(value.dtype == torch.float16 and torch.isfinite(value).all() for value in (*results, grad))
        for found, wanted in zip(results, moments(logits.double(), softmax=temperature), strict=True):
            compare_values(found, wanted.detach().numpy())


@pytest.mark.parametrize("brightness", [1e-30, 1e30])
def test_brightness_changes_mass_alone(rng, brightness):
    images = rng.uniform(size=(2, 7, 18)).astype(np.float32)
    mass, *others = moments(images)
    bright_mass, *bright = moments(images * np.float32(brightness))
    assert_allclose(bright_mass, mass * brightness, rtol=1e-6)
    for found, wanted in zip(bright, others, strict=True):
        assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_light_in_a_single_pixel_has_no_width(dtype, backend):
    image = np.zeros((300, 700), dtype)
    image[201, 633] = 0.3
    mass, mean, spread = moments(image, backend=backend)
    assert_allclose([mass, *mean], [0.3, 633, 201], rtol=1e-7)
    assert_allclose(spread, 0, atol=1e-8)


def test_float32_keeps_its_digits_far_from_the_origin(rng):
    """Sums of squares about a corner or the middle would lose four digits here."""
    centre = np.array([3990.3, 2.7])
    image = gaussgrad.render(centre[None], [1.5, 0.4, 0.9], size=(6, 4000)).astype(np.float32)
    found = moments(image)
    for value, wanted in zip(found, moments(image.astype(np.float64)), strict=True):
        assert_allclose(value, wanted, rtol=1e-6)


@pytest.mark.parametrize("softmax", [None, 1.0])
def test_normalized_moments_are_those_of_to_normalized(rng, softmax):
    images = rng.uniform(size=(3, 8, 11))
    mass, means, covariances = moments(images, softmax=softmax)
    found_mass, *found = moments(images, softmax=softmax, coordinates="normalized")
    assert_array_equal(found_mass, mass)
    for value, wanted in zip(found, gaussgrad.to_normalized(means, covariances, size=(8, 11)), strict=True):
        compare_values(value, wanted)


def test_no_maps_have_no_moments_and_one_map_needs_no_leading_axis():
    assert [result.shape for result in moments(np.zeros((0, 17, 4, 5)))] == [(0, 17), (0, 17, 2), (0, 17, 3)]
    assert [result.shape for result in moments(np.ones((4, 5)))] == [(), (2,), (3,)]
