"""The divergence keeps its digits near the prior and far from it, in value and gradient, as numbers and as arrays."""

import exact_latent as exact
import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad import kl_divergence

PRIORS = ((0, 1), (3, 0.25), (0.1, 0.3), (-7.3, 11.1), (0.0, 1e-6), (0.0, 1e5))
POWERS = np.array([sign * 10.0**-k for k in range(8) for sign in (1, -1)])
NEAR = np.concatenate([[0.0], POWERS, [0.49, -0.49, 0.499999, 0.500001, -0.499999, -0.500001, 2.0, -2.0, 10.0, -10.0]])
FAR = np.array([50.0, -50.0, -200.0])
DTYPES = ("float32", "float64")
NAN, INF = float("nan"), float("inf")
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_prior = pytest.mark.parametrize("prior", PRIORS, ids=str)
# near a prior whose logarithm is no float64 number, that logarithm's rounding is what is left
LOGARITHM = {"float32": 0.0, "float64": 2.0**-53}
VALUE = {"float32": 3e-7, "float64": 2e-15}


def cases(dtype, prior, offsets, shift=0.0):
    """Means and log-variances beside the optimum of a prior, in the dtype."""
    mean, variance = prior
    log_variance = (np.log(variance) + offsets).astype(dtype)
    return np.full(offsets.shape, mean + shift).astype(dtype), log_variance


def slack(log_variance, prior, dtype):
    """What the rounded logarithm of the prior variance may add to the relative error, per element."""
    logarithm = float(np.log(prior[1]))
    x = np.abs(log_variance.astype(np.float64) - logarithm)
    return LOGARITHM[dtype] * abs(logarithm) * 2 / np.maximum(x, 1e-300)


@every_dtype
@every_prior
@pytest.mark.parametrize("shift", [0.0, 1e-5, 1e-3, 1.0])
def test_values_keep_their_digits_for_priors_given_as_numbers(dtype, prior, shift):
    mean, log_variance = cases(dtype, prior, NEAR, shift)
    allowed = VALUE[dtype] + slack(log_variance, prior, dtype)
    for given in (
        kl_divergence(mean, log_variance, *prior),
        kl_divergence(torch.tensor(mean), torch.tensor(log_variance), *prior).numpy(),
    ):
        assert given.dtype == dtype
        assert (given >= 0).all()
        for i in range(len(given)):
            error = exact.largest_relative_error(given[i], exact.kl_divergence, mean[i], log_variance[i], *prior)
            assert error <= allowed[i] or (mean[i], log_variance[i]) == (prior[0], np.log(prior[1]))


@pytest.mark.parametrize("log_variance", [1, -1, 1e-1, -1e-1, 1e-4, -1e-4, 1e-6, -1e-6, 0, 50, -50, -200])
def test_the_standard_prior_in_float32(log_variance):
    width = torch.tensor([log_variance], dtype=torch.float32, requires_grad=True)
    value = kl_divergence(torch.zeros(1), width)
    value.sum().backward()
    assert value.item() >= 0
    assert exact.largest_relative_error(value.detach(), exact.kl_divergence, 0, width.detach(), 0, 1) <= 1e-6
    gradient = lambda *inputs: exact.kl_gradient(*inputs)[1]  # noqa: E731
    assert exact.largest_relative_error(width.grad, gradient, 0, width.detach(), 0, 1) <= 1e-6


@every_prior
def test_far_from_the_prior_the_error_is_that_of_rounding_the_log_ratio(prior):
    for dtype in DTYPES:
        mean, log_variance = cases(dtype, prior, FAR)
        x = np.abs(log_variance - np.log(prior[1])).max()
        for given in (
            kl_divergence(mean, log_variance, *prior),
            kl_divergence(torch.tensor(mean), torch.tensor(log_variance), *prior).numpy(),
        ):
            error = exact.largest_relative_error(given, exact.kl_divergence, mean, log_variance, *prior)
            assert error <= (0.2 * x + 1) * np.finfo(dtype).eps


@pytest.mark.parametrize("log_variance", [200.0, -200.0])
def test_float64_holds_what_float32_cannot(log_variance):
    width = torch.tensor([log_variance], dtype=torch.float64, requires_grad=True)
    value = kl_divergence(torch.zeros(1, dtype=torch.float64), width)
    value.sum().backward()
    assert exact.largest_relative_error(value.detach(), exact.kl_divergence, 0, log_variance, 0, 1) <= 1e-15
    expected = float(exact.kl_gradient(0, log_variance, 0, 1)[1])
    np.testing.assert_allclose(width.grad.item(), expected, rtol=1e-15)


def test_beyond_the_range_of_float32_value_and_gradient_are_infinite_and_spoil_no_neighbour():
    width = torch.tensor([200.0, 1e-3, -1e6], requires_grad=True)
    value = kl_divergence(torch.zeros(3), width)
    value.sum().backward()
    assert value[0] == INF
    assert width.grad[0] == INF
    assert exact.largest_relative_error(value[1:].detach(), exact.kl_divergence, 0, width[1:].detach(), 0, 1) <= 1e-6
    np.testing.assert_allclose(width.grad[1:], [np.expm1(1e-3) / 2, -0.5], rtol=1e-6)


@every_dtype
@every_prior
@pytest.mark.parametrize("shift", [0.0, 1e-3, 1.0])
def test_gradients_agree_with_60_digits(dtype, prior, shift):
    offsets = NEAR[np.abs(NEAR) >= 1e-6] if dtype == "float64" else NEAR
    arrays = [torch.tensor(array, requires_grad=True) for array in cases(dtype, prior, offsets, shift)]
    kl_divergence(*arrays, *prior).sum().backward()
    inputs = [array.detach().numpy() for array in arrays]
    for i, array in enumerate(arrays):
        allowed = {"float32": 1e-6, "float64": 1e-9}[dtype]
        gradient = lambda *values, i=i: exact.kl_gradient(*values)[i]  # noqa: E731
        assert exact.largest_relative_error(array.grad, gradient, *inputs, *prior) <= allowed


@every_dtype
@every_prior
def test_priors_given_as_arrays_are_as_good_as_their_logarithm_is_rounded(dtype, prior):
    mean, log_variance = cases(dtype, prior, NEAR)
    numbers = [np.array(number, dtype) for number in prior]
    logarithm = float(np.log(numbers[1].astype(float)))
    x = np.abs(log_variance.astype(float) - logarithm)
    eps = float(np.finfo(dtype).eps)
    for given in (
        kl_divergence(mean, log_variance, *numbers),
        kl_divergence(*map(torch.tensor, (mean, log_variance, *numbers))).numpy(),
    ):
        assert (given >= 0).all()
        wanted = [float(exact.kl_divergence(*values, *numbers)) for values in zip(mean, log_variance, strict=True)]
        rounding = eps * abs(logarithm)  # of x
        remainder = np.abs(np.expm1(np.maximum(x, rounding))) * rounding + rounding**2
        np.testing.assert_array_less(np.abs(given - wanted), remainder + 4 * eps * np.abs(wanted) + 1e-300)


def test_gradients_reach_priors_that_are_learned():
    prior = [
        torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in ([0.5, -1.0, 2.0], [0.3, 1.0, 4.0])
    ]
    mean, log_variance = cases("float64", (0, 1), np.array([0.4, -1.3, 1.1]), 0.25)
    arrays = [torch.tensor(array, requires_grad=True) for array in (mean, log_variance)]
    kl_divergence(*arrays, *prior).sum().backward()
    inputs = [array.detach().numpy() for array in (*arrays, *prior)]
    for i, array in enumerate((*arrays, *prior)):
        gradient = lambda *values, i=i: exact.kl_gradient(*values)[i]  # noqa: E731
        assert exact.largest_relative_error(array.grad, gradient, *inputs) <= 1e-9


def test_derivatives_agree_with_finite_differences_to_second_order(rng):
    offsets = np.array([0.0, 1e-3, -0.3, 0.49, -0.49, 0.51, -0.51, 3.0, -6.0])  # both sides of where the series ends
    mean, variance = rng.normal(size=9), np.exp(rng.normal(size=9))
    arrays = [torch.tensor(a, requires_grad=True) for a in (mean + 0.1, np.log(variance) + offsets, mean, variance)]
    assert torch.autograd.gradcheck(kl_divergence, arrays, rtol=1e-6)
    assert torch.autograd.gradgradcheck(kl_divergence, arrays, rtol=1e-6)
    assert torch.autograd.gradcheck(lambda *a: kl_divergence(*a, 3, 0.25), arrays[:2], rtol=1e-6)


@pytest.mark.parametrize("x", [0.0, 1e-5, -0.3, 0.4999, 0.5001, 4.0])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_higher_derivatives_to_the_log_variance_are_half_its_exponential(x, dtype, allowed):
    width = torch.tensor(x, dtype=dtype, requires_grad=True)
    derivative = kl_divergence(torch.zeros((), dtype=dtype), width)
    for order in range(1, 4):
        (derivative,) = torch.autograd.grad(derivative, width, create_graph=True)
        expected = (np.expm1(width.item()) if order == 1 else np.exp(width.item())) / 2
        np.testing.assert_allclose(derivative.item(), expected, rtol=allowed)


def test_monte_carlo_agrees(rng):
    mean, log_variance, prior = 0.7, -1.1, (3, 0.25)
    z = gaussgrad.reparameterize(mean, log_variance, rng.normal(size=10**6))
    ratio = np.log(gaussgrad.density(z, mean, np.exp(log_variance))) - np.log(gaussgrad.density(z, *prior))
    error = ratio.std() / 1e3
    assert abs(ratio.mean() - kl_divergence(mean, log_variance, *prior)) < 4 * error


def test_zero_exactly_where_both_are_equal_and_nowhere_else():
    assert kl_divergence([0.0, 1e-7, 0.0], [0.0, 0.0, -1e-7]).tolist()[0] == 0
    assert (kl_divergence([0.0, 1e-7, 0.0], [0.0, 0.0, -1e-7])[1:] > 0).all()
    assert kl_divergence(np.full(1, 3, np.float32), np.zeros(1, np.float32), 3, 1).item() == 0


@pytest.mark.parametrize("integer", [3, np.int64(3), np.int8(3)])
def test_integer_priors_are_the_numbers_they_are(integer):
    mean, log_variance = torch.tensor([2.5, 3.5]), torch.tensor([1.0, 2.0])
    compare_values(kl_divergence(mean, log_variance, integer, integer), kl_divergence(mean, log_variance, 3.0, 3.0))


def test_learned_priors_broadcast_also_as_several_priors():
    mean, log_variance = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    prior = torch.randn(3, 1, 2, dtype=torch.float64)
    many = kl_divergence(mean, log_variance, prior, prior.exp())
    assert many.shape == (3, 5, 2)
    compare_values(many[1], kl_divergence(mean, log_variance, prior[1], prior[1].exp()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    mean, log_variance = torch.randn(2, 20).to(dtype)
    given = kl_divergence(mean, log_variance, 3, 0.25)
    assert given.dtype == dtype
    assert torch.equal(given, kl_divergence(mean.float(), log_variance.float(), 3, 0.25).to(dtype))


def test_torch_functions_and_the_compiler_give_the_same():
    mean, log_variance = torch.randn(2, 4, 3, dtype=torch.float64)
    total = lambda m, v: kl_divergence(m, v, 3, 0.25).sum()  # noqa: E731
    expected = torch.func.grad(total, argnums=1)(mean, log_variance)
    compare_gradients(torch.func.vmap(torch.func.grad(total, argnums=1))(mean, log_variance), expected)
    compiled = torch.compile(lambda m, v: kl_divergence(m, v, 3, 0.25), fullgraph=True, backend="eager")
    compare_values(compiled(mean, log_variance), kl_divergence(mean, log_variance, 3, 0.25))


@pytest.mark.parametrize("variance", [0, 0.0, -1, -0.5, NAN, INF, 10**400, [1.0, 0.0], np.array([1.0, -1.0])])
def test_a_prior_variance_that_is_not_finite_and_positive_is_refused(variance):
    with pytest.raises(ValueError, match="prior_variance must be"):
        kl_divergence(np.zeros(2), np.zeros(2), 0.0, variance)


@pytest.mark.parametrize("mean", [NAN, INF, 10**400, [0.0, NAN]])
def test_a_prior_mean_that_is_not_finite_is_refused(mean):
    with pytest.raises(ValueError, match="prior_mean must be"):
        kl_divergence(np.zeros(2), np.zeros(2), mean)


@pytest.mark.parametrize("prior", ["one", None, True, object(), 1j, [[1.0], "two"]])
@pytest.mark.parametrize("name", ["prior_mean", "prior_variance"])
def test_priors_that_are_no_numbers_are_refused(prior, name):
    with pytest.raises(TypeError, match=f"{name} must be"):
        kl_divergence(np.zeros(2), np.zeros(2), **{name: prior})


def test_a_number_outside_the_range_of_float32_is_refused_for_float32_only():
    zeros = np.zeros(2, np.float32)
    for name, number in (("prior_variance", 1e-90), ("prior_variance", 1e90), ("prior_mean", 1e39)):
        with pytest.raises(ValueError, match=rf"{name} must be .*float32"):
            kl_divergence(zeros, zeros, **{name: number})
        kl_divergence(zeros.astype(float), zeros.astype(float), **{name: number})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros(3), np.zeros((3, 1))), r"log_variance must be of the shape of mean, \(3,\); got \(3, 1\)"),
        ((np.zeros((4, 3)), np.zeros(3)), "log_variance must be of the shape of mean"),
        ((np.zeros(3), np.zeros(3), np.zeros(2)), r"prior_mean must be of a shape that broadcasts.*\(3,\); got \(2,\)"),
        ((np.array([0.0, NAN]), np.zeros(2)), r"mean must be finite; got nan at mean\[1\]"),
        ((np.zeros(2), np.array([0.0, INF])), r"log_variance must be finite; got inf at log_variance\[1\]"),
    ],
)
def test_shapes_that_disagree_and_values_that_are_not_finite_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        kl_divergence(*arguments)


def test_integer_tensors_and_mixed_dtypes_are_refused():
    with pytest.raises(TypeError, match="mean must be of a floating-point dtype"):
        kl_divergence(torch.zeros(2, dtype=torch.int64), torch.zeros(2))
    with pytest.raises(TypeError, match="log_variance must be of the same dtype"):
        kl_divergence(torch.zeros(2), torch.zeros(2, dtype=torch.float64))
