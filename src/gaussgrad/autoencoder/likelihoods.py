"""How probable an image is around what was drawn: proper likelihoods, in nats per image."""

import math
from abc import ABC, abstractmethod
from typing import final

import torch
import torch.nn.functional as functional
from torch import nn

from gaussgrad import checks

SHARPNESS = 20.0  # of the bends at 0 and 1: a drawing in [0.15, 0.85] is kept to within 0.003
FIRST_NOISE = 0.3  # of a grey value in [0, 1]
WHITE_COUNTS = 255.0


class Likelihood(nn.Module, ABC):
    """p(image | drawn), a product over pixels. Images (b, c, h, w) in [0, 1], any drawings. Abstract."""

    @abstractmethod
    def log_probability(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Nats (b,), differentiable in both."""

    @abstractmethod
    def mean(self, drawn: torch.Tensor) -> torch.Tensor:
        """The mean image (b, c, h, w)."""


@final
class GaussianLikelihood(Likelihood):
    """Each pixel is what was drawn plus Gaussian noise, of one width that is learned; a density.

    Examples
    --------
    >>> import torch
    >>> likelihood = GaussianLikelihood()
    >>> round(likelihood.noise.item(), 6)
    0.3
    >>> likelihood.log_probability(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)).shape
    torch.Size([2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_noise = nn.Parameter(torch.tensor(math.log(FIRST_NOISE)))

    @property
    def noise(self) -> torch.Tensor:
        """The standard deviation of a pixel."""
        return self.log_noise.exp()

    def log_probability(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        squares = ((images - drawn) / self.noise).square()
        return -(squares / 2 + self.log_noise + math.log(2 * math.pi) / 2).flatten(1).sum(-1)

    def mean(self, drawn: torch.Tensor) -> torch.Tensor:
        return drawn


@final
class BernoulliLikelihood(Likelihood):
    """Each pixel is white with a probability that is what was drawn, bent smoothly to stay within (0, 1).

    For binary images. Grey values count as so many parts white, so that binary images drawn anew from them in each step
    have the same expectation.

    Notes
    -----
    The probability is (softplus(s x) - softplus(s (x - 1))) / s, s = 20, and its logarithm is computed without leaving
    logarithms, so that no drawing is impossible.

    Examples
    --------
    >>> import torch
    >>> drawn = torch.tensor([[-0.5], [0.5], [1.5]])
    >>> [round(value, 4) for value in BernoulliLikelihood().mean(drawn)[:, 0].tolist()]
    [0.0, 0.5, 1.0]
    """

    def log_probability(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        white, black = _log_bent(drawn), _log_bent(1 - drawn)
        return (images * white + (1 - images) * black).flatten(1).sum(-1)

    def mean(self, drawn: torch.Tensor) -> torch.Tensor:
        return _log_bent(drawn).exp()


@final
class PoissonLikelihood(Likelihood):
    """Each pixel is a count, such as photons, whose mean is what was drawn, bent smoothly to stay positive.

    Parameters
    ----------
    white : float
        The count that a grey value of 1 stands for.

    Examples
    --------
    >>> import torch
    >>> likelihood = PoissonLikelihood(white=100.0)
    >>> [round(value, 4) for value in likelihood.mean(torch.tensor([[-1.0], [0.5]]))[:, 0].tolist()]
    [0.0, 0.5]
    """

    def __init__(self, white: float = WHITE_COUNTS) -> None:
        super().__init__()
        self.white = checks.number("white", white, "a positive number of counts", math.ulp(0.0))

    def log_probability(self, images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        counts, log_rate = self.white * images, math.log(self.white) + _log_softplus(drawn)
        return (counts * log_rate - log_rate.exp() - torch.lgamma(counts + 1)).flatten(1).sum(-1)

    def mean(self, drawn: torch.Tensor) -> torch.Tensor:
        return _log_softplus(drawn).exp()


LIKELIHOODS = {"gaussian": GaussianLikelihood, "bernoulli": BernoulliLikelihood, "poisson": PoissonLikelihood}


def make_likelihood(name: str, white: float | None = None) -> Likelihood:
    """The likelihood of a name, new; of counts by how many of them white is above black, where it is known."""
    chosen = checks.option("likelihood", name, tuple(LIKELIHOODS))
    return PoissonLikelihood(white) if chosen == "poisson" and white is not None else LIKELIHOODS[chosen]()


def _log_softplus(x: torch.Tensor) -> torch.Tensor:
    """log(softplus(s x) / s), as near s x as wanted far below 0, where softplus itself is 0."""
    scaled = SHARPNESS * x
    low = scaled < -15  # there log softplus(t) = t to all digits of float32
    safe = torch.where(low, torch.zeros_like(scaled), scaled)
    return torch.where(low, scaled, functional.softplus(safe, threshold=80).log()) - math.log(SHARPNESS)


def _log_bent(x: torch.Tensor) -> torch.Tensor:
    """log of (softplus(s x) - softplus(s (x - 1))) / s, which is softplus of another argument."""
    shift = math.log1p(-math.exp(-SHARPNESS))
    inner = SHARPNESS * x + shift - functional.softplus(SHARPNESS * (x - 1), threshold=80)
    return _log_softplus(inner / SHARPNESS)
