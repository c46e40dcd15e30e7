"""The latent layers: samples or means, seeds, workers, free bits, and every name there was before."""

import math
import multiprocessing

import numpy as np
import pytest
import torch
from fresh import in_fresh_process
from scipy import stats
from tolerances import compare_gradients, compare_values
from torch import nn
from torch.utils.data import DataLoader, Dataset

import gaussgrad
from gaussgrad.layers.torch import FullGaussianLatent, GaussianLatent, LatentDistribution

NAN, INF = float("nan"), float("inf")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype), torch.randn(*shape, dtype=dtype)


def full_pair(*shape, d=3, dtype=torch.float64):
    return torch.randn(*shape, d, dtype=dtype), 0.5 * torch.randn(*shape, d * (d + 1) // 2, dtype=dtype)


KINDS = {"elementwise": (GaussianLatent, pair), "full": (FullGaussianLatent, lambda *shape: full_pair(*shape[:-1]))}
every_kind = pytest.mark.parametrize(("make", "parameters"), KINDS.values(), ids=KINDS)


@every_kind
def test_training_samples_and_evaluation_gives_the_mean_unless_told(make, parameters):
    given = parameters(4, 3)
    layer = make()
    assert not torch.equal(layer(given), given[0])
    assert torch.equal(layer.eval()(given), given[0])
    assert layer(given, samples=5).shape == (5, 4, 3)
    assert torch.equal(layer(given, samples=5)[2], given[0])
    assert not torch.equal(make(sample_in_eval=True).eval()(given), given[0])


@every_kind
def test_autocast_does_not_round_samples_in_float32(make, parameters):
    given = tuple(part.float() for part in parameters(64, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sample = make()(given, generator=seeded())
    assert torch.equal(sample, make()(given, generator=seeded()))


@every_kind
@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3), (2, 5, 4, 3), (0, 3)])
def test_any_rank_and_several_samples(make, parameters, shape):
    given = parameters(*shape)
    layer = make()
    assert layer(given).shape == shape
    assert layer(given, samples=6).shape == (6, *shape)
    assert layer.log_density(layer(given, samples=6), given).shape == (6, shape[0])
    assert layer.prior_log_density(layer(given), given).shape == shape[:1]


def test_one_number_per_example_works():
    given = pair(7)
    layer = GaussianLatent()
    assert layer(given, samples=2).shape == (2, 7)
    assert layer.log_density(layer(given, samples=2), given).shape == (2, 7)
    assert layer.kl_divergence(given, reduction="example").shape == (7,)


@every_kind
def test_the_same_seed_gives_the_same_samples(make, parameters):
    given = parameters(4, 3)
    layer = make()
    first, second = (layer(given, generator=seeded(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, layer(given, generator=seeded(6)))
    torch.manual_seed(5)
    first = layer(given)
    torch.manual_seed(5)
    assert torch.equal(first, layer(given))


class Drawn(Dataset):
    """One sample per position, drawn where the position is read."""

    def __init__(self):
        self.layer = GaussianLatent()

    def __len__(self):
        return 4

    def __getitem__(self, position):
        return self.layer((torch.zeros(1, 3), torch.zeros(1, 3)))


def drawn(*seeds):
    """(4, 1, 3) for each seed, two from each of two workers."""
    context = {"num_workers": 2, "multiprocessing_context": "fork"}
    loaders = [DataLoader(Drawn(), batch_size=1, generator=seeded(seed), **context) for seed in seeds]
    return [torch.cat(list(loader)).tolist() for loader in loaders]


@pytest.mark.long
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
def test_different_workers_draw_different_samples_and_the_same_seed_the_same():
    other, first = torch.tensor(in_fresh_process(drawn, 2, 1))
    (again,) = torch.tensor(in_fresh_process(drawn, 1))
    assert len(first.flatten().unique()) == first.numel()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_samples_have_the_dtype_of_the_parameters(dtype):
    given = tuple(array.to(dtype) for array in pair(4, 3))
    layer = GaussianLatent(3, 0.25)
    assert layer(given).dtype == layer.kl_divergence(given, reduction="none").dtype == dtype
    wide = tuple(array.float() for array in given)
    compare_values(layer(given, generator=seeded()), layer(wide, generator=seeded()), dtype="bfloat16")


def test_gradients_flow_to_both_tensors():
    mean, log_variance = (array.requires_grad_() for array in pair(4, 3))
    layer = GaussianLatent()
    z = layer((mean, log_variance), generator=seeded())
    by_mean, by_log = torch.autograd.grad(z.sum(), (mean, log_variance))
    compare_gradients(by_mean, torch.ones_like(mean))
    compare_gradients(by_log, (z - mean).detach() / 2)
    assert torch.autograd.gradcheck(lambda m, v: layer((m, v), generator=seeded()), (mean, log_variance))
    full = [array.requires_grad_() for array in full_pair(2)]
    assert torch.autograd.gradcheck(lambda m, c: FullGaussianLatent()((m, c), generator=seeded()), full)


def test_a_million_draws_have_the_moments_asked_for():
    layer, count = FullGaussianLatent(), 10**6
    mean, cholesky = full_pair(1, d=2)
    z = layer((mean, cholesky), samples=count, generator=seeded())[:, 0].numpy()
    root = np.array([[cholesky[0, 0].exp(), 0], [cholesky[0, 1], cholesky[0, 2].exp()]])
    covariance = root @ root.T
    errors = np.sqrt(np.diag(covariance) / count)
    assert (np.abs(z.mean(axis=0) - mean[0].numpy()) < 4 * errors).all()
    spread = np.sqrt((covariance**2 + np.outer(np.diag(covariance), np.diag(covariance))) / count)
    assert (np.abs(np.cov(z.T) - covariance) < 4 * spread).all()


@every_kind
def test_the_divergence_agrees_with_the_log_densities_of_a_million_draws(make, parameters):
    given = tuple(array[:1] for array in parameters(2, 3))
    layer = make()
    z = layer(given, samples=10**6, generator=seeded())
    ratio = layer.log_density(z, given) - layer.prior_log_density(z, given)
    error = ratio.std().item() / 1e3
    assert abs(ratio.mean() - layer.kl_divergence(given, reduction="batch")) < 4 * error


def test_the_full_layer_without_correlations_is_the_elementwise_one():
    mean, log_variance = pair(5, 2)
    zeros = torch.zeros(5, 1, dtype=torch.float64)
    cholesky = torch.cat((log_variance[:, :1] / 2, zeros, log_variance[:, 1:] / 2), dim=-1)
    full, plain = FullGaussianLatent(), GaussianLatent()
    z = torch.randn(4, 5, 2, dtype=torch.float64)
    compare_values(full((mean, cholesky), generator=seeded()), plain((mean, log_variance), generator=seeded()))
    compare_values(full.log_density(z, (mean, cholesky)), plain.log_density(z, (mean, log_variance)))
    for reduction in ("example", "batch"):
        expected = plain.kl_divergence((mean, log_variance), reduction=reduction)
        compare_values(full.kl_divergence((mean, cholesky), reduction=reduction), expected)


def test_log_densities_are_those_of_scipy(rng):
    given = tuple(torch.tensor(array) for array in rng.normal(size=(2, 4, 3)))
    z = torch.tensor(rng.normal(size=(4, 3)))
    layer = GaussianLatent(prior_mean=3, prior_variance=torch.tensor([0.25, 1.0, 4.0], dtype=torch.float64))
    mean, stddev = given[0].numpy(), np.exp(given[1].numpy() / 2)
    compare_values(layer.log_density(z, given), stats.norm.logpdf(z.numpy(), mean, stddev).sum(-1))
    compare_values(layer.prior_log_density(z, given), stats.norm.logpdf(z.numpy(), 3, [0.5, 1.0, 2.0]).sum(-1))
    compare_values(torch.as_tensor(layer.prior_stddev), np.array([0.5, 1.0, 2.0]))


def test_reductions_are_explicit():
    given = pair(4, 2, 3)
    layer = GaussianLatent(0.5, 2)
    each = gaussgrad.kl_divergence(*given, 0.5, 2)
    compare_values(layer.kl_divergence(given, reduction="none"), each)
    compare_values(layer.kl_divergence(given, reduction="example"), each.sum((1, 2)))
    compare_values(layer.kl_divergence(given, reduction="batch", beta=0.25), each.sum((1, 2)).mean() / 4)
    with pytest.raises(TypeError, match="reduction"):
        layer.kl_divergence(given)
    for words in ("sum", "mean", None):
        with pytest.raises(ValueError, match="reduction must be one of 'none', 'example', 'batch'"):
            layer.kl_divergence(given, reduction=words)


def test_priors_can_be_learned_and_are_saved():
    mean, variance = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))
    layer = GaussianLatent(mean, variance)
    assert dict(layer.named_parameters()).keys() == {"prior_mean", "prior_variance"}
    layer.kl_divergence(pair(4, 3, dtype=torch.float32), reduction="batch").backward()
    assert mean.grad.abs().min() > 0
    assert variance.grad.abs().min() > 0
    fixed = GaussianLatent(torch.zeros(3), torch.full((3,), 2.0))
    assert list(fixed.parameters()) == []
    assert fixed.state_dict().keys() == {"prior_mean", "prior_variance"}
    assert GaussianLatent().state_dict() == {}
    assert fixed.double().prior_mean.dtype == torch.float64
    full = FullGaussianLatent(nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(6)))
    full.kl_divergence(full_pair(4, dtype=torch.float32), reduction="batch").backward()
    assert full.prior_cholesky.grad.abs().min() > 0


def test_the_representation_tells_the_prior():
    assert repr(GaussianLatent(3, 0.25)) == "GaussianLatent(prior_mean=3, prior_variance=0.25)"
    learned = GaussianLatent(torch.zeros(3), sample_in_eval=True)
    assert repr(learned) == "GaussianLatent(prior_mean=tensor of shape (3,), prior_variance=1, sample_in_eval=True)"
    assert repr(FullGaussianLatent(torch.zeros(3))) == "FullGaussianLatent(prior_mean=tensor)"


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        LatentDistribution()


PAIR = (torch.zeros(4, 3), torch.zeros(4, 3))
REFUSALS = {
    "a tensor": (TypeError, lambda: GaussianLatent()(torch.zeros(2, 3)), r"parameters must be a pair \(mean, log_var"),
    "three": (TypeError, lambda: GaussianLatent()((*PAIR, PAIR[0])), "parameters must be a pair .*got 3 of them"),
    "arrays": (TypeError, lambda: GaussianLatent()((np.zeros(3), PAIR[1])), "mean must be a tensor .*got a ndarray"),
    "integers": (
        TypeError,
        lambda: GaussianLatent()((PAIR[0], PAIR[1].long())),
        "log_variance must be a tensor of a floating-point dtype; got a tensor of torch.int64",
    ),
    "shapes": (
        ValueError,
        lambda: GaussianLatent()((torch.zeros(4, 3), torch.zeros(4, 1))),
        r"log_variance must be of the shape of mean, \(4, 3\); got \(4, 1\)",
    ),
    "no axes": (ValueError, lambda: GaussianLatent()((torch.zeros(()), torch.zeros(()))), r"mean must be of shape \(b"),
    "NaN": (
        ValueError,
        lambda: GaussianLatent()((torch.full((2,), NAN), torch.zeros(2))),
        r"mean must be finite; got nan at mean\[0\]",
    ),
    "wide prior": (
        ValueError,
        lambda: GaussianLatent(torch.zeros(5, 1, 1)).kl_divergence(PAIR, reduction="batch"),
        r"prior_mean and prior_variance must be of shapes that broadcast to that of mean, \(4, 3\); got \(5, 4, 3\)",
    ),
    "variance 0": (ValueError, lambda: GaussianLatent(0, 0), "prior_variance must be positive; got 0"),
    "variance -1": (ValueError, lambda: GaussianLatent(0, -1.0), "prior_variance must be positive; got -1.0"),
    "variance inf": (ValueError, lambda: GaussianLatent(0, INF), "prior_variance must be a finite number"),
    "variance NaN": (ValueError, lambda: GaussianLatent(0, NAN), "prior_variance must be a finite number"),
    "variance tensor": (
        ValueError,
        lambda: GaussianLatent(0, torch.tensor([1.0, 0.0])),
        r"prior_variance must be positive; got 0.0 at prior_variance\[1\]",
    ),
    "mean NaN": (ValueError, lambda: GaussianLatent(NAN), "prior_mean must be a finite number"),
    "mean text": (TypeError, lambda: GaussianLatent("0"), "prior_mean must be a number, or a tensor .*got a str"),
    "mean list": (TypeError, lambda: GaussianLatent([0.0]), "got a list. Use torch.as_tensor"),
    "mean None": (TypeError, lambda: GaussianLatent(None), "prior_mean must be a number"),
    "mean True": (TypeError, lambda: GaussianLatent(True), "prior_mean must be a number or an array; got True"),
    "samples 0": (ValueError, lambda: GaussianLatent()(PAIR, samples=0), "samples must be a positive integer"),
    "samples 1.5": (TypeError, lambda: GaussianLatent()(PAIR, samples=1.5), "samples must be a positive integer"),
    "a seed": (TypeError, lambda: GaussianLatent()(PAIR, generator=5), r"Use torch\.Generator\(\)\.manual_seed"),
    "free bits": (
        ValueError,
        lambda: GaussianLatent().kl_divergence(PAIR, reduction="batch", free_bits=-1),
        "free_bits must be a number of nats",
    ),
    "free bits of the batch": (
        ValueError,
        lambda: GaussianLatent().kl_divergence(PAIR, reduction="none", free_bits=1, free_bits_of="batch mean"),
        "reduction must be 'batch' for free_bits_of='batch mean'; got 'none'",
    ),
    "full: variances": (
        ValueError,
        lambda: FullGaussianLatent()(PAIR),
        "cholesky must be packed, its last axis of 6 entries, for a mean of 3 dimensions",
    ),
    "full: leading axes": (
        ValueError,
        lambda: FullGaussianLatent()((torch.zeros(4, 3), torch.zeros(2, 6))),
        r"cholesky must be of the leading axes of mean, \(4,\); got \(2,\)",
    ),
    "full: dtypes": (
        TypeError,
        lambda: FullGaussianLatent()((torch.zeros(4, 3), torch.zeros(4, 6, dtype=torch.float64))),
        "cholesky must be of the same dtype",
    ),
    "full: number": (TypeError, lambda: FullGaussianLatent(0.0), "prior_mean must be a tensor"),
}


@pytest.mark.parametrize(("error", "call", "words"), REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_says_what_was_wanted_and_what_came(error, call, words):
    with pytest.raises(error, match=words):
        call()


MEAN, LOG_VARIANCE = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[0.3, -2.0], [1.0, -0.5]])
VARIANCE = np.exp(LOG_VARIANCE)
PRIOR = GaussianLatent(prior_mean=3, prior_variance=0.25)
TENSORS = torch.tensor(MEAN), torch.tensor(LOG_VARIANCE)
FORMER_NAMES = {  # the rows of the table in docs/reparameterization.md: ours, beside the plain formula
    "Gaussian(prior_mean, prior_variance)": (lambda: PRIOR.prior_mean, lambda: np.float64(3)),
    "prior_variance": (lambda: PRIOR.prior_variance, lambda: np.float64(0.25)),
    "prior_deviation": (lambda: PRIOR.prior_stddev, lambda: np.float64(0.5)),
    "layer((z_mean, z_log_var))": (
        lambda: PRIOR(TENSORS, generator=seeded()),
        lambda: MEAN + np.exp(LOG_VARIANCE / 2) * torch.randn(2, 2, generator=seeded(), dtype=torch.float64).numpy(),
    ),
    "layer.KL_divergence(mean, log_var)": (
        lambda: PRIOR.kl_divergence(TENSORS, reduction="none"),
        lambda: np.log(0.5) - LOG_VARIANCE / 2 + (VARIANCE + (MEAN - 3) ** 2) / (2 * 0.25) - 0.5,
    ),
    "layer.log_var_to_deviation(log_var)": (
        lambda: gaussgrad.log_variance_to_stddev(LOG_VARIANCE),
        lambda: np.sqrt(VARIANCE),
    ),
    "layer.variance_to_log_scale(variance)": (
        lambda: gaussgrad.variance_to_log_variance(VARIANCE),
        lambda: LOG_VARIANCE,
    ),
    "layer.variance(log_var)": (lambda: gaussgrad.log_variance_to_variance(LOG_VARIANCE), lambda: VARIANCE),
    "layer.prob_density_fcn(x, mean, variance)": (
        lambda: gaussgrad.density(np.array([[0.1], [0.2]]), MEAN, VARIANCE),
        lambda: np.exp(-((np.array([[0.1], [0.2]]) - MEAN) ** 2) / (2 * VARIANCE)) / np.sqrt(2 * math.pi * VARIANCE),
    ),
}


@pytest.mark.parametrize(("ours", "formula"), FORMER_NAMES.values(), ids=FORMER_NAMES)
def test_every_name_of_the_former_layer_has_its_plain_formula_here(ours, formula):
    given = ours()
    compare_values(given if hasattr(given, "dtype") else np.float64(given), np.asarray(formula()), dtype="float64")
