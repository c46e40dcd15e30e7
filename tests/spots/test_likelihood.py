"""The likelihood of groups: score and information are its derivatives, and its errors are those of simulations."""

import numpy as np
import pytest
import torch

from gaussgrad.simulation import Camera, Scene
from gaussgrad.spots.likelihood import fit
from gaussgrad.spots.likelihood.records import NUMBERS, PLACES_AND_LIGHT, Frames, Groups, Spots

SIDE = 21
TRUE = np.array([[9.3, 10.2, 800.0, 1.3, 1.2], [11.9, 9.1, 500.0, 1.1, 1.4], [7.6, 13.0, 650.0, 1.25, 1.3]])
LEVEL = 3.0


def model(numbers: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Photons of each pixel, by torch."""
    edges = torch.arange(SIDE + 1, dtype=torch.float64) - 0.5

    def share(mean, stddev):
        return torch.diff(0.5 * torch.erf((edges - mean) / stddev / 2**0.5))

    light = sum(n[2] * share(n[1], n[4])[:, None] * share(n[0], n[3]) for n in numbers)
    return LEVEL + shift + light


def deviance(data, noise, numbers, shift, gaussian):
    expected = model(numbers, shift)
    if gaussian:
        return ((data - expected) ** 2 / noise).sum()
    data, expected = data + noise, expected + noise
    return 2 * (expected - data + torch.special.xlogy(data, data / expected)).sum()


def fitted(data, noise, start, free, gaussian, radius=9):
    """All spots in one group; errors, shifts and what was fitted."""
    n = len(start)
    frames = Frames(data[None], np.full((1, SIDE, SIDE), LEVEL), noise, np.ones((1, SIDE, SIDE), dtype=bool))
    spots = Spots(start.copy(), np.full((n, 2), 10), np.zeros(n, np.int64), np.ones(n, bool), np.zeros_like(start))
    groups = Groups(np.array([0, n]), np.zeros(1))
    return spots, groups, fit(frames, spots, groups, radius=radius, free=free, gaussian=gaussian, threads=1)


@pytest.mark.parametrize(("gaussian", "free"), [(False, NUMBERS), (True, PLACES_AND_LIGHT)])
def test_a_fit_ends_where_autograd_finds_no_slope_and_its_errors_are_those_of_autograd(gaussian, free):
    rng = np.random.default_rng(0)
    expected = model(torch.tensor(TRUE), torch.tensor(0.0)).numpy()
    data = expected + 3 * rng.standard_normal(expected.shape) if gaussian else rng.poisson(expected).astype(float)
    noise = np.full((SIDE, SIDE), 9.0 if gaussian else 0.5)
    start = TRUE + np.array([0.2, -0.1, 40, *((0.1, -0.05) if free == NUMBERS else (0, 0))])
    spots, groups, answers = fitted(data, noise, start, free, gaussian, radius=10)

    numbers = torch.tensor(spots.numbers[:, :free], requires_grad=True)
    shift = torch.tensor(groups.shifts[0], requires_grad=True)
    rest = torch.tensor(spots.numbers[:, free:])
    whole = lambda some: torch.cat([some, rest], dim=1)  # noqa: E731
    value = deviance(torch.tensor(data), torch.tensor(noise), whole(numbers), shift, gaussian)
    np.testing.assert_allclose(answers.deviances[0], value.item(), rtol=1e-10)
    slope, of_shift = torch.autograd.grad(value, (numbers, shift))

    by_shift, by_numbers = torch.autograd.functional.jacobian(
        lambda s, n: model(whole(n), s).reshape(-1), (shift.detach(), numbers.detach())
    )
    rows = torch.cat([by_shift[:, None], by_numbers.reshape(SIDE * SIDE, -1)], dim=1)
    variance = torch.tensor(noise) if gaussian else model(whole(numbers), shift).detach() + torch.tensor(noise)
    information = rows.T @ (rows / variance.reshape(-1, 1))
    errors = torch.linalg.inv(information).diagonal()[1:].sqrt().reshape(len(TRUE), free)
    np.testing.assert_allclose(answers.errors[:, :free], errors.numpy(), rtol=1e-7)
    assert (np.abs(slope.numpy()) * answers.errors[:, :free] < 1e-2).all()  # of a standard error
    assert abs(of_shift.item()) * information[0, 0] ** -0.5 < 1e-2


def test_the_deviance_rises_by_its_information_on_both_sides_of_the_fit():
    """Finite differences: away from the highest likelihood, twice its logarithm falls by (step / error)²."""
    data = model(torch.tensor(TRUE[:1]), torch.tensor(0.0)).numpy()
    noise = np.zeros((SIDE, SIDE))
    start = TRUE[:1] + np.array([0.1, 0.1, 20, 0, 0])
    spots, _, answers = fitted(data, noise, start, PLACES_AND_LIGHT, False)
    np.testing.assert_allclose(spots.numbers, TRUE[:1], rtol=1e-5)
    for sign in (-1, 1):
        moved = torch.tensor(TRUE[:1] + np.array([sign * 0.02 * answers.errors[0, 0], 0, 0, 0, 0]))
        rise = deviance(torch.tensor(data), torch.tensor(noise), moved, torch.tensor(0.0), False)
        np.testing.assert_allclose(rise.item(), 0.02**2, rtol=0.02)


@pytest.mark.parametrize("photons", [200.0, 5000.0])
def test_errors_are_those_of_a_thousand_simulated_spots(photons):
    """The bound of Cramér and Rao is reached, and x and y miss by their standard errors."""
    n = 1000
    rng = np.random.default_rng(int(photons))
    means = 10 + rng.uniform(-0.5, 0.5, (n, 2))
    true = np.column_stack([means, np.full(n, photons), np.full((n, 2), 1.3)])
    edges = np.arange(SIDE + 1) - 0.5
    shares = torch.special.erf(torch.tensor((edges - means[:, :, None]) / 1.3 / 2**0.5)).numpy()
    x, y = np.moveaxis(np.diff(shares, axis=-1) / 2, 1, 0)
    light = 1.0 + photons * y[:, :, None] * x[:, None, :]
    data = Camera(read_noise=0.5).counts(light, rng)
    frames = Frames(data, np.ones(data.shape), np.full((SIDE, SIDE), 0.25), np.ones(data.shape, dtype=bool))
    start = true + rng.normal(0, (0.3, 0.3, 0.1 * photons, 0, 0), true.shape)
    spots = Spots(start, np.full((n, 2), 10), np.arange(n), np.ones(n, bool), np.zeros_like(start))
    answers = fit(
        frames, spots, Groups(np.arange(n + 1), np.zeros(n)), radius=5, free=PLACES_AND_LIGHT, gaussian=False, threads=2
    )
    misses, errors = (spots.numbers - true)[:, :2], answers.errors[:, :2]
    assert np.sqrt((misses**2).mean() / (errors**2).mean()) < 1.05
    pulls = misses / errors
    assert 0.95 < pulls.std() < 1.05
    assert abs(pulls.mean()) < 0.1
    assert 0.65 < (np.abs(pulls) < 1).mean() < 0.71


def test_the_renderer_draws_the_same_spots():
    scene = Scene(size=(SIDE, SIDE), density=0.0, stddev=1.3, background=LEVEL)
    drawn = scene.expected(TRUE[:, :2], TRUE[:, 2])
    ours = model(torch.tensor(TRUE * (1, 1, 1, 0, 0) + (0, 0, 0, 1.3, 1.3)), torch.tensor(0.0)).numpy()
    np.testing.assert_allclose(ours, drawn, atol=2e-3)
