"""Respawn takes the Gaussian that adds least and puts it where light is missing; the others stay as they are."""

import pytest
import torch

from gaussgrad.fitting.respawning import respawn
from gaussgrad.gaussians import Gaussians

SIZE = (12, 15)


def scene(b: int = 2, n: int = 4, channels: int = 1, seed: int = 0) -> tuple[torch.Tensor, Gaussians]:
    """Residuals without light, and Gaussians; the integral of the square grows with the index."""
    generator = torch.Generator().manual_seed(seed)
    means = 10 * torch.rand(b, n, 2, generator=generator)
    variances = torch.arange(1.0, n + 1).expand(b, n)
    covariances = torch.stack([variances, torch.zeros(b, n), variances], -1)
    return torch.zeros(b, channels, *SIZE), Gaussians(means, covariances, torch.ones(b, n, channels))


def moved(before: Gaussians, after: Gaussians) -> list[list[bool]]:
    return (before.means != after.means).any(-1).tolist()


def test_the_faintest_of_each_image_goes_to_the_largest_residual():
    residuals, gaussians = scene()
    residuals[0, 0, 3, 7] = 2.0
    residuals[1, 0, 10, 1] = 1.0
    gaussians.weights[1, 2] = 0.01
    found = respawn(residuals, gaussians)
    assert moved(gaussians, found) == [[True, False, False, False], [False, False, True, False]]
    assert found.means[0, 0].tolist() == [7.0, 3.0]
    assert found.means[1, 2].tolist() == [1.0, 10.0]
    torch.testing.assert_close(found.covariances[0, 0], torch.tensor([1.44, 0.0, 1.44]))
    for name in ("covariances", "weights"):
        torch.testing.assert_close(getattr(found, name)[0, 1:], getattr(gaussians, name)[0, 1:], rtol=0, atol=0)


def test_it_begins_with_the_residual_there_which_is_less_than_that_of_its_brightest_pixel():
    residuals, gaussians = scene(1)
    residuals[0, 0, 4:9, 4:9] = 0.7
    found = respawn(residuals, gaussians)
    torch.testing.assert_close(found.weights[0, 0, 0].item(), 0.7, rtol=0.05, atol=0)
    residuals, gaussians = scene(1)
    residuals[0, 0, 6, 6] = 0.7
    assert 0.05 < respawn(residuals, gaussians).weights[0, 0, 0] < 0.3


def test_a_patch_counts_more_than_a_brighter_pixel():
    residuals, gaussians = scene(1)
    residuals[0, 0, 2:5, 2:5] = 0.6
    residuals[0, 0, 9, 12] = 1.0
    assert respawn(residuals, gaussians).means[0, 0].tolist() == [3.0, 3.0]


def test_what_is_drawn_too_bright_calls_for_nothing():
    residuals, gaussians = scene(1)
    residuals[0, 0, 9, 9] = -3.0
    residuals[0, 0, 2, 2] = 0.1
    assert respawn(residuals, gaussians).means[0, 0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(("rank", "chosen"), [(0, 0), (1, 1), (3, 3), (4, 0)])
def test_a_higher_rank_takes_the_next(rank, chosen):
    residuals, gaussians = scene(1)
    residuals[0, 0, 5, 5] = 1.0
    assert moved(gaussians, respawn(residuals, gaussians, rank)) == [[index == chosen for index in range(4)]]


def test_energy_is_that_of_the_image_not_of_the_weight():
    """A narrow Gaussian adds less than a wide one of smaller weight, also one that leans."""
    residuals, gaussians = scene(1, n=2)
    residuals[0, 0, 5, 5] = 1.0
    gaussians.covariances[0] = torch.tensor([[9.0, 0.0, 9.0], [9.0, 8.99, 9.0]])  # sqrt of determinants: 9 and 0.42
    gaussians.weights[0, :, 0] = torch.tensor([0.5, 1.0])  # energies 2.25 and 0.42
    assert moved(gaussians, respawn(residuals, gaussians)) == [[False, True]]


def test_a_covariance_that_rounding_has_spoilt_adds_nothing():
    residuals, gaussians = scene(1, n=2)
    residuals[0, 0, 5, 5] = 1.0
    gaussians.covariances[0, 1] = torch.tensor([4.0, 4.001, 4.0])
    assert moved(gaussians, respawn(residuals, gaussians)) == [[False, True]]


def test_colours_are_taken_over_or_averaged():
    residuals, gaussians = scene(1, channels=3)
    residuals[0, :, 4:9, 4:9] = torch.tensor([0.9, 0.3, 0.6])[:, None, None]
    found = respawn(residuals, gaussians).weights[0, 0]
    torch.testing.assert_close(found, torch.tensor([0.9, 0.3, 0.6]), rtol=0.05, atol=0)
    grey = Gaussians(gaussians.means, gaussians.covariances, gaussians.weights[..., :1])
    torch.testing.assert_close(respawn(residuals, grey).weights[0, 0].item(), 0.6, rtol=0.05, atol=0)


def test_nothing_given_changes():
    residuals, gaussians = scene()
    residuals[:, 0, 3, 7] = 2.0
    copies = [getattr(gaussians, name).clone() for name in ("means", "covariances", "weights")]
    respawn(residuals, gaussians)
    for name, copy in zip(("means", "covariances", "weights"), copies, strict=True):
        assert torch.equal(getattr(gaussians, name), copy)


@pytest.mark.parametrize("shape", [(12, 15), (3, 1, 12, 15)])
def test_shapes_that_disagree_are_refused(shape):
    _, gaussians = scene()
    with pytest.raises(ValueError, match=r"residuals must be of shape \(2, c, h, w\); got shape"):
        respawn(torch.zeros(shape), gaussians)


def test_factors_are_respawned_as_covariances_are():
    residuals, gaussians = scene(seed=1)
    residuals[:, 0, 3, 7] = 2.0
    gaussians.covariances[:, 3] = torch.tensor([9.0, 8.99, 9.0])  # long, but of the smallest area
    told = Gaussians(gaussians.means, weights=gaussians.weights, cholesky=gaussians.factors())
    expected, found = respawn(residuals, gaussians), respawn(residuals, told)
    assert moved(gaussians, expected) == moved(told, found) == [[False, False, False, True]] * 2
    torch.testing.assert_close(found.packed_covariances(), expected.covariances)
    torch.testing.assert_close(found.cholesky[:, :3], told.cholesky[:, :3], rtol=0, atol=0)
    for name in ("means", "weights"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)
