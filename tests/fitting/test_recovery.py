"""Recovery finds all blobs from random places, in one line; diagnostics find what was planted."""

import numpy as np
import pytest
import torch

from gaussgrad import render
from gaussgrad.fitting import recovery
from gaussgrad.fitting.diagnostics import CURES, KINDS, diagnose
from gaussgrad.fitting.matching import match
from gaussgrad.fitting.recovery import recover
from gaussgrad.gaussians import Gaussians


def scenes(count, n, stddev, side=64, seed=0):
    """Places (count, n, 2) at least three widths apart, and images of blobs there."""
    rng = np.random.default_rng(seed)
    places = []
    while len(places) < count:
        drawn = rng.uniform(0, side - 1, (n, 2))
        apart = np.linalg.norm(drawn[:, None] - drawn, axis=-1) + 1e9 * np.eye(n)
        if apart.min() >= 3 * stddev:
            places.append(drawn)
    means = torch.tensor(np.array(places), dtype=torch.float32)
    width = torch.tensor([stddev**2, 0.0, stddev**2])
    return means, render(means, width, size=(side, side), amplitude="peak")[:, None]


def share_found(found, truth):
    """The share of blobs matched one to one within a pixel."""
    distances = torch.cdist(found, truth)
    rows, columns = match(distances)
    batch = torch.arange(len(truth))[:, None]
    return (distances[batch, rows, columns] <= 1).double().mean().item()


@pytest.mark.parametrize("stddev", [1.5, 3.0])
def test_all_blobs_are_recovered_from_random_places(stddev):
    truth, images = scenes(6, 5, stddev)
    found = recover(images, 5, stddev=stddev, steps=120)
    np.testing.assert_allclose(share_found(found.means, truth), 1.0)
    torch.testing.assert_close(found.weights, torch.ones(6, 5), rtol=0, atol=0.05)


def test_a_width_known_roughly_is_found_with_the_places():
    truth, images = scenes(6, 3, 2.5, side=48)
    found = recover(0.4 * images + 0.2, 3, stddev=2.0, background=0.2, fixed_width=False, steps=120)
    np.testing.assert_allclose(share_found(found.means, truth), 1.0)
    expected = torch.tensor([6.25, 0.0, 6.25]).expand(6, 3, 3)
    torch.testing.assert_close(found.covariances, expected, rtol=0, atol=0.3)


@pytest.mark.parametrize("side", [64, 70])
def test_the_search_alone_comes_near_on_an_image_averaged_down(side):
    truth, images = scenes(4, 1, 3.0, side=side)
    inside = truth.clamp(9, side - 10)
    images = render(inside, torch.tensor([9.0, 0.0, 9.0]), size=(side, side), amplitude="peak")[:, None]
    found = recovery._search(images, 1, steps=200, seed=0)
    torch.testing.assert_close(found, inside, rtol=0, atol=0.6)
    torch.testing.assert_close((found - inside).mean(dim=(0, 1)), torch.zeros(2), rtol=0, atol=0.25)  # no shift


def test_the_search_sees_the_last_row_and_column_of_a_side_that_does_not_divide():
    images = torch.zeros(1, 1, 33, 33)
    images[0, 0, 32, 32] = 1.0
    found = recovery._search(images, 1, steps=200, seed=0)
    torch.testing.assert_close(found, torch.full((1, 1, 2), 32.0), rtol=0, atol=1.0)


def test_pixels_below_the_background_pull_nothing():
    truth, images = scenes(4, 2, 2.0, side=32)
    noise = 0.3 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    found = recover(images - noise * (images < 1e-3), 2, stddev=2.0, steps=120)
    np.testing.assert_allclose(share_found(found.means, truth), 1.0)


def test_one_seed_finds_the_same():
    _, images = scenes(2, 3, 2.0, side=24)
    first, second = (recover(images, 3, stddev=2.0, steps=20, seed=4) for _ in range(2))
    torch.testing.assert_close(first.means, second.means, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": torch.zeros(2, 3, 8, 8)}, r"images must be of shape \(b, 1, h, w\)"),
        ({"n": 0}, "n must be an integer of at least 1"),
        ({"stddev": 0.1}, "stddev must be at least 0.3 pixels"),
        ({"steps": 0}, "steps must be an integer of at least 1"),
    ],
)
def test_wrong_arguments_of_recovery_are_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words):
        recover(**{"images": torch.zeros(2, 1, 8, 8), "n": 1, "stddev": 1.0, **change})


def healthy(n=6):
    """Two images of n Gaussians on a row in a frame of 40 by 60."""
    means = torch.stack((torch.linspace(8, 52, n), torch.full((n,), 20.0)), -1).expand(2, n, 2).clone()
    covariances = torch.tensor([4.0, 0.5, 3.0]).expand(2, n, 3).clone()
    return Gaussians(means, covariances, torch.ones(2, n))


def plant(kind):
    """Gaussian 1 of image 0 made ill, and Gaussian 4 of image 1."""
    gaussians = healthy()
    for image, i in ((0, 1), (1, 4)):
        if kind == "dead":
            gaussians.weights[image, i] = 0.001
        elif kind == "duplicate":
            gaussians.means[image, i] = gaussians.means[image, 0] + 0.3
        elif kind == "off-frame":
            gaussians.means[image, i] = torch.tensor([30.0, 45.0])
        elif kind == "border":
            gaussians.means[image, i] = torch.tensor([-0.4, 11.0])
        else:
            gaussians.covariances[image, i] = torch.tensor([500.0, 0.0, 450.0])
    return gaussians


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_planted_is_found_and_nothing_else(kind):
    diagnosis = diagnose(plant(kind), (40, 60))
    planted = torch.zeros(2, 6, dtype=torch.bool)
    planted[0, 1] = planted[1, 4] = True
    for name in KINDS:
        torch.testing.assert_close(diagnosis.found[name], planted if name == kind else torch.zeros_like(planted))
    warnings = diagnosis.warnings()
    assert list(warnings) == [kind]
    assert warnings[kind] == f"17% of the Gaussians {CURES[kind]}"


def test_a_gaussian_too_narrow_to_be_seen_is_dead():
    gaussians = healthy()
    gaussians.covariances[0, 2] = torch.tensor([0.04, 0.0, 4.0])
    assert diagnose(gaussians, (40, 60)).found["dead"].nonzero().tolist() == [[0, 2]]


def test_healthy_gaussians_give_no_warning():
    assert diagnose(healthy(), (40, 60)).warnings() == {}


def test_absent_gaussians_are_of_no_kind():
    gaussians = plant("off-frame")
    weights = gaussians.weights.clone()
    weights[0, 1] = weights[1, 4] = 0.0
    absent = Gaussians(gaussians.means, gaussians.covariances, weights, presence=torch.full((2, 6), 0.9))
    assert not any(mask.any() for mask in diagnose(absent, (40, 60)).found.values())


def test_colours_count_by_their_strongest_channel():
    gaussians = healthy()
    weights = torch.zeros(2, 6, 3)
    weights[..., 1] = -0.5
    weights[1, 3] = 0.001
    coloured = Gaussians(gaussians.means, gaussians.covariances, weights)
    assert diagnose(coloured, (40, 60)).found["dead"].nonzero().tolist() == [[1, 3]]
    with pytest.raises(ValueError, match=r"size must be \(height, width\)"):
        diagnose(coloured, (40,))
