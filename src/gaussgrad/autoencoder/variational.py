"""A variational autoencoder that draws Gaussians: it says how uncertain they are, and draws new images."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gaussgrad.autoencoder.encoder import feature_shape
from gaussgrad.autoencoder.likelihoods import make_likelihood
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.gaussians import Gaussians
from gaussgrad.layers.reductions import reduce_divergence
from gaussgrad.layers.torch import GaussianLatent
from gaussgrad.ops.latent import kl_divergence

FIRST_LOG_VARIANCE = -6.0  # of the free numbers, whose prior starts with a variance of 1
ALIVE = 0.01  # nats: a latent number that tells less about an image, on average, is dead


@dataclass(frozen=True, eq=False)
class Bound:
    """The evidence lower bound of a batch in nats per image, and what else training needs."""

    log_likelihood: torch.Tensor  # ()
    divergence: torch.Tensor  # (), without beta
    first_attempts: torch.Tensor  # (), the log likelihoods of the means before the last look, summed
    squared_error: torch.Tensor  # (), of the reconstruction from the means, without gradient where there was none

    @property
    def elbo(self) -> torch.Tensor:
        return self.log_likelihood - self.divergence


class VariationalGaussianAutoencoder(nn.Module):
    """An autoencoder that draws Gaussians, with a Gaussian posterior of the free numbers that describe them.

    The means of the posterior are the answers of a `GaussianAutoencoder`, which reconstructs as before. A linear layer
    computes the log-variances from the same features. Free numbers are those that the bounds of
    `gaussgrad.autoencoder.heads.GaussianHead` take: n x numbers of them describe an image, and any real number is
    valid. The prior is a Gaussian with a learned mean and variance for each.

    Parameters
    ----------
    model : GaussianAutoencoder
        Without presence, since the number of Gaussians is fixed, and not guided.
    likelihood : {"gaussian", "bernoulli", "poisson"}
        See `gaussgrad.autoencoder.likelihoods`.

    Raises
    ------
    ValueError
        For an unknown likelihood, a model whose number of Gaussians varies, or a guided one.

    Notes
    -----
    Kingma and Welling (2014), "Auto-encoding variational Bayes", equation 3; docs/latent.md, equations 2 and 6.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.autoencoder import GaussianAutoencoder
    >>> variational = VariationalGaussianAutoencoder(GaussianAutoencoder((8, 8), n=2))
    >>> bound = variational.bound(torch.rand(4, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    >>> bool(bound.elbo < bound.log_likelihood)
    True
    """

    def __init__(self, model: GaussianAutoencoder, likelihood: str = "gaussian") -> None:
        super().__init__()
        if model.head.presence:
            raise ValueError("model must have a fixed number of Gaussians; got presence=True. Use presence=False.")
        if model.guided:
            cure = "Use guided=False."
            raise ValueError(
                f"model must have an encoder network, which gives the variances; got a guided model. {cure}"
            )
        self.model = model
        self.likelihood_name = likelihood
        self.likelihood = make_likelihood(likelihood, model.scale.range if model.scale else None)
        self.latent = GaussianLatent(sample_in_eval=True)
        shape = (model.n, model.head.free_numbers)
        self.prior_mean = nn.Parameter(torch.zeros(shape))
        self.prior_log_variance = nn.Parameter(torch.zeros(shape))
        features = torch.Size(feature_shape(model.encoder, model.size, model.channels)).numel()
        self.log_variance = nn.Linear(features, shape[0] * shape[1])
        with torch.no_grad():
            self.log_variance.weight.mul_(0.1)
            self.log_variance.bias.fill_(FIRST_LOG_VARIANCE)

    def posterior(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of the free numbers (b, n, numbers) of images (b, c, h, w)."""
        attempts, log_variance, _ = self._attempts(images)
        return attempts[-1], log_variance

    def bound(self, images: torch.Tensor, *, generator: torch.Generator | None = None) -> Bound:
        """The evidence lower bound of images (b, c, h, w), from one sample for each."""
        attempts, log_variance, drawings = self._attempts(images)
        mean = attempts[-1]
        z = self.latent((mean, log_variance), generator=generator)
        drawn = self.model.decode(self.model.head.gaussians(z))
        first = [self.likelihood.log_probability(images, drawing).mean() for drawing in drawings]
        with torch.no_grad():
            error = (self.model.decode(self.model.head.gaussians(mean)) - images).square().mean()
        return Bound(
            log_likelihood=self.likelihood.log_probability(images, drawn).mean(),
            divergence=reduce_divergence(self.divergence(mean, log_variance), "batch"),
            first_attempts=sum(first, torch.zeros_like(error)),
            squared_error=error,
        )

    def divergence(self, mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        """Nats of each free number (b, n, numbers); that of the standard prior after a shift and a scale."""
        log_variance = log_variance - self.prior_log_variance
        return kl_divergence((mean - self.prior_mean) / torch.exp(self.prior_log_variance / 2), log_variance)

    def position_stddev(self, mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        """How uncertain the posterior is about each position, (b, n, 2) of x and y in pixels, to first order."""
        with torch.enable_grad():
            numbers = mean.detach().requires_grad_()
            places = self.model.head.gaussians(numbers).means  # x depends on the first number alone, y on the second
            (slope,) = torch.autograd.grad(places.sum(), numbers)
        return slope[..., :2].abs() * torch.exp(log_variance[..., :2] / 2)

    def draw(self, numbers: torch.Tensor) -> tuple[torch.Tensor, Gaussians]:
        """Mean images (b, c, h, w) and Gaussians of any free numbers (b, n, numbers)."""
        gaussians = self.model.head.gaussians(numbers)
        return self.likelihood.mean(self.model.decode(gaussians)), gaussians

    def _attempts(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, list[torch.Tensor]]:
        """Means after each look, the log-variance, and what was drawn before each look."""
        self.model.check_images(images)
        features = self.model.encoder(images)
        trail = self.model.trail_from(images, *self.model.head.numbers(features))
        means, drawings = [attempt.numbers for attempt in trail], [attempt.drawn for attempt in trail[:-1]]
        return means, self.log_variance(features.flatten(1)).reshape(means[-1].shape), drawings

    def own_state(self) -> dict[str, Any]:
        """The weights beside those of the model."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("model.")}


def dead(divergence: torch.Tensor) -> torch.Tensor:
    """Which latent numbers are dead (n, numbers): their divergences (b, n, numbers), on average, below 0.01 nats.

    Examples
    --------
    >>> import torch
    >>> dead(torch.tensor([[[0.0, 2.0]], [[0.015, 1.0]]])).tolist()
    [[True, False]]
    """
    return divergence.mean(dim=0) < ALIVE
