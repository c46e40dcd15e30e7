"""Train by the evidence lower bound, and report it: the bound, dead latent numbers, and new images."""

import json
from dataclasses import asdict, dataclass

import torch

from gaussgrad import checks
from gaussgrad.autoencoder import variational_storage
from gaussgrad.autoencoder.aggregate import fit_aggregate
from gaussgrad.autoencoder.likelihoods import GaussianLikelihood
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.autoencoder.variational import VariationalGaussianAutoencoder, dead
from gaussgrad.data import Images, Split
from gaussgrad.files.folders import fresh_file
from gaussgrad.inference import BATCH, sample
from gaussgrad.plot import sheets
from gaussgrad.training.configuration import Configuration, option_name
from gaussgrad.training.modules import AutoencoderModule
from gaussgrad.training.run import Run

PICTURED = 64


@dataclass(frozen=True)
class BoundFigures:
    """What variational.json says; nats per held-out image, one sample for each."""

    elbo: float
    log_likelihood: float
    divergence: float
    noise: float | None  # of a pixel, where the likelihood has it
    latent_numbers: int
    dead_numbers: int
    mean_position_stddev: float  # pixels


class VariationalModule(AutoencoderModule):
    """The evidence lower bound in the place of the squared error; validated by the reconstruction from the means."""

    def __init__(self, model: GaussianAutoencoder, configuration: Configuration, leg: int = 0) -> None:
        super().__init__(model, configuration, leg)
        self.variational = VariationalGaussianAutoencoder(model, configuration.likelihood)

    def objective(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        bound = self.variational.bound(images)
        nats = bound.log_likelihood + bound.first_attempts - self.configuration.beta * bound.divergence
        return -nats / images[0].numel(), bound.squared_error


def write(run: Run, variational: VariationalGaussianAutoencoder, images: Images, split: Split) -> BoundFigures:
    """Write RUN/variational, samples.png and variational.json."""
    seed = run.configuration.seed
    training = torch.from_numpy(images.pixels[split.training])
    aggregate = fit_aggregate(_posterior_samples(variational, training, seed), seed)
    variational_storage.save(variational, aggregate, run.variational, overwrite=True)
    drawn = sample(variational, aggregate, PICTURED, seed)
    sheets.write_grid(run.folder / "samples.png", drawn, overwrite=True)
    figures = measure(variational, torch.from_numpy(images.pixels[split.held_out]), seed)
    with fresh_file(run.bound, overwrite=True) as partial:
        partial.write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")
    return figures


def refuse_options(configuration: Configuration) -> None:
    """Refuse settings that do not go with the objective."""
    if configuration.objective == "mse":
        for name in ("likelihood", "beta"):
            value = getattr(configuration, name)
            if value != getattr(Configuration, name):
                raise ValueError(checks.complain(option_name(name), "left out without --objective elbo", value))
    elif configuration.presence_cost > 0:
        wanted = "0 with --objective elbo, for which the number of Gaussians is fixed"
        raise ValueError(checks.complain(option_name("presence_cost"), wanted, configuration.presence_cost))


def describe(run: Run) -> str:
    """The figures of a finished run in words."""
    figures = BoundFigures(**json.loads(run.bound.read_text(encoding="utf-8")))
    noise = "" if figures.noise is None else f"The noise of a pixel was learned as {figures.noise:.3f}. "
    return (
        f"Evidence lower bound {figures.elbo:.1f} nats per held-out image: log likelihood "
        f"{figures.log_likelihood:.1f}, divergence {figures.divergence:.1f}. {noise}"
        f"{figures.dead_numbers} of {figures.latent_numbers} latent numbers are dead. "
        f"{run.folder / 'samples.png'} shows new images."
    )


@torch.no_grad()
def measure(variational: VariationalGaussianAutoencoder, images: torch.Tensor, seed: int) -> BoundFigures:
    """The bound of images (b, c, h, w), and how many latent numbers it leaves unused."""
    generator = torch.Generator().manual_seed(seed)
    likelihoods, divergences, stddevs = [], [], []
    for batch in images.split(BATCH):
        bound = variational.bound(batch, generator=generator)
        posterior = variational.posterior(batch)
        likelihoods.append(float(bound.log_likelihood) * len(batch))
        divergences.append(variational.divergence(*posterior))
        stddevs.append(variational.position_stddev(*posterior))
    each = torch.cat(divergences)
    log_likelihood, divergence = sum(likelihoods) / len(images), float(each.sum(dim=(1, 2)).double().mean())
    likelihood = variational.likelihood
    return BoundFigures(
        elbo=log_likelihood - divergence,
        log_likelihood=log_likelihood,
        divergence=divergence,
        noise=float(likelihood.noise) if isinstance(likelihood, GaussianLikelihood) else None,
        latent_numbers=each[0].numel(),
        dead_numbers=int(dead(each).sum()),
        mean_position_stddev=float(torch.cat(stddevs).mean()),
    )


@torch.no_grad()
def _posterior_samples(variational: VariationalGaussianAutoencoder, images: torch.Tensor, seed: int) -> torch.Tensor:
    """One draw (N, d) from the posterior of each image."""
    generator = torch.Generator().manual_seed(seed)
    posteriors = (variational.posterior(batch) for batch in images.split(BATCH))
    return torch.cat([variational.latent(each, generator=generator).flatten(1) for each in posteriors])
