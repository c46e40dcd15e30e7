"""Losses of heatmaps: values against plain formulas, gradients, and what they do at their ends."""

import math

import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

from gaussgrad import covariance, moments, render
from gaussgrad.fitting import js_divergence_to_gaussian, kl_divergence_to_gaussian, negative_log_likelihood

DIVERGENCES = (kl_divergence_to_gaussian, js_divergence_to_gaussian)
every_divergence = pytest.mark.parametrize("divergence", DIVERGENCES)
WIDTH = torch.tensor([2.0, 0.5, 1.5], dtype=torch.float64)


def scene(*leading, size=(7, 10)):
    """Maps of light, and points."""
    maps = torch.rand(*leading, *size, dtype=torch.float64)
    return maps, torch.rand(*leading, 2, dtype=torch.float64) * 6


def by_definition(divergence, share, target):
    """Of one map (h, w), as a sum over pixels."""
    if divergence is kl_divergence_to_gaussian:
        return sum(p * math.log(p / q) for p, q in zip(share.ravel(), target.ravel(), strict=True) if p > 0)
    middle = (share + target) / 2
    return sum(by_definition(kl_divergence_to_gaussian, part, middle) for part in (share, target)) / 2


@every_divergence
def test_divergences_are_the_sums_of_their_definition(divergence):
    maps, means = scene(2, 3)
    maps[0, 0, 2:4] = 0
    found = divergence(maps, means, WIDTH)
    assert found.shape == (2, 3)
    for b, k in np.ndindex(2, 3):
        drawn = render(means[b, k, None].numpy(), WIDTH.numpy(), size=(7, 10), tolerance=0)
        share = maps[b, k].numpy() / maps[b, k].sum().item()
        compare_values(found[b, k], by_definition(divergence, share, drawn / drawn.sum()))


@every_divergence
def test_divergences_are_0_for_the_gaussian_itself_and_more_for_others(divergence):
    means = torch.tensor([[4.3, 3.1]], dtype=torch.float64)
    target = render(means, WIDTH, size=(7, 10), tolerance=0)
    assert abs(divergence(target, means[0], WIDTH).item()) < 1e-12
    assert divergence(target, means[0] + 0.1, WIDTH).item() > 1e-4
    assert divergence(target, means[0], 1.1 * WIDTH).item() > 1e-4


@every_divergence
def test_logits_give_what_their_softmax_gives(divergence):
    maps, means = scene(3)
    compare_values(divergence(3 * maps.log(), means, WIDTH, softmax=3.0), divergence(maps, means, WIDTH))


@every_divergence
def test_divergences_have_gradients_to_all_they_are_told(divergence):
    maps, means = scene(2, size=(3, 4))
    given = [array.requires_grad_() for array in (maps, means, WIDTH.repeat(2, 1))]
    torch.autograd.gradcheck(divergence, given)
    torch.autograd.gradcheck(lambda *told: divergence(*told, softmax=0.5), given)


@every_divergence
@pytest.mark.parametrize("softmax", [None, 1.0])
def test_dark_pixels_and_far_points_make_neither_nan_nor_infinity(divergence, softmax):
    """In float32, where both shares are 0 in most pixels."""
    maps = torch.zeros(3, 20, 30)
    maps[:, 2, 2] = 1000.0
    maps[0, 10:] = -torch.inf if softmax else 0.0
    maps.requires_grad_()
    means = torch.tensor([[27.0, 17.0], [-300.0, 5.0], [2.0, 2.0]], requires_grad=True)
    loss = divergence(maps, means, torch.tensor([0.04, 0.0, 0.04]), softmax=softmax)
    assert torch.isfinite(loss).all()
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(loss.sum(), (maps, means)))


def test_the_jensen_shannon_divergence_is_at_most_log_2():
    maps = torch.zeros(1, 20, 30)
    maps[0, 2, 2] = 1.0
    loss = js_divergence_to_gaussian(maps, torch.tensor([[27.0, 17.0]]), torch.tensor([0.04, 0.0, 0.04]))
    assert loss.item() == pytest.approx(math.log(2))


def test_the_likelihood_of_points_is_least_surprising_at_the_mean_and_covariance_they_have():
    points = 1.7 * torch.randn(4000, 2, dtype=torch.float64) + 3
    xx, xy, _, yy = torch.cov(points.T, correction=0).flatten()
    mean, width = points.mean(0).requires_grad_(), torch.stack([xx, xy, yy]).requires_grad_()
    loss = negative_log_likelihood(points, mean.expand(4000, 2), width.expand(4000, 3)).mean()
    assert loss.item() == pytest.approx(1 + math.log(2 * math.pi) + math.log((xx * yy - xy**2).item()) / 2)
    for grad in torch.autograd.grad(loss, (mean, width)):
        assert grad.abs().max() < 1e-12


def test_a_map_learns_where_its_points_are_and_how_they_scatter():
    """One map for all points, by the likelihood alone: two steps of a hundred in the right direction."""
    points = torch.tensor([6.0, 4.0]) + torch.randn(500, 2) * torch.tensor([2.0, 1.0])
    logits = torch.zeros(10, 14, requires_grad=True)
    losses = []
    for _ in range(3):
        _, mean, width = moments(logits, softmax=1.0)
        width = covariance.blur(width, 12**-0.5)
        losses.append(negative_log_likelihood(points, mean.expand(500, 2), width.expand(500, 3)).mean())
        (grad,) = torch.autograd.grad(losses[-1], logits)
        logits = (logits - 20 * grad).detach().requires_grad_()
    assert losses[0] > losses[1] > losses[2]
    compare_gradients(grad.sum(), 0.0, scale=1.0)  # softmax does not see a constant


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(7), torch.ones(2), WIDTH), r"maps must be a tensor of shape \(..., h, w\); got shape \(7,\)"),
        (([[1.0]], torch.ones(2), WIDTH), r"maps must be a tensor of shape \(..., h, w\); got a list"),
        ((-torch.ones(7, 9), torch.ones(2), WIDTH), "maps must be zero or more; got a smallest value of -1. Pass soft"),
        ((torch.zeros(7, 9), torch.ones(2), WIDTH), "maps must be of some light each; got one that sums to 0"),
        ((torch.ones(3, 7, 9), torch.ones(2), WIDTH), r"means must be of shape \(3, 2\); got shape \(2,\)"),
        ((torch.ones(3, 7, 9), torch.ones(3, 2), torch.ones(2, 3)), r"covariances must be of shape \(3, 3\); got"),
        ((torch.ones(7, 9), torch.ones(2), -WIDTH), "covariances must be positive definite"),
    ],
)
@every_divergence
def test_maps_and_gaussians_that_do_not_fit_are_refused(divergence, arguments, message):
    with pytest.raises(ValueError, match=message):
        divergence(*arguments)


def test_points_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"means must be of shape \(5, 2\); got shape \(2,\)"):
        negative_log_likelihood(torch.ones(5, 2), torch.ones(2), torch.ones(5, 3))
    with pytest.raises(ValueError, match="covariances must be positive definite"):
        negative_log_likelihood(torch.ones(1, 2), torch.ones(1, 2), torch.zeros(1, 3))
