"""Readouts, gates and looks: where Gaussians come from, whether they are there, and how a look corrects them."""

import pytest
import torch
from tiny_images import spots
from tolerances import compare_values
from torch import nn

from gaussgrad.autoencoder import GaussianAutoencoder, looks, presence, readouts
from gaussgrad.autoencoder.heads import FLOOR, LATENTS, GaussianHead
from gaussgrad.gaussians import Gaussians
from gaussgrad.training.objective import objective


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def one_thread():
    """Small layers wait for one another longer than they compute, where other programs run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _heat_at(column, row, *, height=6, width=9):
    """A readout of one heatmap that looks only at the one feature map, which is bright at one place."""
    readout = readouts.HeatmapReadout((1, height, width), torch.zeros(1, 2), numbers=3, notes=0)
    features = torch.zeros(1, 1, height, width)
    features[0, 0, row, column] = 1.0
    with torch.no_grad():
        readout.usual.zero_()
        readout.heat.weight.fill_(100.0)
    return readout, features


@pytest.mark.parametrize(("column", "row"), [(0, 0), (8, 5), (3, 4)])
def test_a_heatmap_finds_the_place_of_what_is_bright(column, row):
    readout, features = _heat_at(column, row)
    numbers, notes = readout(features)
    compare_values(numbers[0, 0, :2], torch.tensor([(2 * column + 1) / 9 - 1, (2 * row + 1) / 6 - 1]))
    assert notes.shape == (1, 1, 0)


def test_the_place_between_two_equally_bright_ones_is_found_finer_than_the_map():
    readout, features = _heat_at(2, 3)
    features[0, 0, 3, 3] = 1.0
    numbers, _ = readout(features)
    compare_values(numbers[0, 0, 0], torch.tensor(2 * 3 / 9 - 1))


def test_a_heatmap_head_puts_the_mean_where_its_heatmap_is():
    head = GaussianHead((1, 7, 7), (28, 28), channels=1, n=1, latent="points", stddev=2.0)
    readout, features = _heat_at(1, 5, height=7, width=7)
    head.readout = readout
    numbers, _ = head.numbers(features)
    compare_values(head.gaussians(numbers[..., :2]).means[0, 0], torch.tensor([5.5, 21.5]))


def test_a_head_gives_the_factor_of_its_bounded_factor_blurred_by_the_floor():
    """Stored models keep their meaning: the covariance of equations 22 and 36, told by a factor."""
    head = GaussianHead(6, (20, 30), channels=1, n=4, latent=LATENTS[1], stddev=2.0)
    numbers = 3 * torch.randn(5, 4, 5)
    numbers[0, :, 2:] = torch.tensor([-200.0, -200.0, 0.0])  # both widths come out as 0
    widths = 15 / (1 + (15 / 2 - 1) * torch.exp(-numbers[..., 2:4].double()))
    across = 15 * torch.tanh(numbers[..., 4].double() * 2 / 15)
    expected = (widths[..., 0] ** 2 + FLOOR**2, widths[..., 0] * across, widths[..., 1] ** 2 + across**2 + FLOOR**2)
    gaussians = head.gaussians(numbers)
    assert gaussians.held == "cholesky"
    compare_values(gaussians.packed_covariances(), torch.stack(expected, dim=-1).float())


def test_heatmaps_start_at_different_places_and_train_every_parameter():
    model = GaussianAutoencoder((28, 20), n=5, head="heatmap")
    images = torch.rand(8, 1, 28, 20)
    means = model.attempts(images)[0].means
    assert (torch.cdist(means, means) + 1e3 * torch.eye(5)).min() > 2
    nn.functional.mse_loss(model(images), images).backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_heatmaps_need_an_encoder_that_gives_maps():
    maps = nn.Conv2d(1, 4, 3)
    assert GaussianAutoencoder((8, 9), n=3, encoder=maps, head="heatmap")(torch.rand(2, 1, 8, 9)).shape == (2, 1, 8, 9)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(72, 4))
    with pytest.raises(ValueError, match=r"encoder must be .* feature maps .* got features of shape \(4,\)\. Leave"):
        GaussianAutoencoder((8, 9), n=3, encoder=flat, head="heatmap")


def test_gates_are_exactly_shut_exactly_open_or_in_between():
    logits = torch.tensor([-9.0, -3.0, -1.0, 0.0, 1.0, 3.0, 9.0])
    gates = presence.gates(logits)
    assert gates[:2].tolist() == [0.0, 0.0]
    assert gates[-2:].tolist() == [1.0, 1.0]
    compare_values(gates[2:5], 1.2 * torch.sigmoid(logits[2:5]) - 0.1)


def test_the_probability_of_a_gate_is_how_often_noise_leaves_it_open():
    logits = torch.tensor([-4.0, -2.0, -1.0, 0.0, 1.0])
    noise = torch.rand(40_000, 1, generator=torch.Generator().manual_seed(1))
    open_share = (presence.gates(logits, noise=noise) > 0).float().mean(dim=0)
    torch.testing.assert_close(open_share, presence.probabilities(logits), rtol=0, atol=0.01)  # 4 standard errors


def test_absent_gaussians_have_weight_zero_and_do_not_draw():
    model = GaussianAutoencoder((16, 16), n=4, looks=0, presence=True).eval()
    with torch.no_grad():
        model.head.readout.numbers.bias.view(4, 7)[:2, -1] = -20.0
        model.head.readout.numbers.bias.view(4, 7)[2:, -1] = 20.0
    gaussians = model.encode(torch.rand(3, 1, 16, 16))
    assert (gaussians.weights[:, :2] == 0).all()
    assert (gaussians.weights[:, 2:] > 0).all()
    assert model.numbers_per_image == 4 * 6  # the gate is in the weight
    kept = Gaussians(gaussians.means[:, 2:], gaussians.packed_covariances()[:, 2:], gaussians.weights[:, 2:])
    compare_values(model.decode(gaussians), model.decode(kept))


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_gates_work_with_every_latent_and_are_counted_where_no_weight_tells_them(latent, channels):
    model = GaussianAutoencoder((16, 16), channels=channels, n=4, latent=latent, presence=True)
    plain = GaussianAutoencoder((16, 16), channels=channels, n=4, latent=latent)
    assert model.numbers_per_image - plain.numbers_per_image == (0 if "weight" in latent else 4)
    images = torch.rand(8, channels, 16, 16)
    objective(model, images, presence_cost=0.1)[0].backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []
    model.eval()
    torch.testing.assert_close(model(images), model(images), rtol=0, atol=0)  # noise is for training only


@pytest.mark.usefixtures("one_thread")
def test_a_cost_leaves_out_gaussians_that_are_not_needed():
    images = torch.from_numpy(spots(count=32))
    model = GaussianAutoencoder((10, 12), n=4, looks=1, presence=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        optimizer.zero_grad()
        objective(model, images, presence_cost=1e-3)[0].backward()
        optimizer.step()
    gaussians = model.eval().encode(images)
    counts = (gaussians.weights > 0).sum(dim=-1)
    assert 0.9 <= counts.double().mean() <= 2  # one spot each
    assert nn.functional.mse_loss(model.decode(gaussians), images) < 0.5 * images.var()


def _look(translation):
    """What one untrained look does to a Gaussian beside a spot, both moved by whole pixels."""
    torch.manual_seed(3)
    look = looks.Look((30, 40), channels=1, numbers=6)
    images = torch.zeros(1, 1, 30, 40)
    images[0, 0, 12 + translation[1], 14 + translation[0]] = 1.0
    means = torch.tensor([[[13.0, 11.0]]]) + torch.tensor(translation)
    gaussians = Gaussians(means, torch.tensor([[[4.0, 1.0, 3.0]]]), torch.ones(1, 1))
    return look(images, torch.zeros_like(images), gaussians, torch.zeros(1, 1, 6), torch.zeros(1, 1, looks.NOTES))[0]


def test_a_look_does_the_same_at_every_place():
    torch.testing.assert_close(_look((0, 0)), _look((11, 7)), rtol=0, atol=1e-5)
    assert _look((0, 0)).abs().max() > 1e-3


def test_a_look_samples_along_the_axes_of_the_gaussian():
    x = torch.arange(40.0).expand(1, 1, 30, 40)  # brightness tells x
    look = looks.Look((30, 40), channels=1, numbers=6)
    means = torch.tensor([[[20.0, 15.0]]])
    axes = looks.axes_of(Gaussians(means, torch.tensor([[[4.0, 3.0, 9.0]]])))
    compare_values(axes[0, 0], torch.tensor([[2.0, 0.0], [1.5, 6.75**0.5]]))
    seen = looks.sample_around(x, means, axes, look.grid)[0, 0].reshape(looks.PLACES, looks.PLACES)
    expected = 20 + 2 * torch.linspace(-looks.REACH, looks.REACH, looks.PLACES)
    compare_values(seen, expected.expand(looks.PLACES, looks.PLACES))


def test_a_look_sees_the_image_and_what_the_drawing_lacks():
    look = looks.Look((16, 12), channels=1, numbers=6)
    images, drawn = torch.rand(2, 1, 16, 12), torch.rand(2, 1, 16, 12)
    gaussians = Gaussians(8 * torch.rand(2, 3, 2), torch.tensor([4.0, 1.0, 3.0]).expand(2, 3, 3), torch.ones(2, 3))
    seen = []
    look.input_layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    look(images, drawn, gaussians, torch.zeros(2, 3, 6), torch.zeros(2, 3, looks.NOTES))
    axes, count = looks.axes_of(gaussians), looks.PLACES**2
    compare_values(seen[0][..., :count], looks.sample_around(images, gaussians.means, axes, look.grid))
    compare_values(
        seen[0][..., count : 2 * count], looks.sample_around(images - drawn, gaussians.means, axes, look.grid)
    )


def test_attempts_are_the_first_sight_and_one_per_look_and_end_with_the_answer():
    model = GaussianAutoencoder((16, 12), n=4, looks=2).eval()
    images = torch.rand(3, 1, 16, 12)
    attempts = model.attempts(images)
    assert len(attempts) == 3
    torch.testing.assert_close(attempts[-1].means, model.encode(images).means, rtol=0, atol=0)
    assert (attempts[0].means != attempts[1].means).any()
    assert len(GaussianAutoencoder((16, 12), n=4, looks=0).attempts(images)) == 1


@pytest.mark.usefixtures("one_thread")
def test_looks_learn_to_correct_what_the_first_sight_missed():
    images = torch.from_numpy(spots(count=256, size=(16, 16)))
    model = GaussianAutoencoder((16, 16), n=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        objective(model, images[torch.randperm(256)[:64]])[0].backward()
        optimizer.step()
    errors = [nn.functional.mse_loss(model.decode(found), images).item() for found in model.eval().attempts(images)]
    assert errors[-1] < 0.5 * errors[0]


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_no_parameter_is_left_without_a_gradient(looks):
    model = GaussianAutoencoder((16, 12), n=4, looks=looks)
    objective(model, torch.rand(8, 1, 16, 12))[0].backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_the_loss_reported_is_that_of_the_last_attempt():
    model = GaussianAutoencoder((16, 12), n=4).eval()
    images = torch.rand(3, 1, 16, 12)
    _, error = objective(model, images)
    compare_values(error, nn.functional.mse_loss(model(images), images).detach())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"looks": -1}, ValueError, "looks must be an integer from 0 to 100,000; got -1"),
        ({"looks": 2**63}, ValueError, "looks must be an integer from 0 to 100,000; got 9223372036854775808"),
        ({"looks": 1.5}, TypeError, "looks must be an integer from 0 to 100,000; got 1.5"),
        ({"head": "softmax"}, ValueError, "head must be one of 'linear', 'heatmap'"),
        ({"presence": "yes"}, ValueError, "presence must be one of"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        GaussianAutoencoder((16, 16), **arguments)
