"""Samples of mixtures, their moments, and what a bias does to them."""

import array_api_compat.numpy as numpy_namespace
import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad.ops.mixture.choice import choose

DRAWS = 200_000
MIXTURE = {
    "logits": np.array([0.5, -0.3, -np.inf, 0.1]),
    "means": np.array([[0.0, 1.0], [-2.0, 0.5], [50.0, 50.0], [3.0, -1.0]]),
    "log_stddevs": np.log(np.array([[1.0, 0.5], [0.3, 2.0], [1.0, 1.0], [0.7, 0.7]])),
    "atanh_correlations": np.arctanh(np.array([0.6, -0.8, 0.0, 0.0])),
}


def draw(rng: np.random.Generator, bias: float = 0.0, **changes: np.ndarray) -> np.ndarray:
    return gaussgrad.sample_mixture(
        **{**MIXTURE, **changes}, uniform=rng.random(DRAWS), noise=rng.normal(size=(DRAWS, 2)), bias=bias
    )


def test_mean_and_covariance_of_samples_are_those_of_the_mixture(rng):
    points = draw(rng)
    mean, covariance = gaussgrad.mixture_moments(**MIXTURE)
    away = points - mean
    products = np.stack([away[:, 0] ** 2, away[:, 0] * away[:, 1], away[:, 1] ** 2], axis=1)
    for values, expected in ((points, mean), (products, covariance)):
        error = values.std(axis=0) / np.sqrt(DRAWS)
        np.testing.assert_array_less(np.abs(values.mean(axis=0) - expected), 4 * error)


def test_each_component_is_drawn_as_often_as_its_weight_and_never_one_without(rng):
    tiny = np.full((4, 2), -12.0)
    points = draw(rng, log_stddevs=tiny)
    nearest = np.argmin(np.sum((points[:, None] - MIXTURE["means"]) ** 2, axis=-1), axis=1)
    shares = np.bincount(nearest, minlength=4) / DRAWS
    weights = np.exp(MIXTURE["logits"]) / np.exp(MIXTURE["logits"]).sum()
    np.testing.assert_array_less(np.abs(shares - weights), 4 * np.sqrt(weights / DRAWS) + 1e-12)
    assert shares[2] == 0


def test_a_bias_sharpens_weights_and_widths_as_graves_has_it(rng):
    bias = 0.7
    sharpened = {"logits": MIXTURE["logits"] * (1 + bias), "log_stddevs": MIXTURE["log_stddevs"] - bias}
    seed = rng.integers(1 << 30)
    biased = draw(np.random.default_rng(seed), bias)
    np.testing.assert_allclose(biased, draw(np.random.default_rng(seed), **sharpened), rtol=1e-12)


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(1, 0)])
def test_the_ends_of_the_uniform_numbers_choose_components_with_weight(uniform):
    logits = np.array([-np.inf, 0.0, 0.0, -np.inf])
    point = gaussgrad.sample_mixture(**{**MIXTURE, "logits": logits}, uniform=uniform, noise=[0.0, 0.0])
    np.testing.assert_array_equal(point, MIXTURE["means"][1 if uniform == 0 else 2])


def test_a_uniform_number_that_rounding_made_one_chooses_the_last_component_with_weight():
    """Values are checked where they are known only; elsewhere no index may leave the components."""
    logits = np.array([0.0, 0.0, -np.inf])
    assert choose(numpy_namespace, logits, np.array(1.0), ()).tolist() == [1]


def test_noise_becomes_points_with_the_correlation_of_the_component(rng):
    one = {name: array[:1] for name, array in MIXTURE.items()}
    noise = rng.normal(size=(5, 2))
    points = gaussgrad.sample_mixture(**one, uniform=np.zeros(5), noise=noise)
    factor = np.array([[1.0, 0.0], [0.5 * 0.6, 0.5 * 0.8]])
    np.testing.assert_allclose(points, MIXTURE["means"][0] + noise @ factor.T, rtol=1e-12)


def test_a_correlation_near_one_keeps_the_width_across(rng):
    one = {name: array[:1] for name, array in MIXTURE.items()} | {"atanh_correlations": np.array([15.0])}
    first, second = (gaussgrad.sample_mixture(**one, uniform=0.0, noise=[0.3, n]) for n in (-1.0, 1.0))
    assert second[1] - first[1] == pytest.approx(2 * 0.5 / np.cosh(15.0), rel=1e-6)


def test_samples_are_differentiable_to_the_chosen_component_only(rng):
    tensors = [torch.tensor(array, requires_grad=True) for array in MIXTURE.values()]
    uniform, noise = torch.tensor([0.01, 0.02]).double(), torch.tensor(rng.normal(size=(2, 2)))

    def points(means, log_stddevs, correlations):
        return gaussgrad.sample_mixture(tensors[0], means, log_stddevs, correlations, uniform=uniform, noise=noise)

    assert torch.autograd.gradcheck(points, tensors[1:])
    points(*tensors[1:]).sum().backward()
    for tensor in tensors[1:]:
        assert tensor.grad[0].abs().min() > 0
        torch.testing.assert_close(tensor.grad[1:], torch.zeros_like(tensor.grad[1:]))


def test_several_points_of_each_of_several_mixtures(rng):
    batch = {name: np.stack([array, array + 1.0]) for name, array in MIXTURE.items()}
    uniform, noise = rng.random((5, 1)), rng.normal(size=(5, 1, 2))
    points = gaussgrad.sample_mixture(**batch, uniform=uniform, noise=noise)
    assert points.shape == (5, 2, 2)
    alone = gaussgrad.sample_mixture(**MIXTURE, uniform=uniform[3, 0], noise=noise[3, 0])
    np.testing.assert_allclose(points[3, 0], alone, rtol=1e-12)


def test_moments_are_differentiable():
    tensors = [torch.tensor(array[[0, 1, 3]], requires_grad=True) for array in MIXTURE.values()]
    assert torch.autograd.gradcheck(gaussgrad.mixture_moments, tensors)


def test_moments_of_one_component_are_its_own():
    one = {name: array[1:2] for name, array in MIXTURE.items()}
    mean, covariance = gaussgrad.mixture_moments(**one)
    np.testing.assert_allclose(mean, MIXTURE["means"][1])
    np.testing.assert_allclose(covariance, gaussgrad.covariance.from_correlation([0.3, 2.0], -0.8), rtol=1e-12)
