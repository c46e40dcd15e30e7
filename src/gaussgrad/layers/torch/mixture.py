"""The PyTorch layer that ends a mixture density network: features in, a mixture of Gaussians per point out."""

from typing import NamedTuple

import array_api_compat.torch as namespace
import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.clusters import FIRST_WEIGHTS, start_of_mixture
from gaussgrad.ops.mixture import gaussian_mixture_log_density, mixture_log_density, sample_mixture
from gaussgrad.ops.mixture.floor import widen, widen_diagonal
from gaussgrad.ops.mixture.sampling import sample_diagonal_mixture

COVARIANCES = ("full", "diagonal")


class Mixture(NamedTuple):
    """The numbers of mixtures of Gaussians."""

    logits: torch.Tensor  # (..., k)
    means: torch.Tensor  # (..., k, d)
    log_stddevs: torch.Tensor  # (..., k, d)
    atanh_correlations: torch.Tensor | None  # (..., k)


class MixtureDensity(nn.Module):
    """Layer that turns features into mixtures of Gaussians: a linear head, its loss, and samples from it.

    Parameters
    ----------
    in_features : int
        Length of the features.
    components : int
        Gaussians per mixture, k.
    dimensions : int
        Of the points, d.
    covariance : {"full", "diagonal"}, optional
        "full": with a correlation, in 2-D only. "diagonal": any d. By default full in 2-D, else diagonal.
    variance_floor : float
        Added to every variance, in squared units of the points; covariances stay as they are (Tikhonov). For targets on
        a lattice, whose likelihood is unbounded otherwise: the square of a fraction of its step. 0 adds nothing.

    Raises
    ------
    ValueError, TypeError
        For options out of range, features or points that do not fit, values that are not finite.

    Notes
    -----
    Called with features (..., in_features), it gives a `Mixture` of logits (..., k), means (..., k, d), log_stddevs
    (..., k, d) and atanh_correlations (..., k), or None for diagonal ones: the arguments of
    `gaussgrad.mixture_log_density`. Differentiable to features, parameters and points. Half-precision features are
    taken; their mixture is float32, since logarithms of densities need the digits. docs/mixtures.md, equations M2 to
    M12; Bishop (1994), "Mixture density networks", section 3.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import MixtureDensity
    >>> head = MixtureDensity(16, components=5)
    >>> features, points = torch.randn(8, 16), torch.randn(8, 2)
    >>> head.start_from(points, seed=0)
    >>> loss = head.loss(features, points)  # negative mean log density
    >>> loss.backward()
    >>> head.sample(features, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([8, 2])
    """

    def __init__(
        self,
        in_features: int,
        components: int,
        *,
        dimensions: int = 2,
        covariance: str | None = None,
        variance_floor: float = 0.0,
    ) -> None:
        super().__init__()
        self.components = checks.count("components", components)
        self.dimensions = checks.count("dimensions", dimensions)
        usual = "full" if self.dimensions == 2 else "diagonal"
        self.covariance = checks.option("covariance", covariance or usual, COVARIANCES)
        if self.covariance == "full" and self.dimensions != 2:
            raise ValueError(complain("covariance", f"'diagonal' in {self.dimensions}-D", "'full'"))
        self.variance_floor = checks.number("variance_floor", variance_floor, "a number >= 0", 0.0)
        per_component = 1 + 2 * self.dimensions + (self.covariance == "full")
        self.head = nn.Linear(checks.count("in_features", in_features), self.components * per_component)

    def forward(self, features: torch.Tensor) -> Mixture:
        """The mixtures of features (..., in_features)."""
        if not isinstance(features, torch.Tensor):
            raise TypeError(complain("features", "a torch tensor", f"a {type(features).__name__}"))
        if not features.is_floating_point():
            wanted = "of a floating-point dtype"
            raise TypeError(complain("features", wanted, str(features.dtype), "Use features.float()."))
        numbers = self.head(features)
        if numbers.dtype in (torch.float16, torch.bfloat16):
            numbers = numbers.float()
        k, d = self.components, self.dimensions
        logits, means, log_stddevs, rest = numbers.split([k, k * d, k * d, numbers.shape[-1] - k - 2 * k * d], dim=-1)
        means, log_stddevs = means.unflatten(-1, (k, d)), log_stddevs.unflatten(-1, (k, d))
        correlations = rest if self.covariance == "full" else None
        if self.variance_floor and correlations is None:
            log_stddevs = widen_diagonal(namespace, log_stddevs, self.variance_floor)
        elif self.variance_floor:
            log_stddevs, correlations = widen(namespace, log_stddevs, correlations, self.variance_floor)
        return Mixture(logits, means, log_stddevs, correlations)

    def log_density(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Log densities (...) of points (..., d) under the mixtures of features (..., in_features)."""
        logits, means, log_stddevs, correlations = self(features)
        points = points.to(means.dtype)
        if correlations is None:
            return gaussian_mixture_log_density(points, logits, means, log_stddevs=log_stddevs)
        return mixture_log_density(points, logits, means, log_stddevs, correlations)

    def loss(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The negative mean log density of points (..., d), in nats per point; leave out beforehand what is padding."""
        return -self.log_density(features, points).mean()

    def sample(self, features: torch.Tensor, *, generator: torch.Generator, bias: float = 0.0) -> torch.Tensor:
        """Points (..., d), one of each mixture; a bias above 0 prefers what is likely (`gaussgrad.sample_mixture`).

        Differentiable to means, stddevs and correlations of the chosen components; the same generator state gives the
        same points.
        """
        if not isinstance(generator, torch.Generator):
            raise TypeError(complain("generator", "a torch.Generator", f"a {type(generator).__name__}"))
        bias = checks.number("bias", bias, "a number >= 0", 0.0)
        mixture = self(features)
        leading = tuple(mixture.logits.shape[:-1])
        like = {"generator": generator, "dtype": mixture.means.dtype, "device": mixture.means.device}
        uniform, noise = torch.rand(leading, **like), torch.randn(*leading, self.dimensions, **like)
        if mixture.atanh_correlations is None:
            return sample_diagonal_mixture(*mixture[:3], uniform=uniform, noise=noise, bias=bias)
        return sample_mixture(*mixture, uniform=uniform, noise=noise, bias=bias)

    @torch.no_grad()
    def start_from(self, points: torch.Tensor, *, seed: int) -> None:
        """Set the head so that it first gives, whatever the features, nearly the k-means clusters of points (n, d).

        Draws of training from there do not collapse onto few components. Needs SciPy, and at least k different points.
        """
        start = start_of_mixture(points.detach().cpu().double().numpy(), self.components, self.dimensions, seed)
        self.head.weight.mul_(FIRST_WEIGHTS)
        self.head.bias.copy_(torch.from_numpy(start.numbers(with_correlations=self.covariance == "full")))

    def extra_repr(self) -> str:
        shown = f"components={self.components}, dimensions={self.dimensions}, covariance={self.covariance!r}"
        return shown + (f", variance_floor={self.variance_floor}" if self.variance_floor else "")
