"""Digits of mixture densities and their derivatives, against the textbook formula in 60 digits."""

from functools import cache

import array_api_compat.numpy as numpy_namespace
import exact_mixture as exact
import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad.op import OPERATIONS
from gaussgrad.ops.mixture import reference

KERNELS = OPERATIONS["mixture_log_density"].load_kernels("cpu")
DRAWS = 200
FLOAT32_BARS = {  # atanh of the correlation: relative error of the log density, and of its derivative to that
    2.0: (4e-7, 4e-7),
    4.0: (8e-7, 2e-6),
    6.0: (4e-6, 1e-5),
    8.0: (1e-5, 8e-5),
    10.0: (6e-5, 8e-4),
    12.0: (4e-4, 6e-3),
}
LOGITS = 1  # their place among the arguments
SMALLEST, LARGEST = np.log(1e-6), np.log(1e6)


def draws_of(a: float) -> tuple[np.ndarray, ...]:
    """Points of float32 drawn from Gaussians of one component, of stddevs e^-1 to e, and of both signs."""
    rng = np.random.default_rng(0)
    sign = np.where(np.arange(DRAWS) % 2, 1, -1)
    means, log_stddevs = rng.normal(size=(DRAWS, 1, 2)), rng.uniform(-1, 1, size=(DRAWS, 1, 2))
    normal = rng.normal(size=(DRAWS, 2))
    normal[:, 1] = np.tanh(sign * a) * normal[:, 0] + normal[:, 1] / np.cosh(a)
    points = means[:, 0] + np.exp(log_stddevs[:, 0]) * normal
    arrays = points, np.zeros((DRAWS, 1)), means, log_stddevs, (sign * a)[:, None]
    return tuple(array.astype(np.float32) for array in arrays)


@cache
def truth_of(a: float) -> tuple[np.ndarray, np.ndarray]:
    """The log densities of the draws and their derivatives to atanh of the correlation, inputs taken as exact."""
    values, slopes = [], []
    for x, _, (mean,), (log_stddev,), (number,) in zip(*(exact.exactly(array) for array in draws_of(a)), strict=True):
        values.append(exact.log_density_of_one(x, mean, log_stddev, number))
        ends = [exact.log_density_of_one(x, mean, log_stddev, number + h) for h in (exact.STEP, -exact.STEP)]
        slopes.append((ends[0] - ends[1]) / (2 * exact.STEP))
    return np.array(values, dtype=float), np.array(slopes, dtype=float)


def by_kernel(arrays):
    out, saved = KERNELS.forward(*arrays, threads=1)
    return out[:, 0], KERNELS.backward(np.ones_like(out), saved, *arrays, threads=1)[4][:, 0]


def by_reference(arrays):
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    value = gaussgrad.mixture_log_density(*tensors, backend="reference")
    return value.detach().numpy(), torch.autograd.grad(value.sum(), tensors[4])[0].numpy()[:, 0]


@pytest.mark.parametrize("compute", [by_kernel, by_reference])
@pytest.mark.parametrize("a", FLOAT32_BARS)
def test_float32_keeps_its_digits_at_high_correlations(a, compute):
    found = compute(draws_of(a))
    for values, expected, bar in zip(found, truth_of(a), FLOAT32_BARS[a], strict=True):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert np.median(np.abs(values - expected) / np.abs(expected)) <= bar


@pytest.mark.parametrize("compute", [by_kernel, by_reference])
@pytest.mark.parametrize("sign", [1, -1])
def test_where_offsets_are_exact_no_digit_is_lost_however_high_the_correlation(rng, sign, compute):
    """A product of correlation and offset, rounded before the difference, would be off by 4e-3 here."""
    a, count = 12.0, 50
    x = rng.integers(-2048, 2048, size=count) / 2**10
    y = sign * (x + rng.integers(-20, 21, size=count) / 2**20)
    zeros = np.zeros((count, 1))
    arrays = np.stack([x, y], axis=1), zeros, np.zeros((count, 1, 2)), np.zeros((count, 1, 2)), zeros + sign * a
    values, slopes = compute(tuple(array.astype(np.float32) for array in arrays))
    for point, value, slope in zip(arrays[0], values, slopes, strict=True):
        numbers = exact.exactly(point), exact.exactly([0, 0]), exact.exactly([0, 0])
        ends = [exact.log_density_of_one(*numbers, sign * a + h) for h in (exact.STEP, -exact.STEP, 0)]
        assert value == pytest.approx(float(ends[2]), rel=1e-6, abs=1e-6)
        assert slope == pytest.approx(float((ends[0] - ends[1]) / (2 * exact.STEP)), rel=2e-6, abs=2e-6)


def mixtures_of(rng: np.random.Generator, b: int, k: int, widest: float = 1.0) -> tuple[np.ndarray, ...]:
    shape = (b, k)
    log_stddevs = rng.uniform(-widest, widest, size=(*shape, 2))
    return (
        rng.normal(size=(b, 2)),
        rng.normal(size=shape),
        rng.normal(size=(*shape, 2)),
        log_stddevs,
        rng.normal(size=shape),
    )


def compare_with_60_digits(arrays: tuple[np.ndarray, ...], tolerance: float) -> None:
    """Raise where the kernel's values or gradients are off by more, relative to each gradient's largest entry.

    The gradient to logits is relative to 1, the scale of the two probabilities of which it is the difference.
    """
    out, saved = KERNELS.forward(*arrays, threads=1)
    grads = KERNELS.backward(np.ones_like(out), saved, *arrays, threads=1)
    for i in range(len(out)):
        row = [array[i] for array in arrays]
        expected = float(exact.log_density(*(exact.exactly(array) for array in row)))
        np.testing.assert_allclose(out[i, 0], expected, rtol=tolerance, atol=tolerance)
        for position, wanted in enumerate(exact.gradient(exact.log_density, row)):
            largest = 1 if position == LOGITS else np.max(np.abs(wanted))
            np.testing.assert_allclose(grads[position][i], wanted, rtol=tolerance, atol=tolerance * largest)


def test_float64_values_and_gradients_agree_with_60_digits(rng):
    compare_with_60_digits(mixtures_of(rng, b=6, k=3), 1e-9)


def test_a_correlation_of_exactly_zero_has_the_right_gradient(rng):
    arrays = mixtures_of(rng, b=4, k=3)
    arrays[4][:] = 0
    compare_with_60_digits(arrays, 1e-9)
    assert np.abs(exact.gradient(exact.log_density, [array[0] for array in arrays])[4]).min() > 1e-6


@pytest.mark.parametrize("backend", [None, "reference"])
def test_a_correlation_of_exactly_zero_has_the_right_second_derivative(rng, backend):
    x, log_stddev = rng.normal(size=2), rng.normal(size=2)

    def value(a):
        zeros = torch.zeros(1, dtype=torch.float64)
        means = torch.zeros(1, 2, dtype=torch.float64)
        return gaussgrad.mixture_log_density(
            torch.tensor(x), zeros, means, torch.tensor(log_stddev[None]), a, backend=backend
        )

    a = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(value(a), a, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, a)
    numbers = [exact.exactly(array) for array in (x, np.zeros(2), log_stddev)]
    ends = [exact.log_density_of_one(*numbers, h) for h in (exact.STEP, -exact.STEP, 0)]
    assert slope.item() == pytest.approx(float((ends[0] - ends[1]) / (2 * exact.STEP)), rel=1e-12)
    assert curvature.item() == pytest.approx(float((ends[0] + ends[1] - 2 * ends[2]) / exact.STEP**2), rel=1e-12)


def extreme_mixtures(rng: np.random.Generator, b: int = 12, k: int = 4) -> tuple[np.ndarray, ...]:
    """Stddevs from 1e-6 to 1e6, points up to 1e4 stddevs from a component, logits from -80 to 80 and -infinity."""
    logits = rng.uniform(-80, 80, size=(b, k))
    logits[:, -1] = -np.inf
    log_stddevs = rng.uniform(SMALLEST, LARGEST, size=(b, k, 2))
    log_stddevs[0, 0], log_stddevs[1, 0] = SMALLEST, LARGEST
    means = rng.normal(size=(b, k, 2))
    distance = 10 ** rng.uniform(-1, 4, size=(b, 1)) * rng.choice([-1, 1], size=(b, 2))
    points = means[:, 0] + np.exp(log_stddevs[:, 0]) * distance
    return points, logits, means, log_stddevs, rng.normal(size=(b, k))


def test_extremes_are_right_in_float64(rng):
    compare_with_60_digits(extreme_mixtures(rng), 1e-9)


def test_extremes_are_finite_and_right_in_float32(rng):
    """Exponents of thousands cannot keep their digits in float32 where two of them compete: one point in a hundred."""
    arrays = tuple(array.astype(np.float32) for array in extreme_mixtures(rng, b=1200))
    out, saved = KERNELS.forward(*arrays, threads=1)
    grads = KERNELS.backward(np.ones_like(out), saved, *arrays, threads=1)
    wide = tuple(array.astype(np.float64) for array in arrays)
    exactly, wide_saved = KERNELS.forward(*wide, threads=1)
    off = np.abs(out - exactly) / np.maximum(np.abs(exactly), 1)  # a logarithm may be as near to 0 as it likes
    assert np.quantile(off, 0.99) < 1e-6
    assert off.max() < 1e-5
    wide_grads = KERNELS.backward(np.ones_like(exactly), wide_saved, *wide, threads=1)
    for position, (grad, wanted) in enumerate(zip(grads, wide_grads, strict=True)):
        assert np.isfinite(grad).all()
        grad, wanted = grad.reshape(1200, -1), wanted.reshape(1200, -1)
        largest = 1 if position == LOGITS else np.abs(wanted).max(axis=1)
        off = np.abs(grad - wanted).max(axis=1) / largest
        assert np.quantile(off, 0.99) < 2e-5
        assert off.max() < 1e-2
    for grad in grads[1:]:
        np.testing.assert_array_equal(grad[:, -1], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_density_exceeds_the_one_at_the_mean(rng, dtype):
    """The quadratic form is a sum of squares, whatever the rounding: it is never negative."""
    count = 20_000
    a = rng.uniform(-80, 80, size=(count, 1))
    log_stddevs = rng.uniform(-5, 5, size=(count, 1, 2))
    means = rng.normal(size=(count, 1, 2))
    along = np.concatenate([np.ones_like(a), np.sign(a)], axis=1) * rng.normal(size=(count, 1))  # where it is flattest
    points = means[:, 0] + np.exp(log_stddevs[:, 0]) * along
    arrays = [array.astype(dtype) for array in (points, np.zeros((count, 1)), means, log_stddevs, a)]
    at_points = gaussgrad.mixture_log_density(*arrays)
    at_means = gaussgrad.mixture_log_density(arrays[2][:, 0], *arrays[1:])
    assert np.isfinite(at_means).all()
    assert not np.isnan(at_points).any()
    assert (at_points <= at_means).all()
    with np.errstate(over="ignore"):  # a density of 0
        one = reference.component_log_densities(numpy_namespace, *arrays[:1], *arrays[2:])
    other = reference.component_log_densities(numpy_namespace, arrays[2][:, 0], *arrays[2:])
    assert (one <= other).all()


def test_a_density_beyond_the_dtype_is_minus_infinity_with_no_gradient():
    arrays = [
        np.array(value, np.float32) for value in ([[1e30, 0]], [[0, 0]], [[[0, 0]] * 2], [[[0, 0]] * 2], [[0, 0]])
    ]
    out, saved = KERNELS.forward(*arrays, threads=1)
    grads = KERNELS.backward(np.ones_like(out), saved, *arrays, threads=1)
    assert out[0, 0] == -np.inf
    assert [np.isfinite(grad).all() for grad in grads] == [True] * 5
    assert not np.any(grads[2])
