"""The divergence between Gaussians with full covariances, in any dimension: exact near the prior, never negative."""

import exact_latent as exact
import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

from gaussgrad import kl_divergence, kl_divergence_full

every_dimension = pytest.mark.parametrize("d", [1, 2, 3, 7])
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_library = pytest.mark.parametrize("library", [np.asarray, torch.tensor], ids=["numpy", "torch"])
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def entries(d):
    return d * (d + 1) // 2


def gaussians(rng, d, distance, dtype="float64"):
    """A mean and log-Cholesky factor of a prior, and of a Gaussian at a distance from it."""
    prior_root, root = 0.5 * rng.normal(size=(2, entries(d)))
    prior_mean, mean = rng.normal(size=(2, d))
    prior_root, prior_mean = prior_root.astype(dtype), prior_mean.astype(dtype)
    return (
        (prior_mean + distance * mean).astype(dtype),
        (prior_root + distance * root).astype(dtype),
        prior_mean,
        prior_root,
    )


def packed_covariance(root, d):
    """The packed upper triangle of a log-Cholesky factor, in float64."""
    lower = np.zeros((d, d))
    lower[np.tril_indices(d)] = root
    np.fill_diagonal(lower, np.exp(np.diagonal(lower)))
    return (lower @ lower.T)[np.triu_indices(d)]


def by_roots(mean, root, prior_mean, prior_root):
    return kl_divergence_full(mean, prior_mean=prior_mean, cholesky=root, prior_cholesky=prior_root, log_diagonal=True)


def truth(inputs, d, log_diagonal=True):
    mean, root, prior_mean, prior_root = inputs
    factors = (exact.lower_factor(packed, d, log_diagonal) for packed in (root, prior_root))
    return exact.kl_full(mean, next(factors), prior_mean, next(factors))


@every_library
@every_dtype
@every_dimension
@pytest.mark.parametrize("distance", [0.0, 1e-6, 1e-3, 1.0])
def test_from_log_cholesky_factors_it_keeps_its_digits_near_the_prior(library, dtype, d, distance, rng):
    inputs = gaussians(rng, d, distance, dtype)
    given = float(by_roots(*map(library, inputs)))
    assert given >= 0
    assert abs(given - float(truth(inputs, d))) <= 20 * EPS[dtype] * given


@every_library
@every_dtype
@every_dimension
@pytest.mark.parametrize("distance", [1e-6, 1e-3, 1.0])
def test_from_plain_cholesky_factors_too(library, dtype, d, distance, rng):
    mean, _, prior_mean, _ = gaussians(rng, d, distance, dtype)
    diagonal = np.array([i * (i + 3) // 2 for i in range(d)])
    prior_root = rng.normal(size=entries(d))
    prior_root[diagonal] = np.exp(0.5 * prior_root[diagonal])
    root = prior_root + distance * 0.3 * np.abs(rng.normal(size=entries(d)))
    inputs = [mean, root.astype(dtype), prior_mean, prior_root.astype(dtype)]
    m, r, m0, r0 = map(library, inputs)
    given = float(kl_divergence_full(m, prior_mean=m0, cholesky=r, prior_cholesky=r0))
    assert abs(given - float(truth(inputs, d, log_diagonal=False))) <= 60 * EPS[dtype] * given


@every_library
@every_dimension
def test_from_covariances_it_is_the_formula(library, d, rng):
    inputs = gaussians(rng, d, 1.0)
    mean, root, prior_mean, prior_root = inputs
    covariances = [library(packed_covariance(packed, d)) for packed in (root, prior_root)]
    given = kl_divergence_full(library(mean), covariances[0], library(prior_mean), covariances[1])
    np.testing.assert_allclose(float(given), float(truth(inputs, d)), rtol=1e-12)
    mixed = kl_divergence_full(
        library(mean), covariances[0], library(prior_mean), prior_cholesky=library(prior_root), log_diagonal=True
    )
    np.testing.assert_allclose(float(mixed), float(truth(inputs, d)), rtol=1e-12)


@every_dimension
def test_without_a_prior_it_is_the_standard_one(d, rng):
    mean, root, _, _ = gaussians(rng, d, 1.0)
    zero = np.zeros(d), np.zeros(entries(d))
    expected = by_roots(mean, root, *zero)
    compare_values(kl_divergence_full(mean, cholesky=root, log_diagonal=True), expected)
    compare_values(kl_divergence_full(mean, packed_covariance(root, d)), expected)


def test_without_correlations_it_is_the_sum_of_the_elementwise_ones(rng):
    mean, log_variance, prior_mean, prior_log = rng.normal(size=(4, 5, 3))
    places = [0, 2, 5]
    roots = np.zeros((2, 5, 6))
    roots[0][:, places], roots[1][:, places] = log_variance / 2, prior_log / 2
    given = by_roots(mean, roots[0], prior_mean, roots[1])
    compare_values(given, kl_divergence(mean, log_variance, prior_mean, np.exp(prior_log)).sum(-1))


def test_leading_axes_broadcast(rng):
    inputs = [torch.tensor(array) for array in gaussians(rng, 3, 1.0)]
    expected = by_roots(*inputs)
    mean = inputs[0].expand(4, 5, 3)
    many = by_roots(mean, inputs[1].expand(5, 6), *inputs[2:])
    assert many.shape == (4, 5)
    compare_values(many[2, 3], expected)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("distance", [1e-4, 1.0])
def test_derivatives_agree_with_finite_differences_to_second_order(d, distance, rng):
    arrays = [torch.tensor(array, requires_grad=True) for array in gaussians(rng, d, distance)]
    assert torch.autograd.gradcheck(by_roots, arrays, rtol=1e-6)
    assert torch.autograd.gradgradcheck(by_roots, arrays, rtol=1e-6)
    means, roots = arrays[::2], arrays[1::2]
    packed = [torch.tensor(packed_covariance(root.detach().numpy(), d), requires_grad=True) for root in roots]
    full = lambda m, c, m0, c0: kl_divergence_full(m, c, m0, c0)  # noqa: E731
    assert torch.autograd.gradcheck(full, (means[0], packed[0], means[1], packed[1]), rtol=1e-6)


def test_vmap_and_the_compiler_give_the_same(rng):
    inputs = [torch.tensor(np.stack(each)) for each in zip(*(gaussians(rng, 3, 0.5) for _ in range(4)), strict=True)]
    expected = by_roots(*inputs)
    compare_values(torch.func.vmap(by_roots)(*inputs), expected)
    compare_values(torch.compile(by_roots, fullgraph=True, backend="eager")(*inputs), expected)
    leaf = inputs[1].clone().requires_grad_()
    by_roots(inputs[0], leaf, *inputs[2:]).sum().backward()
    total = lambda root: by_roots(inputs[0], root, *inputs[2:]).sum()  # noqa: E731
    compare_gradients(torch.func.grad(total)(inputs[1]), leaf.grad)


def test_a_million_draws_agree(rng):
    inputs = gaussians(rng, 2, 0.7)
    mean, root, prior_mean, prior_root = (torch.tensor(array) for array in inputs)

    def distribution(at, packed):
        lower = torch.zeros(2, 2, dtype=torch.float64)
        lower[0, 0], lower[1, 0], lower[1, 1] = packed[0].exp(), packed[1], packed[2].exp()
        return torch.distributions.MultivariateNormal(at, scale_tril=lower)

    q, p = distribution(mean, root), distribution(prior_mean, prior_root)
    z = q.sample((10**6,))
    ratio = q.log_prob(z) - p.log_prob(z)
    assert abs(ratio.mean() - by_roots(mean, root, prior_mean, prior_root)) < 4 * ratio.std() / 1e3


REFUSALS = {
    "no covariance": (TypeError, lambda: kl_divergence_full(np.zeros(2)), "covariance or cholesky must be given"),
    "two priors": (
        TypeError,
        lambda: kl_divergence_full([0.0], [1.0], None, [1.0], prior_cholesky=[1.0]),
        "prior_covariance or prior_cholesky must be given, at most one of the two; got both",
    ),
    "a matrix": (
        ValueError,
        lambda: kl_divergence_full(np.zeros(2), np.eye(2)),
        r"covariance must be packed, its last axis of 3 entries, for a mean of 2 dimensions; got shape \(2, 2\)",
    ),
    "indefinite": (
        ValueError,
        lambda: kl_divergence_full(np.zeros((2, 2)), [[1.0, 0.0, 1.0], [1.0, 2.0, 1.0]]),
        r"covariance must be positive definite; got \[1.0, 2.0, 1.0\] at covariance\[1\]",
    ),
    "diagonal": (
        ValueError,
        lambda: kl_divergence_full(np.zeros(2), cholesky=[1.0, 0.0, -1.0]),
        r"cholesky must be of positive diagonal entries; got \[1.0, 0.0, -1.0\] at cholesky\. Use log_diagonal=True",
    ),
    "leading axes": (
        ValueError,
        lambda: kl_divergence_full(np.zeros((3, 2)), np.ones((2, 3)) * [1, 0, 1]),
        r"covariance must be of leading axes that broadcast with those of mean, \(3,\); got \(2,\)",
    ),
    "prior mean": (
        ValueError,
        lambda: kl_divergence_full(np.zeros(2), [1.0, 0.0, 1.0], np.zeros(3)),
        "prior_mean must be of last axis 2",
    ),
    "no axes": (ValueError, lambda: kl_divergence_full(0.0, [1.0]), r"mean must be of shape \(\.\.\., d\)"),
    "NaN": (
        ValueError,
        lambda: kl_divergence_full([float("nan")], [1.0]),
        r"mean must be finite; got nan at mean\[0\]",
    ),
}


@pytest.mark.parametrize(("error", "call", "words"), REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_says_what_was_wanted_and_what_came(error, call, words):
    with pytest.raises(error, match=words):
        call()
