"""The step of one Gaussian: Adam in coordinates of its own widths, against automatic differentiation."""

import numpy as np
import pytest
import torch

from gaussgrad.fitting.photographs.natural import SHAPE, move, within

N, CHANNELS = 5, 3
RATES, DECAYS, FREE = (0.02, 0.01, 0.03), (0.8, 0.9), (0.0, np.inf, -np.inf)


def gaussians(rng):
    factors = rng.normal(size=(N, 3))
    factors[:, [0, 2]] = np.exp(factors[:, [0, 2]])
    arrays = rng.normal(size=(N, 2)), factors, rng.normal(size=(N, CHANNELS))
    return tuple(np.ascontiguousarray(array, np.float32) for array in arrays)


def loss(means, factors, weights):
    """Any smooth function of the numbers of each Gaussian."""
    together = torch.cat((means, factors, weights), dim=1)
    return (torch.sin(together) * together.cumsum(1)).sum()


def moved(arrays, steps):
    """The same numbers as tensors after a step (n, 5 + c) in their own coordinates: m + L u, L E, w + dw."""
    means, factors, weights = (torch.as_tensor(array, dtype=torch.float64) for array in arrays)
    (a, b, c), (u, v, p, q, r) = factors.unbind(1), steps[:, :SHAPE].unbind(1)
    shifts = torch.stack((a * u, b * u + c * v), dim=1)
    wider = torch.exp(p)
    new = torch.stack((a * wider, b * wider + c * q, c * torch.exp(r)), dim=1)
    return means + shifts, new, weights + steps[:, SHAPE:]


def gradients(arrays):
    leaves = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]
    return tuple(grad.numpy().astype(np.float32) for grad in torch.autograd.grad(loss(*leaves), leaves))


def step(arrays, moments, ages, bounds=FREE):
    move(0, N, arrays, gradients(arrays), moments, ages, RATES, DECAYS, bounds)


def fresh():
    return tuple(np.zeros((N, SHAPE + CHANNELS), np.float32) for _ in range(2)), np.zeros(N, np.int32)


def test_steps_are_those_of_adam_on_moves_in_own_widths(rng):
    arrays = gaussians(rng)
    wanted = [torch.as_tensor(array, dtype=torch.float64) for array in arrays]
    (first, second), (moments, ages) = (torch.zeros(N, SHAPE + CHANNELS, dtype=torch.float64) for _ in "mv"), fresh()
    rates = torch.tensor([RATES[0]] * 2 + [RATES[1]] * 3 + [RATES[2]] * CHANNELS)
    for age in (1, 2, 3):
        steps = torch.zeros(N, SHAPE + CHANNELS, dtype=torch.float64, requires_grad=True)
        (pull,) = torch.autograd.grad(loss(*moved(wanted, steps)), steps)
        first = DECAYS[0] * first + (1 - DECAYS[0]) * pull
        second = DECAYS[1] * second + (1 - DECAYS[1]) * pull**2
        direction = (first / (1 - DECAYS[0] ** age)) / torch.sqrt(second / (1 - DECAYS[1] ** age))
        wanted = [array.detach() for array in moved(wanted, -rates * direction)]
        step(arrays, moments, ages)
    for found, exact in zip(arrays, wanted, strict=True):
        np.testing.assert_allclose(found, exact.numpy(), rtol=2e-5, atol=2e-5)
    np.testing.assert_array_equal(ages, 3)


def test_what_nothing_pulls_stays(rng):
    arrays, (moments, ages) = gaussians(rng), fresh()
    before = [array.copy() for array in arrays]
    move(0, N, arrays, tuple(np.zeros_like(array) for array in arrays), moments, ages, RATES, DECAYS, FREE)
    for found, wanted in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_weights_stay_above_the_least(rng):
    arrays, (moments, ages) = gaussians(rng), fresh()
    step(arrays, moments, ages, bounds=(0.0, np.inf, 0.0))
    assert arrays[2].min() == 0


def covariance(a, b, c):
    factor = np.array([[a, 0.0], [b, c]])
    return factor @ factor.T


@pytest.mark.parametrize(("a", "b", "c"), [(3.0, 5.0, 0.01), (1e-3, 0.0, 2.0), (0.1, -0.05, 0.1), (1e-4, 7.0, 1e-4)])
def test_a_needle_gets_just_so_much_of_the_identity(a, b, c):
    before, after = covariance(a, b, c), covariance(*within.py_func(a, b, c, 0.5, 100.0))
    added = after - before
    np.testing.assert_allclose(added, np.eye(2) * added[0, 0], rtol=0, atol=1e-12 * np.trace(before))
    np.testing.assert_allclose(np.linalg.eigvalsh(after)[0], 0.25, rtol=1e-6)


def test_what_is_wide_enough_stays_as_it_is():
    assert within.py_func(0.6, 0.1, 0.7, 0.5, 1.0) == (0.6, 0.1, 0.7)


def test_what_is_too_wide_shrinks_as_a_whole():
    np.testing.assert_allclose(within.py_func(30.0, 40.0, 2.0, 0.0, 5.0), np.array([3.0, 4.0, 0.2]), rtol=0.01)
    variances = np.linalg.eigvalsh(covariance(*within.py_func(1e6, 3e6, 1e-3, 0.5, 5.0)))
    np.testing.assert_allclose(variances, [0.25, 25.25], rtol=1e-6)
