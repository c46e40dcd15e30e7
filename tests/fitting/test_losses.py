"""Losses and schedules: right values, a pull where it is promised, and refusals by name."""

import math
import sys

import numpy as np
import pytest
import torch

from gaussgrad import covariance, render
from gaussgrad.fitting import losses, matching, point_losses, schedules
from gaussgrad.gaussians import Gaussians


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_simple_errors_are_means_over_all_pixels():
    first, second = images(2, 3, 4, 5), images(2, 3, 4, 5, seed=1)
    torch.testing.assert_close(losses.squared_error(first, second), ((first - second) ** 2).mean())
    torch.testing.assert_close(losses.absolute_error(first, second), (first - second).abs().mean())


def test_poisson_error_is_the_likelihood_that_scipy_gives():
    from scipy import stats

    rates, counts = 5 * images(6, 7) + 0.1, (8 * images(6, 7, seed=1)).floor()
    expected = -stats.poisson.logpmf(counts.numpy(), rates.numpy()).mean()
    np.testing.assert_allclose(losses.poisson_error(rates, counts).item(), expected, rtol=1e-12)


def test_poisson_error_is_least_where_the_rates_are_the_counts():
    counts = (8 * images(6, 7)).floor() + 1
    rates = counts.clone().requires_grad_()
    losses.poisson_error(rates, counts).backward()
    torch.testing.assert_close(rates.grad, torch.zeros_like(rates))


def test_multi_scale_is_the_mean_over_halved_images():
    first, second = images(2, 1, 9, 13), images(2, 1, 9, 13, seed=1)
    halved = [
        value[..., :8, :12].unflatten(-1, (6, 2)).unflatten(-3, (4, 2)).mean(dim=(-1, -3)) for value in (first, second)
    ]
    expected = (losses.squared_error(first, second) + losses.squared_error(*halved)) / 2
    torch.testing.assert_close(losses.multi_scale(losses.squared_error, 2)(first, second), expected)


def _pull(loss, distance):
    """The gradient on x of a spot that many pixels right of its place."""
    place = torch.tensor([[16.0 + distance, 16.0]], dtype=torch.float64, requires_grad=True)
    options = {"size": (40, 40), "amplitude": "peak", "tolerance": 0.0}
    target = render(
        torch.tensor([[16.0, 16.0]], dtype=torch.float64), torch.tensor([2.0, 0.0, 2.0], dtype=torch.float64), **options
    )
    drawn = render(place, torch.tensor([2.0, 0.0, 2.0], dtype=torch.float64), **options)
    loss(drawn[None, None], target[None, None]).backward()
    return place.grad[0, 0].item()


def test_multi_scale_pulls_from_further_than_its_loss_does():
    single, several = losses.squared_error, losses.multi_scale(losses.squared_error, 4)
    assert _pull(several, 12.0) > 1e4 * abs(_pull(single, 12.0))


def energy_of(points, light):
    """The energy distance of two weighted sets of points by its definition, in plain NumPy."""
    (first, first_mass), (second, second_mass) = points, light

    def mean_distance(a, a_mass, b, b_mass):
        return a_mass @ np.linalg.norm(a[:, None] - b[None], axis=-1) @ b_mass

    cross = 2 * mean_distance(first, first_mass, second, second_mass)
    return cross - mean_distance(*points, *points) - mean_distance(*light, *light)


def test_energy_distance_is_that_of_the_points_and_the_pixels(rng):
    light = rng.random((2, 5, 7))
    means, weights = rng.uniform(-3, 9, (2, 4, 2)), rng.random((2, 4))
    y, x = np.mgrid[:5, :7]
    pixels = np.stack((x, y), -1).reshape(-1, 2).astype(float)
    expected = [
        energy_of((means[i], weights[i] / weights[i].sum()), (pixels, (light[i] / light[i].sum()).reshape(-1)))
        for i in range(2)
    ]
    tensors = [torch.from_numpy(value) for value in (means, light, weights)]
    np.testing.assert_allclose(point_losses.energy_distance(*tensors), expected, rtol=1e-9)
    np.testing.assert_allclose(
        point_losses.energy_distance(tensors[0], tensors[1][:, None], tensors[2]), expected, rtol=1e-9
    )


def test_energy_distance_pulls_from_any_distance_and_parts_points():
    light = torch.zeros(1, 30, 30, dtype=torch.float64)
    light[0, 10, 5] = light[0, 10, 25] = 1.0
    far = torch.tensor([[[300.0, 10.0], [-400.0, 10.0]]], dtype=torch.float64, requires_grad=True)
    point_losses.energy_distance(far, light).sum().backward()
    assert far.grad[0, 0, 0] > 0.4
    assert far.grad[0, 1, 0] < -0.4
    near = torch.tensor([[[15.1, 10.0], [14.9, 10.0]]], dtype=torch.float64, requires_grad=True)
    point_losses.energy_distance(near, light).sum().backward()
    assert near.grad[0, 0, 0] < 0 < near.grad[0, 1, 0]  # a step down parts them


def test_an_image_without_light_has_no_energy_distance_and_no_gradient():
    means = torch.rand(2, 3, 2, requires_grad=True)
    loss = point_losses.energy_distance(means, torch.zeros(2, 4, 4))
    loss.sum().backward()
    torch.testing.assert_close(loss, torch.zeros(2))
    torch.testing.assert_close(means.grad, torch.zeros_like(means))


def test_gradients_of_the_point_losses_are_those_of_finite_differences():
    points, targets = (9 * images(2, 3, 2, seed=seed) for seed in (1, 2))
    points.requires_grad_()
    light, weights = images(2, 8, 9), images(2, 3, seed=4).requires_grad_()
    torch.autograd.gradcheck(lambda p, w: point_losses.energy_distance(p, light, w), (points, weights))
    torch.autograd.gradcheck(lambda p: point_losses.separation(p, 6.0), points)
    torch.autograd.gradcheck(lambda p: point_losses.chamfer_distance(p, targets), points)
    torch.autograd.gradcheck(lambda p: matching.matched_distance(p, targets), points)


def test_separation_ends_at_its_distance():
    points = torch.tensor([[[0.0, 0.0], [0.0, 3.0]], [[1.0, 1.0], [1.0, 1.0]]])
    torch.testing.assert_close(point_losses.separation(points, 3.0), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(point_losses.separation(points[:, :1], 3.0), torch.zeros(2))


def test_matching_gives_each_point_a_target_of_its_own_at_the_least_cost():
    from itertools import permutations

    costs = images(4, 3, 5)
    rows, columns = matching.match(costs)
    for i in range(4):
        best = min(sum(costs[i, r, c].item() for r, c in enumerate(chosen)) for chosen in permutations(range(5), 3))
        found = costs[i, rows[i], columns[i]].sum().item()
        np.testing.assert_allclose(found, best, rtol=1e-12)


def test_matched_distance_ignores_the_order_and_chamfer_may_share_a_target():
    points = 9 * images(2, 5, 2)
    shuffled = points[:, [3, 1, 4, 0, 2]]
    torch.testing.assert_close(matching.matched_distance(points, shuffled), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(point_losses.chamfer_distance(points, shuffled), torch.zeros(2, dtype=torch.float64))
    doubled = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    assert point_losses.chamfer_distance(doubled, torch.tensor([[0.0, 0.0], [0.0, 2.0]])) == 2.0
    assert matching.matched_distance(torch.zeros(3, 0, 2), torch.zeros(3, 4, 2)).tolist() == [0.0, 0.0, 0.0]


def test_matching_without_scipy_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"matching needs the package scipy\. Use: python -m pip install scipy"
    ):
        matching.match(torch.zeros(2, 2))


def test_annealing_falls_from_first_to_last_and_stays():
    values = [schedules.annealed(step, 10, 32.0, 0.5) for step in range(15)]
    assert values[0] == 32.0
    assert values[10:] == [0.5] * 5
    assert (np.diff(values[:11]) < 0).all()
    np.testing.assert_allclose(values[5], (32.0 + 0.5) / 2)


@pytest.mark.parametrize("stddev", [1.0, 3.0, 20.0])
@pytest.mark.parametrize("channels", [0, 2])
def test_a_drawn_image_blurred_is_the_image_of_the_blurred_gaussians(stddev, channels):
    means = torch.tensor([[20.0, 17.0], [12.0, 22.0]], dtype=torch.float64)
    covariances = torch.tensor([[6.0, 1.5, 4.0], [3.0, -1.0, 5.0]], dtype=torch.float64)
    weights = images(2, channels) if channels else images(2)

    def draw(drawn):
        widths = drawn.packed_covariances()
        return render(drawn.means, widths, drawn.weights, size=(40, 36), amplitude="peak", tolerance=0)

    for gaussians in (
        Gaussians(means, covariances, weights),
        Gaussians(means, weights=weights, cholesky=covariance.to_cholesky(covariances)),
    ):
        blurred = schedules.blur_images(draw(gaussians), stddev)
        wide = schedules.blur_gaussians(gaussians, stddev)
        expected = draw(wide)
        assert wide.held == gaussians.held
        torch.testing.assert_close(blurred, expected, rtol=0, atol=1e-6 * expected.max().item())


def test_blur_loses_light_over_the_edge_or_repeats_what_stands_there():
    bright = torch.ones(1, 6, 9, dtype=torch.float64)
    torch.testing.assert_close(schedules.blur_images(bright, 5.0, edge="repeat"), bright)
    dimmed = schedules.blur_images(bright, 5.0)
    assert dimmed.max() < 0.5
    np.testing.assert_allclose(dimmed[0, 0, 0].item(), dimmed[0, -1, -1].item())
    ramp = torch.arange(9.0, dtype=torch.float64).expand(6, 9)
    padded = torch.cat((ramp[:, :1].expand(6, 60), ramp, ramp[:, -1:].expand(6, 60)), 1)
    expected = schedules.blur_images(padded, 4.0, edge="repeat")[:, 60:69]
    torch.testing.assert_close(schedules.blur_images(ramp, 4.0, edge="repeat"), expected, rtol=0, atol=1e-7)


def test_no_blur_changes_nothing():
    image = images(2, 3, 4)
    torch.testing.assert_close(schedules.blur_images(image, 0.0), image, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: losses.squared_error(torch.zeros(2, 3), torch.zeros(3)), ValueError, r"targets must be of the shape"),
        (lambda: losses.absolute_error([1.0], torch.zeros(1)), TypeError, "images must be a tensor; got a list"),
        (
            lambda: losses.poisson_error(torch.zeros(2), torch.ones(2)),
            ValueError,
            r"rates must be positive; got 0 at rates\[0\]",
        ),
        (
            lambda: losses.poisson_error(torch.ones(2), -torch.ones(2)),
            ValueError,
            "counts must be zero or more; got -1",
        ),
        (lambda: losses.multi_scale(losses.squared_error, 0), ValueError, "scales must be an integer of at least 1"),
        (
            lambda: losses.multi_scale(losses.squared_error, 4)(*[torch.zeros(1, 1, 7, 9)] * 2),
            ValueError,
            "at least 8 pixels",
        ),
        (
            lambda: point_losses.energy_distance(torch.zeros(1, 2, 3), torch.zeros(1, 4, 4)),
            ValueError,
            "means must be of shape",
        ),
        (
            lambda: point_losses.energy_distance(torch.zeros(1, 2, 2), torch.zeros(1, 3, 4, 4)),
            ValueError,
            "Sum the channels",
        ),
        (
            lambda: point_losses.energy_distance(torch.zeros(1, 2, 2), -torch.ones(1, 4, 4)),
            ValueError,
            "images must be zero or more",
        ),
        (
            lambda: point_losses.energy_distance(torch.zeros(1, 2, 2), torch.ones(1, 4, 4), torch.ones(1, 3)),
            ValueError,
            "weights must be of shape",
        ),
        (
            lambda: point_losses.energy_distance(torch.zeros(1, 2, 2), torch.ones(1, 4, 4), -torch.ones(1, 2)),
            ValueError,
            "weights must be zero or more",
        ),
        (lambda: point_losses.separation(torch.zeros(2, 2), 0.0), ValueError, "distance must be positive"),
        (lambda: point_losses.separation(torch.zeros(2), 1.0), ValueError, "means must be of shape"),
        (lambda: point_losses.chamfer_distance(torch.zeros(2, 2), torch.zeros(0, 2)), ValueError, "got 2 and 0"),
        (
            lambda: point_losses.chamfer_distance(torch.zeros(2, 2), torch.zeros(2, 3)),
            ValueError,
            r"targets must be of shape \(m, 2\)",
        ),
        (
            lambda: matching.matched_distance(torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, 2)),
            TypeError,
            "points must be a tensor of a floating",
        ),
        (lambda: matching.match(torch.tensor([[math.nan]])), ValueError, "costs must be finite"),
        (lambda: matching.match(torch.zeros(3)), ValueError, r"costs must be of shape"),
        (lambda: schedules.annealed(-1, 5, 1.0), ValueError, "step must be zero or more"),
        (lambda: schedules.annealed(1, 0, 1.0), ValueError, "steps must be an integer of at least 1"),
        (lambda: schedules.blur_images(torch.zeros(4), 1.0), ValueError, r"images must be of shape"),
        (lambda: schedules.blur_images(torch.zeros(4, 4), -1.0), ValueError, "stddev must be zero or more pixels"),
        (
            lambda: schedules.blur_images(torch.zeros(4, 4), 1.0, edge="wrap"),
            ValueError,
            "edge must be one of 'zero', 'repeat'",
        ),
    ],
)
def test_wrong_arguments_are_refused_by_name(call, error, words):
    with pytest.raises(error, match=words):
        call()
