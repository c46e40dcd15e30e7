"""The layer that ends a mixture density network: what it gives, starts from, draws, and refuses."""

import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad.layers import clusters
from gaussgrad.layers.torch import MixtureDensity


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features_of(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator())


def test_the_loss_is_the_negative_mean_log_density_of_what_the_head_gives():
    layer, features, points = MixtureDensity(6, 5), features_of(3, 7, 6), features_of(3, 7, 2)
    numbers = layer.head(features)
    k = 5
    expected = gaussgrad.mixture_log_density(
        points,
        numbers[..., :k],
        numbers[..., k : 3 * k].reshape(3, 7, k, 2),
        numbers[..., 3 * k : 5 * k].reshape(3, 7, k, 2),
        numbers[..., 5 * k :],
    )
    torch.testing.assert_close(layer.log_density(features, points), expected)
    torch.testing.assert_close(layer.loss(features, points), -expected.mean())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_diagonal_layer_works_in_any_dimension(d):
    layer, features, points = (
        MixtureDensity(6, 4, dimensions=d, covariance="diagonal"),
        features_of(9, 6),
        features_of(9, d),
    )
    mixture = layer(features)
    assert mixture.atanh_correlations is None
    components = torch.distributions.Independent(
        torch.distributions.Normal(mixture.means, mixture.log_stddevs.exp()), 1
    )
    weights = torch.distributions.Categorical(logits=mixture.logits)
    expected = torch.distributions.MixtureSameFamily(weights, components).log_prob(points)
    torch.testing.assert_close(layer.log_density(features, points), expected)
    assert layer.sample(features, generator=generator()).shape == (9, d)


def dense(log_stddevs: torch.Tensor, atanh_correlations: torch.Tensor) -> torch.Tensor:
    return gaussgrad.covariance.from_correlation(log_stddevs.exp(), torch.tanh(atanh_correlations))


def test_a_floor_adds_to_the_variances_and_keeps_the_covariances():
    plain, floored = MixtureDensity(6, 4).double(), MixtureDensity(6, 4, variance_floor=0.3).double()
    floored.load_state_dict(plain.state_dict())
    features = features_of(9, 6).double()
    expected = dense(*plain(features)[2:]) + torch.tensor([0.3, 0.0, 0.3]).double()
    torch.testing.assert_close(dense(*floored(features)[2:]), expected)
    for unchanged in (0, 1):
        torch.testing.assert_close(plain(features)[unchanged], floored(features)[unchanged])


def test_a_diagonal_floor_adds_to_the_variances():
    plain = MixtureDensity(6, 4, dimensions=3).double()
    floored = MixtureDensity(6, 4, dimensions=3, variance_floor=0.3).double()
    floored.load_state_dict(plain.state_dict())
    features = features_of(9, 6).double()
    expected = torch.exp(2 * plain(features).log_stddevs) + 0.3
    torch.testing.assert_close(torch.exp(2 * floored(features).log_stddevs), expected)


@pytest.mark.parametrize("log_stddev", [-14.0, 0.0, 14.0])
@pytest.mark.parametrize("a", [-12.0, 0.0, 12.0])
def test_a_floor_holds_at_extremes_and_lets_gradients_through(log_stddev, a):
    layer = MixtureDensity(1, 1, variance_floor=1e-4)
    with torch.no_grad():
        layer.head.weight.zero_()
        layer.head.bias.copy_(torch.tensor([0.0, 0.0, 0.0, log_stddev, log_stddev, a]))
    layer.loss(torch.zeros(1, 1), torch.tensor([[0.01, 0.02]])).backward()
    assert torch.isfinite(layer.head.bias.grad).all()
    mixture = layer(torch.zeros(1, 1))
    assert mixture.log_stddevs.min() >= np.log(1e-4) / 2 - 1e-6
    if log_stddev == 14 and a:  # wide beside the floor: as without it
        assert mixture.atanh_correlations.item() == pytest.approx(a, rel=1e-5)


def blobs(count: int = 4000) -> tuple[torch.Tensor, np.ndarray]:
    """Points of four correlated blobs, and their means."""
    rng = np.random.default_rng(0)
    means = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [30.0, -5.0]])
    normal = rng.normal(size=(count, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    return torch.tensor(means[rng.integers(4, size=count)] + normal, dtype=torch.float32), means


def test_the_start_is_the_mixture_of_the_clusters_of_the_targets():
    points, means = blobs()
    layer = MixtureDensity(6, 4)
    layer.start_from(points, seed=0)
    with torch.no_grad():
        layer.head.weight.zero_()
    mixture = layer(torch.zeros(6))
    order = np.lexsort(mixture.means.detach().numpy().round().T)
    np.testing.assert_allclose(mixture.means.detach().numpy()[order], means[np.lexsort(means.T)], atol=0.15)
    np.testing.assert_allclose(mixture.log_stddevs.detach().numpy(), 0, atol=0.1)
    np.testing.assert_allclose(np.tanh(mixture.atanh_correlations.detach().numpy()), 0.8, atol=0.05)
    np.testing.assert_allclose(torch.softmax(mixture.logits, -1).detach().numpy(), 0.25, atol=0.03)


def test_the_start_moves_the_features_weights_little_and_beats_a_random_one():
    points, _ = blobs()
    features = features_of(len(points), 6)
    losses = []
    for start in (False, True):
        torch.manual_seed(0)
        layer = MixtureDensity(6, 4)
        if start:
            layer.start_from(points, seed=0)
        losses.append(layer.loss(features, points).item())
    truth = np.log(2 * np.pi) + np.log(0.6) + 1 + np.log(4)  # the entropy of the blobs, which do not touch
    assert losses[1] < truth + 0.1 < losses[0]


def test_the_same_seed_gives_the_same_start():
    points, _ = blobs()
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        layer = MixtureDensity(6, 9)
        layer.start_from(points, seed=seed)
        states.append(layer.head.bias.detach().clone())
    torch.testing.assert_close(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_points_on_a_line_or_in_pairs_give_a_start_with_a_width():
    line = torch.stack([torch.arange(40.0), 2 * torch.arange(40.0)], dim=1)
    pairs = torch.tensor([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]]).repeat_interleave(10, dim=0)
    for points, k in ((line, 5), (pairs, 3), (torch.cat([line, 0 * line]), 1)):
        layer = MixtureDensity(2, k)
        layer.start_from(points, seed=0)
        assert torch.isfinite(layer.head.bias).all()
        assert torch.isfinite(layer.loss(torch.zeros(len(points), 2), points))


def test_a_start_of_many_points_takes_a_part_of_them(monkeypatch):
    monkeypatch.setattr(clusters, "MOST_POINTS", 500)
    points, means = blobs()
    start = clusters.start_of_mixture(points.double().numpy(), 4, 2, seed=0)
    np.testing.assert_allclose(start.means[np.lexsort(start.means.round().T)], means[np.lexsort(means.T)], atol=0.4)


def test_training_from_the_start_finds_a_mixture_that_depends_on_the_features():
    torch.manual_seed(0)
    features = features_of(400, 1)
    choice = torch.sign(features_of(400, 2)[:, :1])
    points = torch.cat([choice * features.abs() + 0.05 * torch.randn(400, 1), 0.5 * features.abs()], dim=1)
    points = points + 0.05 * torch.randn(400, 2)
    body, layer = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh()), MixtureDensity(32, 5)
    layer.start_from(points, seed=0)
    first = layer.loss(body(features), points).item()
    optimizer = torch.optim.Adam([*body.parameters(), *layer.parameters()], lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        loss = layer.loss(body(features), points)
        loss.backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in layer.parameters())
        optimizer.step()
    assert loss.item() < first - 1


def test_samples_follow_the_generator_and_the_bias():
    layer = MixtureDensity(6, 5)
    features = features_of(500, 6)
    first, again, other = (layer.sample(features, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    sharp = layer.sample(features, generator=generator(1), bias=20.0)
    mixture = layer(features)
    distance = (sharp[:, None] - mixture.means).norm(dim=-1).min(dim=1).values
    assert distance.max() < 1e-5


def test_samples_of_a_diagonal_layer_have_its_moments():
    layer = MixtureDensity(1, 3, dimensions=3).double()
    features = torch.ones(100_000, 1).double()
    points = layer.sample(features, generator=generator()).detach()
    mixture = layer(features[:1])
    weights = torch.softmax(mixture.logits, -1)[..., None]
    mean = (weights * mixture.means).sum(1)
    variance = (weights * (torch.exp(2 * mixture.log_stddevs) + mixture.means**2)).sum(1) - mean**2
    assert ((points.mean(0) - mean).abs() < 4 * (variance / 100_000).sqrt()).all()
    torch.testing.assert_close(points.var(0)[None], variance, rtol=0.03, atol=0.0)


def test_half_precision_features_give_a_mixture_in_float32():
    layer = MixtureDensity(6, 5).to(torch.bfloat16)
    loss = layer.loss(features_of(4, 6).bfloat16(), features_of(4, 2).bfloat16())
    assert loss.dtype == torch.float32
    loss.backward()
    assert layer.head.weight.grad.dtype == torch.bfloat16


def test_the_layer_says_what_it_is():
    assert "backend='cpu'" in repr(MixtureDensity(6, 5, backend="cpu"))
    assert "components=5, dimensions=2, covariance='full', variance_floor=0.5" in repr(
        MixtureDensity(6, 5, variance_floor=0.5)
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"components": 0}, ValueError, "components must be"),
        ({"components": 2.5}, TypeError, "components must be"),
        ({"dimensions": 3, "covariance": "full"}, ValueError, "covariance must be 'diagonal' in 3-D"),
        ({"covariance": "spherical"}, ValueError, "covariance must be one of"),
        ({"variance_floor": -1.0}, ValueError, "variance_floor must be a number >= 0"),
        (
            {"covariance": "diagonal", "backend": "cpu"},
            ValueError,
            "backend must be one of None, 'reference'; got 'cpu'",
        ),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        MixtureDensity(6, **{"components": 5, **options})


def test_what_does_not_fit_the_layer_is_refused():
    layer = MixtureDensity(6, 5)
    with pytest.raises(TypeError, match=r"features must be of a floating-point dtype.*features\.float\(\)"):
        layer(torch.zeros(4, 6, dtype=torch.int64))
    with pytest.raises(TypeError, match="features must be a torch tensor; got a ndarray"):
        layer(np.zeros((4, 6)))
    with pytest.raises(ValueError, match="points must be"):
        layer.loss(torch.zeros(4, 6), torch.zeros(4, 3))
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator; got a int"):
        layer.sample(torch.zeros(4, 6), generator=0)
    with pytest.raises(ValueError, match="points must be at least 5 different ones; got 1"):
        layer.start_from(torch.zeros(9, 2), seed=0)
    with pytest.raises(ValueError, match=r"points must be of shape \(n, 2\); got shape \(9, 3\)"):
        layer.start_from(torch.zeros(9, 3), seed=0)
    with pytest.raises(ValueError, match="points must be finite"):
        layer.start_from(torch.full((9, 2), torch.nan), seed=0)


def test_a_start_without_scipy_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.cluster.vq", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scipy"):
        MixtureDensity(6, 5).start_from(blobs()[0], seed=0)
