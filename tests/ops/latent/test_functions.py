"""Samples, densities, entropy and conversions: the plain formulas, exactly, in both frameworks, with derivatives."""

import exact_latent as exact
import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad.ops.latent import elementwise_log_density

NAN = float("nan")
LIBRARIES = [np.asarray, torch.tensor]
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=["numpy", "torch"])
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
LOG_VARIANCES = np.array([0.0, 1e-6, -3.7, 12.5, -80.0, 50.0, -200.0])


def typed(library, array, dtype):
    return library(np.asarray(array, dtype))


@every_library
@every_dtype
def test_conversions_are_the_plain_formulas(library, dtype):
    logs = LOG_VARIANCES[:-1].astype(dtype)
    variance = np.asarray(gaussgrad.log_variance_to_variance(library(logs)))
    stddev = np.asarray(gaussgrad.log_variance_to_stddev(library(logs)))
    back = np.asarray(gaussgrad.variance_to_log_variance(library(variance)))
    scale = 2 * EPS[dtype]
    assert exact.largest_relative_error(variance, lambda v: exact.mp.exp(exact.exactly(v)), logs) <= scale
    assert exact.largest_relative_error(stddev, lambda v: exact.mp.exp(exact.exactly(v) / 2), logs) <= scale
    assert exact.largest_relative_error(back, lambda v: exact.mp.log(exact.exactly(v)), variance) <= scale
    assert {array.dtype.name for array in (variance, stddev, back)} == {dtype}


@every_library
def test_a_stddev_of_float32_is_known_where_its_variance_is_not(library):
    log_variance = typed(library, [-200.0], "float32")
    np.testing.assert_allclose(np.asarray(gaussgrad.log_variance_to_stddev(log_variance)), [np.exp(-100)], rtol=0.02)
    assert float(gaussgrad.log_variance_to_variance(log_variance)[0]) == 0


@every_library
@every_dtype
def test_densities_are_those_of_60_digits(library, dtype, rng):
    x, mean = rng.normal(size=(2, 40)).astype(dtype)
    variance = np.exp(rng.normal(size=40)).astype(dtype)
    given = gaussgrad.density(*map(library, (x, mean, variance)))
    assert exact.largest_relative_error(np.asarray(given), exact.density, x, mean, variance) <= 60 * EPS[dtype]
    log_variance = np.log(variance)
    logs = elementwise_log_density(*map(library, (x, mean, log_variance)))
    variances = [float(exact.mp.exp(exact.exactly(value))) for value in log_variance]
    wanted = [float(exact.mp.log(exact.density(*each))) for each in zip(x, mean, variances, strict=True)]
    compare_values(logs, np.array(wanted), dtype=dtype)


@every_library
@every_dtype
def test_entropy_keeps_its_digits_also_where_it_is_near_zero(library, dtype):
    zero = -1 - np.log(2 * np.pi)
    logs = np.concatenate([LOG_VARIANCES, zero + np.array([0.0, 1e-3, -1e-4, 1e-5])]).astype(dtype)
    given = np.asarray(gaussgrad.entropy(library(logs)))
    near = slice(len(LOG_VARIANCES), None) if dtype == "float64" else slice(0, 0)
    allowed = np.full(len(logs), 2 * EPS[dtype])
    allowed[near] = 1e-9  # the constant itself is a float64 number
    for value, log_variance, bound in zip(given, logs, allowed, strict=True):
        error = exact.largest_relative_error(value, exact.entropy, log_variance)
        assert error <= bound or abs(value) < 1e-15


@every_library
@every_dtype
def test_samples_are_mean_plus_stddev_times_noise(library, dtype, rng):
    mean, log_variance, noise = rng.normal(size=(3, 4, 5)).astype(dtype)
    expected = mean.astype(float) + np.exp(log_variance.astype(float) / 2) * noise
    given = gaussgrad.reparameterize(*map(library, (mean, log_variance, noise)))
    by_stddev = gaussgrad.reparameterize(library(mean), noise=library(noise), stddev=library(np.exp(log_variance / 2)))
    compare_values(given, expected)
    compare_values(by_stddev, expected)
    many = gaussgrad.reparameterize(library(mean), library(log_variance), library(np.stack([noise, -noise])))
    assert tuple(many.shape) == (2, 4, 5)
    compare_values(many[0], expected)


def test_how_gradients_flow_through_a_sample():
    mean, stddev, noise = (torch.randn(7, dtype=torch.float64).requires_grad_() for _ in range(3))
    by_mean, by_stddev = torch.autograd.grad(
        gaussgrad.reparameterize(mean, stddev=stddev.abs(), noise=noise).sum(), (mean, stddev)
    )
    compare_gradients(by_mean, torch.ones(7, dtype=torch.float64))
    compare_gradients(by_stddev, noise * stddev.sign())
    log_variance = stddev.detach().requires_grad_()
    (by_log,) = torch.autograd.grad(gaussgrad.reparameterize(mean, log_variance, noise).sum(), log_variance)
    compare_gradients(by_log, torch.exp(log_variance / 2) * noise / 2)


FUNCTIONS = {
    "reparameterize": (gaussgrad.reparameterize, 3),
    "reparameterize by stddev": (lambda m, s, n: gaussgrad.reparameterize(m, stddev=s.exp(), noise=n), 3),
    "density": (lambda x, m, v: gaussgrad.density(x, m, v.exp()), 3),
    "elementwise_log_density": (elementwise_log_density, 3),
    "entropy": (gaussgrad.entropy, 1),
    "log_variance_to_stddev": (gaussgrad.log_variance_to_stddev, 1),
    "log_variance_to_variance": (gaussgrad.log_variance_to_variance, 1),
    "variance_to_log_variance": (lambda v: gaussgrad.variance_to_log_variance(v.exp()), 1),
}
every_function = pytest.mark.parametrize(("function", "count"), FUNCTIONS.values(), ids=FUNCTIONS)


@every_function
def test_first_and_second_derivatives_agree_with_finite_differences(function, count):
    arrays = [torch.randn(3, dtype=torch.float64).requires_grad_() for _ in range(count)]
    assert torch.autograd.gradcheck(function, arrays, rtol=1e-6)
    assert torch.autograd.gradgradcheck(function, arrays, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["reparameterize", "elementwise_log_density", "entropy", "log_variance_to_stddev"])
def test_half_precision_is_computed_in_float32(name, dtype):
    function, count = FUNCTIONS[name]
    arrays = [torch.randn(20).to(dtype) for _ in range(count)]
    given = function(*arrays)
    assert given.dtype == dtype
    assert torch.equal(given, function(*(array.float() for array in arrays)).to(dtype))


@every_function
def test_compiler_and_vmap_give_the_same(function, count):
    torch.compiler.reset()
    arrays = [torch.randn(3, 2, dtype=torch.float64) for _ in range(count)]
    expected = function(*arrays)
    compare_values(torch.compile(function, fullgraph=True, backend="eager")(*arrays), expected)
    compare_values(torch.func.vmap(function)(*arrays), expected)


def test_moments_and_entropy_agree_with_a_million_draws(rng):
    mean, log_variance, count = -1.5, 0.8, 10**6
    z = gaussgrad.reparameterize(mean, log_variance, rng.normal(size=count))
    variance = float(gaussgrad.log_variance_to_variance(log_variance))
    assert abs(z.mean() - mean) < 4 * np.sqrt(variance / count)
    assert abs(z.var() - variance) < 4 * variance * np.sqrt(2 / count)
    surprise = -np.log(gaussgrad.density(z, mean, variance))
    assert abs(surprise.mean() - gaussgrad.entropy(log_variance)) < 4 * surprise.std() / np.sqrt(count)


REFUSALS = {
    "noise missing": (TypeError, lambda: gaussgrad.reparameterize([0.0], [0.0]), "noise must be an array; got None"),
    "no width": (TypeError, lambda: gaussgrad.reparameterize([0.0], noise=[0.0]), "stddev must be given; got neither"),
    "two widths": (
        TypeError,
        lambda: gaussgrad.reparameterize([0.0], [0.0], [0.0], stddev=[1.0]),
        "exactly one of log_variance and stddev must be given; got both",
    ),
    "negative stddev": (
        ValueError,
        lambda: gaussgrad.reparameterize([0.0, 0.0], noise=[0.0, 0.0], stddev=[1.0, -1.0]),
        r"stddev must be zero or more; got -1.0 at stddev\[1\]",
    ),
    "noise of another shape": (
        ValueError,
        lambda: gaussgrad.reparameterize(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2)),
        r"noise must be of a shape that broadcasts with that of mean, \(2, 3\); got \(2,\)",
    ),
    "width of another shape": (
        ValueError,
        lambda: gaussgrad.reparameterize(np.zeros((2, 3)), np.zeros(3), np.zeros(3)),
        r"log_variance must be of the shape of mean, \(2, 3\)",
    ),
    "NaN noise": (ValueError, lambda: gaussgrad.reparameterize([0.0], [0.0], [NAN]), r"noise must be finite; got nan"),
    "variance of zero": (
        ValueError,
        lambda: gaussgrad.density([0.0], [0.0], [0.0]),
        r"variance must be positive; got 0.0 at variance\[0\]",
    ),
    "log of a negative": (
        ValueError,
        lambda: gaussgrad.variance_to_log_variance([1.0, -1.0]),
        r"variance must be positive; got -1.0 at variance\[1\]",
    ),
    "x of another shape": (
        ValueError,
        lambda: gaussgrad.density(np.zeros(2), np.zeros(3), np.ones(3)),
        "mean must be of a shape that broadcasts with that of x",
    ),
    "integer tensor": (TypeError, lambda: gaussgrad.entropy(torch.zeros(2, dtype=torch.int64)), "floating-point dtype"),
    "text": (TypeError, lambda: gaussgrad.entropy("wide"), "log_variance must be a"),
}


@pytest.mark.parametrize(("error", "call", "words"), REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_says_what_was_wanted_and_what_came(error, call, words):
    with pytest.raises(error, match=words):
        call()
