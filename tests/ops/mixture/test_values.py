"""Densities of mixtures: the numbers of other libraries, any dimension, shapes, dtypes, and derivatives."""

import numpy as np
import pytest
import torch
from scipy import stats
from tolerances import compare_gradients, compare_values

import gaussgrad


def mixture(rng: np.random.Generator, *leading: int, k: int = 5) -> dict[str, np.ndarray]:
    return {
        "logits": rng.normal(size=(*leading, k)),
        "means": rng.normal(size=(*leading, k, 2)),
        "log_stddevs": 0.5 * rng.normal(size=(*leading, k, 2)),
        "atanh_correlations": rng.normal(size=(*leading, k)),
    }


def by_torch(points, logits, means, log_stddevs, atanh_correlations):
    """The same by torch.distributions, of tensors."""
    stddevs, rho = log_stddevs.exp(), torch.tanh(atanh_correlations)
    rows = [
        torch.stack([stddevs[..., 0], torch.zeros_like(rho)], dim=-1),
        torch.stack([rho * stddevs[..., 1], torch.sqrt(1 - rho * rho) * stddevs[..., 1]], dim=-1),
    ]
    components = torch.distributions.MultivariateNormal(means, scale_tril=torch.stack(rows, dim=-2))
    weights = torch.distributions.Categorical(logits=logits)
    return torch.distributions.MixtureSameFamily(weights, components).log_prob(points)


def tensors_of(rng: np.random.Generator, n: int = 30) -> list[torch.Tensor]:
    arrays = [rng.normal(size=(n, 2)), *mixture(rng, n).values()]
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def test_values_and_gradients_are_those_of_torch_distributions(rng):
    arrays = tensors_of(rng)
    results = []
    for function in (gaussgrad.mixture_log_density, by_torch):
        value = function(*arrays)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), arrays)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_responsibilities_are_the_gradient_to_the_logarithm_of_each_weight(rng):
    points, logits, *others = tensors_of(rng)
    shares = gaussgrad.responsibilities(points, logits, *others)
    value = gaussgrad.mixture_log_density(points, logits, *others)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    torch.testing.assert_close(shares - torch.softmax(logits, -1), gradient, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(shares.sum(-1), torch.ones(30, dtype=torch.float64))


def test_a_component_without_weight_is_as_if_absent(rng):
    parameters = mixture(rng, 8)
    parameters["logits"][:, 1:3] = -np.inf
    points = rng.normal(size=(8, 2))
    rest = [0, 3, 4]
    without = {name: array[:, rest] for name, array in parameters.items()}
    compare_values(
        gaussgrad.mixture_log_density(points, **parameters), gaussgrad.mixture_log_density(points, **without)
    )
    shares = gaussgrad.responsibilities(points, **parameters)
    np.testing.assert_array_equal(shares[:, 1:3], 0)
    compare_values(shares[:, rest], gaussgrad.responsibilities(points, **without))


def test_one_mixture_serves_many_points_and_gathers_their_gradients(rng):
    points = rng.normal(size=(3, 7, 2))
    shared = {name: torch.tensor(array, requires_grad=True) for name, array in mixture(rng).items()}
    wide = {name: array.expand(3, 7, *array.shape) for name, array in shared.items()}
    for arrays in (shared, wide):
        value = gaussgrad.mixture_log_density(torch.tensor(points), **arrays)
        assert value.shape == (3, 7)
        value.sum().backward()
        gradients = [array.grad for array in shared.values()]
        for array in shared.values():
            array.grad = None
        if arrays is shared:
            expected = gradients
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other)


def test_axes_of_size_one_broadcast(rng):
    points, parameters = rng.normal(size=(4, 1, 2)), mixture(rng, 1, 6)
    value = gaussgrad.mixture_log_density(points, **parameters)
    assert value.shape == (4, 6)
    one = gaussgrad.mixture_log_density(points[2, 0], **{name: array[0, 3] for name, array in parameters.items()})
    assert value[2, 3] == pytest.approx(one, rel=1e-12)
    assert np.ndim(one) == 0


def test_no_points_give_no_densities(rng):
    parameters = {name: torch.tensor(array, requires_grad=True) for name, array in mixture(rng, 0).items()}
    value = gaussgrad.mixture_log_density(torch.zeros(0, 2, dtype=torch.float64), **parameters)
    assert value.shape == (0,)
    value.sum().backward()
    assert parameters["means"].grad.shape == (0, 5, 2)


def test_arrays_that_are_not_contiguous_are_read_right(rng):
    arrays = [rng.normal(size=(9, 2)), *mixture(rng, 9).values()]
    strided = [np.repeat(array, 2, axis=0)[::2] for array in arrays]
    np.testing.assert_array_equal(gaussgrad.mixture_log_density(*strided), gaussgrad.mixture_log_density(*arrays))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32_and_comes_back(rng, dtype):
    halves = [array.detach().to(getattr(torch, dtype)).requires_grad_() for array in tensors_of(rng)]
    value = gaussgrad.mixture_log_density(*halves)
    value.float().sum().backward()
    compare_values(value, gaussgrad.mixture_log_density(*(half.detach().float() for half in halves)), dtype=dtype)
    assert {half.grad.dtype for half in halves} == {getattr(torch, dtype)}


@pytest.mark.parametrize("backend", [None, "reference"])
def test_second_derivatives_agree_with_finite_differences(rng, backend):
    arrays = tensors_of(rng, n=2)
    with torch.no_grad():
        arrays[4][0, 0] = 0.0

    def function(points, logits, *others):
        logits = torch.where(torch.arange(5) == 3, -torch.inf, logits)
        return gaussgrad.mixture_log_density(points, logits, *others, backend=backend)

    assert torch.autograd.gradcheck(function, arrays)
    assert torch.autograd.gradgradcheck(function, arrays)


def test_an_integer_list_is_taken_as_float64():
    value = gaussgrad.mixture_log_density([0, 0], [0], [[0, 0]], [[0, 0]], [0])
    assert value.dtype == np.float64
    assert value == pytest.approx(-np.log(2 * np.pi), rel=1e-15)


def packed(matrices: np.ndarray, lower: bool = False) -> np.ndarray:
    d = matrices.shape[-1]
    rows, columns = np.tril_indices(d) if lower else np.triu_indices(d)
    return matrices[..., rows, columns]


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_densities_in_any_dimension_are_those_of_scipy(rng, d):
    factors = np.tril(rng.normal(size=(4, d, d))) + 2 * np.eye(d)
    diagonal = np.arange(d)
    factors[:, diagonal, diagonal] = np.abs(factors[:, diagonal, diagonal])
    matrices = factors @ np.swapaxes(factors, -1, -2)
    points, means = rng.normal(size=(6, d)), rng.normal(size=(4, d))
    expected = np.array(
        [[stats.multivariate_normal(mean, matrix).logpdf(x) for mean, matrix in zip(means, matrices, strict=True)]
         for x in points]
    )  # fmt: skip
    compare_values(gaussgrad.log_density(points, means, packed(matrices)), expected)
    compare_values(gaussgrad.log_density(points, means, cholesky=packed(factors, lower=True)), expected)
    logits = rng.normal(size=4)
    logits[1] = -np.inf
    weights = np.exp(logits) / np.exp(logits).sum()
    mixed = gaussgrad.gaussian_mixture_log_density(points, logits, means, packed(matrices))
    compare_values(mixed, np.log(np.exp(expected) @ weights))


def test_a_diagonal_mixture_is_a_full_one_without_covariances(rng):
    points, logits, means = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), rng.normal(size=(6, 4, 3))
    log_stddevs = rng.normal(size=(6, 4, 3))
    matrices = np.exp(2 * log_stddevs)[..., None] * np.eye(3)
    compare_values(
        gaussgrad.gaussian_mixture_log_density(points, logits, means, log_stddevs=log_stddevs),
        gaussgrad.gaussian_mixture_log_density(points, logits, means, packed(matrices)),
    )


def test_densities_of_any_dimension_are_differentiable_twice(rng):
    factors = np.tril(0.3 * rng.normal(size=(2, 3, 3))) + np.eye(3)
    arrays = [rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=(2, 3))]
    widths = packed(factors @ np.swapaxes(factors, -1, -2)), packed(factors, lower=True)
    for name, width in zip(("covariances", "cholesky"), widths, strict=True):
        tensors = [torch.tensor(array, requires_grad=True) for array in (*arrays, width)]

        def function(points, logits, means, width, name=name):
            return gaussgrad.gaussian_mixture_log_density(points, logits, means, **{name: width})

        assert torch.autograd.gradcheck(function, tensors)
        assert torch.autograd.gradgradcheck(function, tensors)


def single_inputs(rng: np.random.Generator, n: int = 4, m: int = 3) -> list[np.ndarray]:
    x, mean = rng.normal(size=(n, 1, 2)), rng.normal(size=(n, m, 2))
    return [x, mean, rng.uniform(0.3, 3, size=(n, m, 2)), rng.uniform(-0.95, 0.95, size=(n, m, 1))]


def test_densities_from_raw_correlations_are_those_of_the_textbook(rng):
    """Graves (2013), equations 24 and 25, as copied from repository to repository, without the epsilons."""
    x, mean, stddev, correlation = single_inputs(rng)
    o, rho = (x - mean) / stddev, correlation[..., 0]
    z = o[..., 0] ** 2 + o[..., 1] ** 2 - 2 * rho * o[..., 0] * o[..., 1]
    expected = np.exp(-z / (2 * (1 - rho**2))) / (2 * np.pi * np.prod(stddev, -1) * np.sqrt(1 - rho**2))
    density = gaussgrad.bivariate_density(x, mean, stddev, correlation)
    assert density.shape == (4, 3)
    compare_values(density, expected)


def test_derivatives_from_raw_correlations_are_those_that_autodiff_gives(rng):
    x, mean, stddev, correlation = (torch.tensor(array) for array in single_inputs(rng))
    leaves = [array.requires_grad_() for array in (mean, stddev.log(), torch.atanh(correlation))]
    density = gaussgrad.bivariate_density(x, leaves[0], leaves[1].exp(), torch.tanh(leaves[2]))
    expected = torch.autograd.grad(density.log().sum(), leaves)
    again, derivatives = gaussgrad.bivariate_density(x, mean, stddev, correlation, derivatives=True)
    torch.testing.assert_close(again, density)
    for derivative, wanted in zip(derivatives, expected, strict=True):
        compare_gradients(derivative, wanted)
        assert derivative.shape == wanted.shape


def test_the_density_of_a_narrow_gaussian_has_no_bias(rng):
    """1e-10 added here and there costs up to 2.8 nats at a stddev of 1e-6."""
    x = np.zeros((1, 1, 2))
    density, (_, to_log_stddev, _) = gaussgrad.bivariate_density(
        x, x + 1e-6, np.full((1, 1, 2), 1e-6), np.zeros((1, 1, 1)), derivatives=True
    )
    assert np.log(density[0, 0]) == pytest.approx(-np.log(2 * np.pi) + 12 * np.log(10) - 1, rel=1e-12)
    np.testing.assert_allclose(to_log_stddev, 0, atol=1e-9)
