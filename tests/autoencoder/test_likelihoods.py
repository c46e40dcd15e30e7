"""Likelihoods of images around drawings: the textbook formulas in nats, never impossible, sums over images of one."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from tolerances import compare_values

from gaussgrad.autoencoder.likelihoods import (
    SHARPNESS,
    WHITE_COUNTS,
    BernoulliLikelihood,
    GaussianLikelihood,
    PoissonLikelihood,
    make_likelihood,
)
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.autoencoder.variational import VariationalGaussianAutoencoder

DRAWN = np.array([-3.0, -0.6, -0.1, 0.0, 0.02, 0.3, 0.5, 0.97, 1.0, 1.4, 5.0])


def tensor(values):
    return torch.tensor(np.asarray(values, float)[:, None, None, None])


def bent(drawn):
    """The probability of white by its definition, where float64 can tell it."""
    softplus = lambda x: np.logaddexp(0, SHARPNESS * x) / SHARPNESS  # noqa: E731
    return softplus(drawn) - softplus(drawn - 1)


def test_the_gaussian_is_that_of_scipy(rng):
    images, drawn = rng.random((2, 5, 1, 3, 4))
    likelihood = GaussianLikelihood().double()
    with torch.no_grad():
        likelihood.log_noise.fill_(np.log(0.12))
    expected = stats.norm.logpdf(images, drawn, 0.12).sum(axis=(1, 2, 3))
    compare_values(likelihood.log_probability(torch.tensor(images), torch.tensor(drawn)), expected)
    compare_values(likelihood.mean(torch.tensor(drawn)), drawn)


def test_the_noise_is_learned_as_the_error_there_is():
    likelihood = GaussianLikelihood()
    drawn = torch.zeros(200, 1, 5, 5)
    images = drawn + 0.07 * torch.randn(drawn.shape)
    optimizer = torch.optim.Adam(likelihood.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-likelihood.log_probability(images, drawn).mean()).backward()
        optimizer.step()
    np.testing.assert_allclose(likelihood.noise.item(), images.square().mean().sqrt().item(), rtol=1e-3)


@pytest.mark.parametrize("white", [1.0, 0.0])
def test_the_bernoulli_is_the_log_of_the_bent_drawing(white):
    given = BernoulliLikelihood().log_probability(torch.full_like(tensor(DRAWN), white), tensor(DRAWN))
    inside = np.abs(DRAWN - 0.5) < 2
    wanted = np.log(bent(DRAWN if white else 1 - DRAWN))
    np.testing.assert_allclose(given[inside], wanted[inside], rtol=1e-9, atol=1e-9)
    assert torch.isfinite(given).all()


def test_bernoulli_probabilities_of_both_colours_sum_to_one_and_grey_is_their_mixture():
    likelihood, drawn = BernoulliLikelihood(), tensor(DRAWN)
    white, black = (likelihood.log_probability(torch.full_like(drawn, value), drawn) for value in (1.0, 0.0))
    compare_values(white.exp() + black.exp(), np.ones(len(DRAWN)))
    compare_values(likelihood.mean(drawn)[:, 0, 0, 0], white.exp())
    compare_values(likelihood.log_probability(torch.full_like(drawn, 0.25), drawn), white / 4 + 3 * black / 4)


def test_the_poisson_is_that_of_scipy():
    likelihood, drawn = PoissonLikelihood(white=50), tensor(DRAWN)
    counts = np.arange(len(DRAWN)) * 7
    rates = 50 * np.logaddexp(0, SHARPNESS * DRAWN) / SHARPNESS
    given = likelihood.log_probability(tensor(counts / 50), drawn)
    np.testing.assert_allclose(given, stats.poisson.logpmf(counts, rates), rtol=1e-9, atol=1e-9)
    compare_values(likelihood.mean(drawn)[:, 0, 0, 0], rates / 50)


def test_poisson_counts_between_whole_numbers_use_the_gamma_function():
    given = PoissonLikelihood(white=10).log_probability(tensor([0.23]), tensor([0.5]))
    rate = 10 * np.logaddexp(0, SHARPNESS * 0.5) / SHARPNESS
    compare_values(given, np.array([2.3 * np.log(rate) - rate - special.gammaln(3.3)]))


@pytest.mark.parametrize("name", ["gaussian", "bernoulli", "poisson"])
def test_no_drawing_is_impossible_nor_without_a_finite_gradient(name):
    drawn = torch.tensor([-40.0, -3.0, -0.75, 0.0, 1.0, 1.75, 40.0]).reshape(-1, 1, 1, 1).requires_grad_()
    for value in (0.0, 0.4, 1.0):
        drawn.grad = None
        total = make_likelihood(name).log_probability(torch.full(drawn.shape, value), drawn)
        total.sum().backward()
        assert torch.isfinite(total).all()
        assert torch.isfinite(drawn.grad).all()


@pytest.mark.parametrize("name", ["gaussian", "bernoulli", "poisson"])
def test_gradients_agree_with_finite_differences(name):
    images = torch.rand(3, 1, 2, 2, dtype=torch.float64)
    drawn = (torch.rand(3, 1, 2, 2, dtype=torch.float64) * 2 - 0.5).requires_grad_()
    likelihood = make_likelihood(name).double()
    assert torch.autograd.gradcheck(lambda d: likelihood.log_probability(images, d), drawn)


def test_unknown_likelihoods_and_counts_are_refused():
    with pytest.raises(ValueError, match="likelihood must be one of 'gaussian', 'bernoulli', 'poisson'; got 'laplace'"):
        make_likelihood("laplace")
    with pytest.raises(ValueError, match="white must be a positive number of counts"):
        PoissonLikelihood(white=0)


@pytest.mark.parametrize(("black", "white", "expected"), [(100, 500, 400.0), (None, None, WHITE_COUNTS)])
def test_a_scale_says_how_many_counts_white_is(black, white, expected):
    model = GaussianAutoencoder((8, 8), n=1, looks=0, black=black, white=white)
    assert VariationalGaussianAutoencoder(model, "poisson").likelihood.white == expected
