"""The autoencoder whose decoder draws Gaussians: shapes, bounds, gradients, and what it refuses."""

import re

import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values
from torch import nn

from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.encoder import ConvolutionalEncoder
from gaussgrad.autoencoder.heads import FLOOR, LATENTS, GaussianHead, sunflower
from gaussgrad.covariance import from_cholesky
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops.render import render

NUMBERS = {("points", 1): 2, ("points+covariance", 1): 5, ("points+covariance+weight", 1): 6}
NUMBERS |= {("points", 3): 2, ("points+covariance", 3): 5, ("points+covariance+weight", 3): 8}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("latent", LATENTS)
def test_every_latent_uses_its_count_of_numbers_and_reconstructs(latent, channels):
    model = GaussianAutoencoder((12, 20), channels=channels, n=4, latent=latent)
    images = torch.rand(3, channels, 12, 20)
    gaussians = model.encode(images)
    assert model.numbers_per_image == 4 * NUMBERS[latent, channels]
    if not model.guided:
        assert model.head.readout.numbers.out_features == model.numbers_per_image
    assert gaussians.means.shape == (3, 4, 2)
    assert gaussians.packed_covariances().shape == (3, 4, 3)
    assert gaussians.weights.shape == ((3, 4) if channels == 1 else (3, 4, 3))
    assert model(images).shape == images.shape


@pytest.mark.parametrize(("size", "n"), [((5, 7), 1), ((28, 28), 10), ((17, 64), 3), ((24, 24), 86), ((1, 9), 2)])
def test_frames_and_counts_of_any_size_work(size, n):
    model = GaussianAutoencoder(size, n=n)
    assert model(torch.rand(2, 1, *size)).shape == (2, 1, *size)


def test_512_numbers_per_image_work():
    model = GaussianAutoencoder((16, 16), channels=3, n=64, guided=False)
    assert model.numbers_per_image == 512
    model(torch.rand(2, 3, 16, 16)).mean().backward()
    assert torch.isfinite(model.head.readout.numbers.weight.grad).all()


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_reaches_every_parameter(latent, channels):
    model = GaussianAutoencoder((16, 16), channels=channels, n=5, latent=latent)
    images = torch.rand(8, channels, 16, 16)
    nn.functional.mse_loss(model(images), images).backward()
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@pytest.mark.parametrize("magnitude", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("channels", [1, 3])
def test_no_feature_can_leave_the_bounds(magnitude, channels):
    head = GaussianHead(6, (20, 30), channels=channels, n=7, latent=LATENTS[2], stddev=2.0)
    gaussians = head(magnitude * torch.randn(50, 6))
    means, covariances = gaussians.means, gaussians.packed_covariances().double()
    lowest, highest = torch.tensor([-3.5, -2.5]), torch.tensor([32.5, 21.5])  # a tenth of the frame beyond it
    assert ((means >= lowest - 1e-4) & (means <= highest + 1e-4)).all()
    matrices = covariances[..., [0, 1, 1, 2]].unflatten(-1, (2, 2))
    assert torch.linalg.eigvalsh(matrices).min() >= 0.99 * FLOOR**2
    assert covariances.max() <= 2 * 15**2 + 1
    assert gaussians.weights.abs().max() <= 1.5
    render(means, weights=gaussians.weights, cholesky=gaussians.cholesky, size=(20, 30))  # refuses what is no factor


def test_means_start_spread_over_the_frame():
    head = GaussianHead(6, (20, 30), channels=1, n=10, latent="points", stddev=2.0)
    means = head(torch.zeros(1, 6)).means[0]
    distances = torch.cdist(means, means) + 1e3 * torch.eye(10)
    assert distances.min() > 3
    assert (means.max(dim=0).values - means.min(dim=0).values > torch.tensor([12.0, 8.0])).all()
    compare_values(sunflower(10).norm(dim=-1).max(), torch.tensor(0.6 * np.sqrt(0.95), dtype=torch.float32))


def test_untrained_gaussians_have_the_width_asked_for():
    gaussians = GaussianHead(6, (20, 30), channels=1, n=10, latent="points", stddev=2.5)(torch.randn(3, 6))
    compare_values(gaussians.packed_covariances(), torch.tensor([6.25, 0.0, 6.25]).expand(3, 10, 3))


@pytest.mark.parametrize(("size", "latent", "stddev"), [((28, 40), "points", 28 / 20), ((28, 40), LATENTS[2], 2.0)])
def test_the_usual_width_follows_the_shorter_side_and_is_narrower_for_points(size, latent, stddev):
    compare_values(torch.tensor(GaussianAutoencoder(size, latent=latent).stddev), torch.tensor(stddev))
    assert GaussianAutoencoder((8, 9), latent=latent).stddev == 1.0


def test_decode_draws_any_gaussians_as_render_does():
    model = GaussianAutoencoder((9, 11), n=4, compose="sum")
    nn.init.constant_(model.background, 0.25)
    means, covariances, weights = torch.rand(2, 3, 2) * 9, torch.tensor([2.0, 0.5, 1.0]), torch.rand(2, 3)
    drawn = model.decode(Gaussians(means, covariances.expand(2, 3, 3), weights))
    expected = render(means, covariances.expand(2, 3, 3), weights, size=(9, 11), amplitude="peak")
    compare_values(drawn, expected[:, None] + 0.25)


def test_decode_draws_cholesky_factors_as_it_draws_covariances():
    model = GaussianAutoencoder((9, 11), n=4, channels=3)
    means, weights = torch.rand(2, 3, 2) * 9, torch.rand(2, 3, 3)
    factors = (torch.tensor([1.5, 0.5, 1.0]) + torch.rand(2, 3, 3)).requires_grad_()
    drawn = model.decode(Gaussians(means, weights=weights, cholesky=factors))
    expected = model.decode(Gaussians(means, from_cholesky(factors), weights))
    compare_values(drawn, expected)
    (given,), (wanted,) = (torch.autograd.grad(image.square().sum(), factors) for image in (drawn, expected))
    compare_gradients(given, wanted)
    narrow = torch.tensor([3e3, 3e3, 0.5]).expand(2, 3, 3)  # whose covariance is singular in float32
    assert (model.decode(Gaussians(means, weights=weights, cholesky=narrow)) != 0).any()
    with pytest.raises(TypeError, match=r"gaussians\.cholesky must be a tensor; got a list"):
        model.decode(Gaussians(means, weights=weights, cholesky=[1.0, 0.0, 1.0]))


def test_one_weight_per_gaussian_serves_all_colours():
    model = GaussianAutoencoder((9, 11), channels=3, n=4)
    one = Gaussians(torch.rand(2, 3, 2), torch.tensor([2.0, 0.5, 1.0]).expand(2, 3, 3), torch.rand(2, 3))
    drawn = model.decode(one)
    assert drawn.shape == (2, 3, 9, 11)
    compare_values(drawn[:, 0], drawn[:, 2])


def test_a_custom_encoder_of_any_module_works():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(8 * 9, 5), nn.ReLU())
    model = GaussianAutoencoder((8, 9), n=3, encoder=encoder)
    assert model(torch.rand(2, 1, 8, 9)).shape == (2, 1, 8, 9)


def test_finding_the_feature_count_leaves_the_encoder_as_it_was():
    encoder = ConvolutionalEncoder((8, 8)).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    GaussianAutoencoder((8, 8), n=3, encoder=encoder)
    assert encoder.training
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_an_encoder_frozen_in_parts_stays_so_even_when_it_fails():
    encoder = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(7), nn.Linear(7, 2))
    encoder[1].eval()
    with pytest.raises(RuntimeError, match="running_mean"):
        GaussianAutoencoder((8, 8), n=3, encoder=encoder)
    assert encoder.training
    assert not encoder[1].training


def test_a_weight_axis_of_one_serves_all_colours():
    model = GaussianAutoencoder((9, 11), channels=3, n=4)
    means, covariances, weights = torch.rand(2, 3, 2), torch.tensor([2.0, 0.5, 1.0]), torch.rand(2, 3, 1)
    drawn = model.decode(Gaussians(means, covariances.expand(2, 3, 3), weights))
    compare_values(drawn, model.decode(Gaussians(means, covariances.expand(2, 3, 3), weights[..., 0])))


def test_a_few_steps_lower_the_loss():
    torch.manual_seed(0)
    model = GaussianAutoencoder((16, 16), n=3)
    images = torch.zeros(16, 1, 16, 16)
    for i in range(16):
        images[i, :, i // 2 : i // 2 + 4, 15 - i : 19 - i] = 1.0
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(images), images)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": (28,)}, "size must be (height, width)"),
        ({"channels": 2}, "channels must be one of 1, 3"),
        ({"n": 0}, "n must be an integer from 1 to 100,000"),
        ({"latent": "dots"}, "latent must be one of 'points'"),
        ({"stddev": 0.0}, "stddev must be at least 0.1 pixel"),
        ({"compose": "add"}, "compose must be one of"),
        ({"tolerance": 1.0}, "tolerance must be a number in [0, 1)"),
        ({"encoder": nn.Flatten(0)}, "encoder must be a module that gives features (b, ...)"),
        ({"encoder": nn.Linear(28, 2).double()}, "its parameter weight is torch.float64. Make the model first"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        GaussianAutoencoder(**{"size": (28, 28), **arguments})


def test_images_of_another_shape_are_refused_with_the_cure():
    model = GaussianAutoencoder((8, 9), n=3)
    with pytest.raises(ValueError, match=r"images must be of shape \(b, 1, 8, 9\); got shape \(1, 8, 9\)\. .*\[None\]"):
        model(torch.rand(1, 8, 9))


@pytest.mark.parametrize("channels", [1, 3])
def test_gaussians_without_a_batch_axis_are_decoded_to_one_image(channels):
    model = GaussianAutoencoder((16, 12), channels=channels, n=4).eval()
    batch = model.encode(torch.rand(2, channels, 16, 12))
    one = Gaussians(batch.means[0], batch.packed_covariances()[0], batch.weights[0])
    torch.testing.assert_close(model.decode(one), model.decode(batch)[0])


@pytest.mark.parametrize(
    ("call", "error", "parts"),
    [
        (lambda model: model(torch.zeros(1, 1, 16, 12, dtype=torch.uint8)), TypeError, ["images", "float32", "uint8"]),
        (lambda model: model(torch.zeros(1, 1, 16, 12, dtype=torch.float64)), TypeError, ["images", "float64"]),
        (lambda model: model.encode(torch.zeros(1, 1, 16, 12).numpy()), TypeError, ["images", "ndarray", "as_tensor"]),
        (lambda model: model.decode((1, 2, 3)), TypeError, ["gaussians", "tuple"]),
        (
            lambda model: model.decode(Gaussians(torch.ones(1, 4, 2), torch.tensor([1.0, 0, 1]), torch.ones(1, 4, 3))),
            ValueError,
            ["gaussians", "1 channels", "(1, 4, 3)"],
        ),
        (
            lambda model: model.decode(Gaussians([[1.0, 2.0]], [[1.0, 0.0, 1.0]])),
            TypeError,
            ["gaussians.means", "a list"],
        ),
        (lambda _: GaussianAutoencoder((16, 12), n=2.7), TypeError, ["n must be", "2.7"]),
        (lambda _: GaussianAutoencoder((16, 12), n=0), ValueError, ["n must be", "0"]),
        (lambda _: GaussianAutoencoder((16, 12), encoder=lambda x: x), TypeError, ["encoder", "nn.Module"]),
    ],
)
def test_the_door_says_what_was_wanted_and_what_came(call, error, parts):
    with pytest.raises(error) as caught:
        call(GaussianAutoencoder((16, 12), n=4).eval())
    for part in parts:
        assert part in str(caught.value)
