"""The PyTorch layer that ends a mixture density network: features in, a mixture of Gaussians per point out."""

import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers import mixtures
from gaussgrad.layers.clusters import FIRST_WEIGHTS, start_of_mixture
from gaussgrad.layers.mixtures import Mixture
from gaussgrad.layers.options import mixture_options


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
        Added to every variance, in squared units of the points; covariances stay as they are (Tikhonov). Targets on a
        lattice need it, because their likelihood has no bound without: take the square of a fraction of the step.
    backend : {None, "reference", "cpu", "triton"}
        Of log densities, as in `gaussgrad.mixture_log_density`. Diagonal mixtures have no kernels: None or "reference".

    Raises
    ------
    ValueError, TypeError
        For options out of range, features or points that do not fit, values that are not finite.

    Notes
    -----
    Called with features (..., in_features), it gives a `Mixture` of logits (..., k), means (..., k, d), log_stddevs
    (..., k, d) and atanh_correlations (..., k), or None for diagonal ones: the arguments of
    `gaussgrad.mixture_log_density`. Differentiable in features, parameters and points. Half-precision features give
    a mixture in float32, since logarithms of densities need the digits. docs/mixtures.md, equations M2 to
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
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.options = mixture_options(
            components,
            dimensions=dimensions,
            covariance=covariance,
            variance_floor=variance_floor,
            backend=backend,
        )
        self.head = nn.Linear(checks.count("in_features", in_features), sum(self.options.lengths))

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
        options = self.options
        mixture = mixtures.from_parts(numbers.split(options.lengths, dim=-1), options, torch.reshape)
        return mixtures.widened(mixture, options.variance_floor) if options.variance_floor else mixture

    def log_density(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Log densities (...) of points (..., d) under the mixtures of features (..., in_features)."""
        mixture = self(features)
        return mixtures.log_density(points.to(mixture.means.dtype), mixture, self.options.backend)

    def loss(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The negative mean log density of points (..., d), in nats per point; remove padding first."""
        return -self.log_density(features, points).mean()

    def sample(self, features: torch.Tensor, *, generator: torch.Generator, bias: float = 0.0) -> torch.Tensor:
        """Points (..., d), one of each mixture; a bias above 0 prefers likely points (`gaussgrad.sample_mixture`).

        Differentiable in means, stddevs and correlations of the chosen components; the same generator state gives the
        same points.
        """
        if not isinstance(generator, torch.Generator):
            raise TypeError(complain("generator", "a torch.Generator", f"a {type(generator).__name__}"))
        bias = checks.number("bias", bias, "a number >= 0", 0.0)
        mixture = self(features)
        leading = tuple(mixture.logits.shape[:-1])
        like = {"generator": generator, "dtype": mixture.means.dtype, "device": mixture.means.device}
        uniform, noise = torch.rand(leading, **like), torch.randn(*leading, self.options.dimensions, **like)
        return mixtures.sample(mixture, uniform=uniform, noise=noise, bias=bias)

    @torch.no_grad()
    def start_from(self, points: torch.Tensor, *, seed: int) -> None:
        """Start the head at the k-means clusters of points (n, d): it then gives nearly these for any features.

        Training from there does not collapse onto few components. Needs SciPy, and at least k different points.
        """
        k, d = self.options.components, self.options.dimensions
        start = start_of_mixture(points.detach().cpu().double().numpy(), k, d, seed)
        self.head.weight.mul_(FIRST_WEIGHTS)
        self.head.bias.copy_(torch.from_numpy(start.numbers(with_correlations=self.options.correlated)))

    def extra_repr(self) -> str:
        options = self.options
        shown = f"components={options.components}, dimensions={options.dimensions}, covariance={options.covariance!r}"
        shown += f", variance_floor={options.variance_floor}" if options.variance_floor else ""
        return shown + (f", backend={options.backend!r}" if options.backend is not None else "")
