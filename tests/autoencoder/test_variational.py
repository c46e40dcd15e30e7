"""The variational autoencoder that draws Gaussians: its bound, its uncertainty, its new images, and its commands."""

import io as text
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from tiny_images import spots
from tolerances import compare_values

from gaussgrad import data, inference, metrics
from gaussgrad.autoencoder import GaussianAutoencoder, variational_storage
from gaussgrad.autoencoder.aggregate import AggregatePosterior, fit_aggregate
from gaussgrad.autoencoder.variational import VariationalGaussianAutoencoder, dead
from gaussgrad.files.tables import read_table
from gaussgrad.training import evidence_bound, loop
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import Configuration

LIKELIHOODS = ("gaussian", "bernoulli", "poisson")
SIZE = (10, 12)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(likelihood="gaussian", **options):
    return VariationalGaussianAutoencoder(GaussianAutoencoder(SIZE, n=2, guided=False, **options), likelihood)


def images(count=6, **options):
    return torch.from_numpy(spots(count=count, **options))


@pytest.mark.parametrize("looks", [0, 2])
def test_the_means_are_what_the_autoencoder_answers(looks):
    variational = small(looks=looks).eval()
    mean, log_variance = variational.posterior(images())
    drawn, gaussians = variational.draw(mean)
    assert mean.shape == log_variance.shape == (6, 2, 6)
    compare_values(gaussians.means, variational.model.encode(images()).means)
    compare_values(drawn, variational.model(images()))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_gradient_reaches_every_parameter(likelihood, channels):
    variational = small(likelihood, channels=channels)
    bound = variational.bound(images(channels=channels), generator=seeded())
    (-bound.elbo - bound.first_attempts).backward()
    without = [name for name, value in variational.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


def test_the_divergence_is_that_of_torch_distributions():
    variational = small()
    with torch.no_grad():
        variational.prior_mean.normal_()
        variational.prior_log_variance.normal_()
    mean, log_variance = torch.randn(2, 5, 2, 6)
    prior = torch.distributions.Normal(variational.prior_mean, (variational.prior_log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(torch.distributions.Normal(mean, (log_variance / 2).exp()), prior)
    compare_values(variational.divergence(mean, log_variance), expected)


def test_the_bound_is_below_the_importance_weighted_one():
    """With the log densities of latent and prior, many samples give a tighter bound than one."""
    variational, batch = small().eval(), images(3)
    with torch.no_grad():
        mean, log_variance = variational.posterior(batch)
        prior = torch.distributions.Normal(variational.prior_mean, (variational.prior_log_variance / 2).exp())
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        z = variational.latent((mean, log_variance), samples=200, generator=seeded())
        seen = [
            variational.likelihood.log_probability(
                batch, variational.model.decode(variational.model.head.gaussians(each))
            )
            for each in z
        ]
        weights = torch.stack(seen) + (prior.log_prob(z) - posterior.log_prob(z)).sum((-2, -1))
        elbos = [variational.bound(batch, generator=seeded(i)).elbo for i in range(40)]
    tight = (weights.logsumexp(0) - np.log(200)).mean()
    assert torch.stack(elbos).mean() < tight
    compare_values(torch.stack(elbos).mean(), weights.mean(), scale=40.0 * abs(float(tight)), dtype="float16")


@pytest.mark.parametrize("latent", ["points", "points+covariance+weight"])
def test_the_uncertainty_of_positions_is_that_of_samples(latent):
    variational = small(latent=latent).eval()
    mean = torch.randn(1, 2, variational.model.head.free_numbers)
    log_variance = torch.full_like(mean, -9.0)
    z = variational.latent((mean, log_variance), samples=20_000, generator=seeded())[:, 0]
    spread = variational.model.head.gaussians(z).means.std(dim=0)
    np.testing.assert_allclose(variational.position_stddev(mean, log_variance)[0], spread, rtol=0.03)


def test_dead_numbers_are_those_that_tell_nothing():
    variational = small()
    mean, log_variance = torch.zeros(40, 2, 6), torch.zeros(40, 2, 6)
    assert dead(variational.divergence(mean, log_variance)).all()
    mean[:, 0, 3] = torch.randn(40)
    log_variance[:, 1, 2] = -2
    alive = (~dead(variational.divergence(mean, log_variance))).nonzero().tolist()
    assert alive == [[0, 3], [1, 2]]


def test_models_with_presence_are_refused():
    with pytest.raises(ValueError, match="model must have a fixed number of Gaussians"):
        small(presence=True)


def test_the_aggregate_finds_where_the_samples_lie():
    near = torch.randn(150, 2, generator=seeded()) * torch.tensor([0.1, 0.3])
    samples = torch.cat((near + 3, near - 3))
    drawn = fit_aggregate(samples, seed=0).sample(20_000, seeded())
    compare_values(drawn.mean(dim=0), samples.mean(dim=0), scale=20.0, dtype="bfloat16")
    assert ((drawn.abs() - 3).abs().amax(dim=1) < 1.6).float().mean() > 0.999
    assert torch.equal(fit_aggregate(samples, seed=0).means, fit_aggregate(samples, seed=0).means)


def test_few_samples_give_one_component_and_too_few_are_refused():
    assert len(fit_aggregate(torch.randn(9, 3, generator=seeded()), seed=0).weights) == 1
    with pytest.raises(ValueError, match="samples must be of shape"):
        fit_aggregate(torch.zeros(1, 3), seed=0)


def test_one_seed_draws_the_same_images_another_others():
    variational = small().eval()
    aggregate = fit_aggregate(torch.randn(30, 12, generator=seeded()), seed=0)
    first, again, other = (inference.sample(variational, aggregate, 5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (5, 1, *SIZE)
    assert np.abs(first - other).max() > 0.01


def stored(tmp_path, likelihood="poisson"):
    variational = small(likelihood).eval()
    with torch.no_grad():
        variational.prior_mean.normal_()
    aggregate = fit_aggregate(torch.randn(30, 12, generator=seeded()), seed=0)
    variational_storage.save(variational, aggregate, tmp_path / "stored")
    return tmp_path / "stored", variational, aggregate


def test_what_is_stored_comes_back(tmp_path):
    folder, variational, aggregate = stored(tmp_path)
    loaded, parts = variational_storage.load(folder, variational.model)
    assert sorted(path.name for path in folder.iterdir()) == ["variational.json", "variational.safetensors"]
    assert loaded.own_state().keys() == variational.own_state().keys()
    for name, value in variational.own_state().items():
        assert torch.equal(loaded.own_state()[name], value)
    assert isinstance(parts, AggregatePosterior)
    assert torch.equal(parts.cholesky, aggregate.cholesky)


def _edit(folder, **changes):
    path = folder / "variational.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "variational.json").unlink(), "cannot be read as JSON"),
        (lambda folder: _edit(folder, format="other"), "must be of format 'gaussgrad.VariationalGaussianAutoencoder'"),
        (lambda folder: _edit(folder, version=9), "version 9"),
        (lambda folder: _edit(folder, likelihood="laplace"), "likelihood must be one of"),
        (lambda folder: _edit(folder, likelihood="gaussian"), "lacks, or should not hold, likelihood.log_noise"),
        (lambda folder: os.truncate(folder / "variational.safetensors", 50), "is damaged"),
        (lambda folder: (folder / "variational.safetensors").unlink(), "is damaged"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path, spoil, words):
    folder, variational, _ = stored(tmp_path)
    spoil(folder)
    with pytest.raises(ValueError, match=words):
        variational_storage.load(folder, variational.model)


def test_weights_of_another_model_are_refused(tmp_path):
    folder, _, _ = stored(tmp_path)
    with pytest.raises(ValueError, match="does not fit its model"):
        variational_storage.load(folder, GaussianAutoencoder(SIZE, n=3))


def test_a_foreign_folder_is_not_replaced(tmp_path):
    _, variational, aggregate = stored(tmp_path)
    (tmp_path / "stored" / "letter.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        variational_storage.save(variational, aggregate, tmp_path / "stored", overwrite=True)


QUICK = ("-n", 2, "--epochs", 2, "--batch-size", 16)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "spots.npy"
    np.save(path, spots())
    return path


def test_train_sample_and_predict_work_together(call, source, tmp_path):
    run = tmp_path / "run"
    code, out, err = call("train", source, "-o", run, *QUICK, "--objective", "elbo", "--looks", 1)
    assert (code, err) == (0, "")
    assert "of 12 latent numbers are dead" in out
    figures = json.loads((run / "variational.json").read_text())
    np.testing.assert_allclose(figures["elbo"], figures["log_likelihood"] - figures["divergence"])
    assert figures["latent_numbers"] == 12
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        assert call("sample", run, "-n", 5, "-o", tmp_path / f"{name}.png", "--seed", seed)[0] == 0
    first, again, other = ((tmp_path / f"{name}.png").read_bytes() for name in ("first", "again", "other"))
    assert first == again != other

    assert call("predict", run, source, "-o", tmp_path / "found.csv")[0] == 0
    table = read_table(tmp_path / "found.csv")
    assert list(table)[-3:] == ["weight", "x_stddev", "y_stddev"]
    model = GaussianAutoencoder.load(run / "model")
    variational, _ = variational_storage.load(run / "variational", model)
    stddevs = inference.position_stddev(variational, spots()).reshape(-1, 2)
    np.testing.assert_allclose(np.array(table["x_stddev"], float), stddevs[:, 0], rtol=1e-6)
    assert (stddevs > 0).all()
    drawn = ("render", tmp_path / "found.csv", "-o", tmp_path / "drawn.npy", "--size", *SIZE, "--image", 7)
    assert call(*drawn)[0] == 0


def test_the_bound_improves_with_training(source, tmp_path, call):
    elbos = []
    for epochs in (1, 60):
        run = tmp_path / f"run{epochs}"
        options = ("-n", 1, "--epochs", epochs, "--batch-size", 16, "--looks", 0, "--objective", "elbo")
        assert call("train", source, "-o", run, *options)[0] == 0
        elbos.append(json.loads((run / "variational.json").read_text())["elbo"])
    assert elbos[1] > elbos[0] + 10


def test_one_seed_gives_the_same_run_twice(source, tmp_path, call):
    for name in ("first", "second"):
        assert call("train", source, "-o", tmp_path / name, *QUICK, "--objective", "elbo", "--looks", 1)[0] == 0
    for name in ("variational.json", "samples.png", "variational/variational.safetensors", "metrics.csv"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_mistakes_are_told_in_one_line(call, source, tmp_path):
    run = tmp_path / "run"
    assert call("train", source, "-o", run, *QUICK, "--looks", 0)[0] == 0
    mistakes = {
        ("sample", run, "-o", tmp_path / "a.png"): "it was trained without --objective elbo",
        ("sample", run, "-o", tmp_path / "a.jpg"): "--output must be a file that ends in .png",
        ("sample", run, "-o", source.with_suffix(".png"), "-n", 0): "Invalid value for '-n'",
        ("sample", tmp_path / "none", "-o", tmp_path / "a.png"): "is no run of gaussgrad",
        ("train", source, "-o", tmp_path / "b", "--likelihood", "poisson"): "--likelihood must be left out",
        ("train", source, "-o", tmp_path / "b", "--beta", 2): "--beta must be left out without --objective elbo",
        (
            *("train", source, "-o", tmp_path / "b", "--objective", "elbo"),
            *("--presence-cost", 0.1),
        ): "--presence-cost must be 0 with --objective elbo",
    }
    for arguments, words in mistakes.items():
        code, _, err = call(*arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert words in err
    assert not (tmp_path / "a.png").exists()
    assert not (tmp_path / "b").exists()


def test_beta_weighs_the_divergence():
    batch = images()
    losses = []
    for beta in (0.0, 1.0, 3.0):
        torch.manual_seed(0)
        model = GaussianAutoencoder(SIZE, n=2)
        module = evidence_bound.VariationalModule(model, replace(Configuration(), objective="elbo", beta=beta))
        torch.manual_seed(1)
        losses.append(module.objective(batch)[0].item())
    np.testing.assert_allclose(losses[2] - losses[0], 3 * (losses[1] - losses[0]), rtol=1e-4)
    assert losses[1] > losses[0]


def test_a_run_stopped_before_its_report_is_reported_on_resuming(tmp_path):
    pixels = spots()
    batch = data.Images(pixels, tuple(map(str, range(len(pixels)))), "spots")
    configuration = Configuration(n=1, epochs=2, batch_size=16, looks=0, objective="elbo")
    run = runs.start(tmp_path / "run", configuration, batch)
    written = []
    for _ in range(2):
        baselines = metrics.Baselines(1.0, 1.0, 1)
        loop.fit(run, batch, data.split(len(pixels)), baselines, Console(file=text.StringIO()))
        written.append((run.variational / "variational.safetensors").read_bytes())
        shutil.rmtree(run.variational)
    assert written[0] == written[1]


def test_a_guided_model_is_refused():
    with pytest.raises(ValueError, match=r"model must have an encoder network, .* Use guided=False\."):
        VariationalGaussianAutoencoder(GaussianAutoencoder((8, 8), channels=3, n=2))
