"""Guided looks: the start by structure, the Gauss-Newton step, and how bounds take it."""

import pytest
import torch
from torch import nn

from gaussgrad.autoencoder import GaussianAutoencoder, newton
from gaussgrad.autoencoder.heads import LATENTS, GaussianHead
from gaussgrad.autoencoder.newton import Gradients, Step, newton_step
from gaussgrad.autoencoder.starts import curve, structured_start
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops.render import render


@pytest.mark.parametrize("size", [(8, 8), (5, 12), (1, 3)])
def test_the_curve_visits_every_pixel_once(size):
    assert sorted(curve(*size).tolist()) == list(range(size[0] * size[1]))


def test_the_curve_goes_from_neighbour_to_neighbour():
    order = curve(8, 8)
    steps = (order // 8).diff().abs() + (order % 8).diff().abs()
    assert steps.tolist() == [1] * 63


def test_gaussians_start_narrow_and_dense_where_the_image_has_structure():
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(1, 3, 32, 32)
    images[..., 16:] = torch.rand(1, 3, 32, 16, generator=generator)
    places, widths = structured_start(images, 40, curve(32, 32))
    right = places[0, :, 0] > 15.5
    assert 28 <= int(right.sum()) <= 36  # a half of the even share, and nearly all of the other seven tenths
    assert widths[0, right].mean() < 0.7 * widths[0, ~right].mean()


def test_gaussians_start_evenly_in_an_empty_image():
    places, widths = structured_start(torch.zeros(1, 1, 32, 32), 16, curve(32, 32))
    assert torch.cdist(places[0], places[0]).add(99 * torch.eye(16)).min() >= 5
    assert widths.unique().tolist() == [4.0]


def _scene(n, channels, generator):
    """Gaussians well inside a frame of 48 x 48, in float64."""
    means = 14 + 20 * torch.rand(1, n, 2, dtype=torch.float64, generator=generator)
    factors = torch.tensor([2.0, 0.5, 1.5], dtype=torch.float64)
    factors = factors + torch.rand(1, n, 3, dtype=torch.float64, generator=generator)
    return means, factors, torch.rand(1, n, channels, dtype=torch.float64, generator=generator) - 0.3


def _moved(means, factors, weights, shapes, change):
    """The Gaussians after a `Step`, as its docstring says."""
    (a, s, c), (u, v, p, q, r) = factors.unbind(-1), shapes.unbind(-1)
    means = means + torch.stack((a * u, s * u + c * v), dim=-1)
    factors = torch.stack((a * p.exp(), s * p.exp() + c * q, c * r.exp()), dim=-1)
    return means, factors, weights * torch.exp(-p - r)[..., None] + change


def _drawn(means, factors, weights):
    options = {"size": (48, 48), "amplitude": "peak", "tolerance": 0.0, "backend": "reference"}
    return render(means, None, weights, cholesky=factors, **options)


@pytest.mark.parametrize(("dtype", "channels"), [(torch.float64, 2), (torch.float32, 1)])
def test_the_step_to_a_drawing_nearby_is_found(dtype, channels, monkeypatch):
    monkeypatch.setattr(newton, "DAMPING", 1e-6)
    generator = torch.Generator().manual_seed(1)
    scene = tuple(part.to(dtype) for part in _scene(1, channels, generator))
    wanted = Step(*(0.01 * torch.randn(1, 1, count, dtype=dtype, generator=generator) for count in (5, channels)))
    leaves = [part.clone().requires_grad_() for part in scene]
    drawn = _drawn(*leaves)
    gradients = torch.autograd.grad(drawn, leaves, drawn.detach() - _drawn(*_moved(*scene, *wanted)))
    weights = scene[2] if channels > 1 else scene[2][..., 0]  # one for each Gaussian, where images are grey
    gaussians = Gaussians(scene[0], weights=weights, cholesky=scene[1])
    step = newton_step(gaussians, Gradients(*gradients[:2], gradients[2].reshape(weights.shape)), (48, 48))
    for found, part in zip(step, wanted, strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, part, rtol=0.1, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_bounds_let_a_move_through_that_stays_within_them(channels):
    head = GaussianHead(6, (64, 64), channels=channels, n=4, latent=LATENTS[2], stddev=4.0)
    numbers = 0.1 * torch.randn(2, 4, head.free_numbers, generator=torch.Generator().manual_seed(3))
    before = head.gaussians(numbers)
    weights = before.weights.reshape(2, 4, channels)
    shapes = torch.tensor([0.3, -0.2, 0.0, 0.0, 0.0]).expand(2, 4, 5)
    after = head.gaussians(head.moved(numbers, before, Step(shapes, torch.full((2, 4, channels), 0.1))))
    means, _, changed = _moved(before.means, before.cholesky, weights, shapes, 0.1)
    torch.testing.assert_close(after.means, means, rtol=0, atol=1e-4)
    torch.testing.assert_close(after.weights.reshape(weights.shape), changed, rtol=0, atol=1e-5)
    torch.testing.assert_close(after.cholesky, before.cholesky)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gaussian_that_grows_gets_fainter(channels):
    head = GaussianHead(6, (64, 64), channels=channels, n=4, latent=LATENTS[2], stddev=4.0)
    before = head.gaussians(torch.full((1, 4, head.free_numbers), 0.2))
    shapes, still = torch.tensor([0.0, 0.0, 0.1, 0.0, 0.05]).expand(1, 4, 5), torch.zeros(1, 4, channels)
    after = head.gaussians(head.moved(torch.full((1, 4, head.free_numbers), 0.2), before, Step(shapes, still)))
    torch.testing.assert_close(after.weights, 0.85 * before.weights, rtol=1e-4, atol=0)
    growth = (after.cholesky / before.cholesky).log()
    torch.testing.assert_close(growth[..., 0], torch.full((1, 4), 0.1), rtol=0.2, atol=0)  # the floor holds a little
    torch.testing.assert_close(growth[..., 2], torch.full((1, 4), 0.05), rtol=0.2, atol=0)


def test_a_move_beyond_the_bounds_stops_there_with_a_gradient():
    head = GaussianHead(6, (64, 64), channels=3, n=4, latent=LATENTS[2], stddev=4.0)
    shapes = torch.full((1, 4, 5), 50.0, requires_grad=True)
    move = Step(shapes, torch.full((1, 4, 3), 9.0))
    numbers = torch.zeros(1, 4, 8)
    after = head.gaussians(head.moved(numbers, head.gaussians(numbers), move))
    assert after.means.max() <= 70
    assert after.weights.max() <= 1.5
    (slope,) = torch.autograd.grad(after.means.sum(), shapes)
    assert (slope[..., 0] != 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_looks_that_learned_nothing_yet_draw_far_better_than_the_first_sight(channels):
    torch.manual_seed(0)
    ramp = torch.linspace(0, 1, 24)
    images = (ramp[:, None] * ramp)[None, None].repeat(2, channels, 1, 1)
    images[1, :, 6:12, 6:18] += 0.5
    model = GaussianAutoencoder((24, 24), channels=channels, n=12, looks=6, guided=True).eval()
    errors = [nn.functional.mse_loss(attempt.drawn, images) for attempt in model.trail(images)]
    assert errors[-1] < 0.05 * errors[0]


def test_modes_without_gradients_give_the_same_bits():
    torch.manual_seed(0)
    model, images = GaussianAutoencoder((16, 16), channels=3, n=4, looks=2).eval(), torch.rand(2, 3, 16, 16)
    wanted = model(images).detach()
    with torch.no_grad():
        assert torch.equal(model(images), wanted)
    with torch.inference_mode():
        assert torch.equal(model(images.clone()), wanted)


@pytest.mark.parametrize(
    "arguments",
    [
        {"looks": 0},
        {"latent": "points"},
        {"compose": "max"},
        {"head": "heatmap"},
        {"presence": True},
        {"encoder": nn.Flatten()},
    ],
)
def test_what_guidance_needs_is_asked_for(arguments):
    assert GaussianAutoencoder((8, 8), channels=3, n=2).guided is True
    assert GaussianAutoencoder((8, 8), channels=3, n=2, **arguments).guided is False
    with pytest.raises(ValueError, match="guided must be False, or None: it needs looks"):
        GaussianAutoencoder((8, 8), channels=3, n=2, guided=True, **arguments)
