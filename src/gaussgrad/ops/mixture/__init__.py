"""Score data under mixtures of Gaussians, and sample from them."""

from gaussgrad.ops.mixture.bivariate import mixture_log_density, responsibilities
from gaussgrad.ops.mixture.gaussian import gaussian_mixture_log_density, log_density
from gaussgrad.ops.mixture.sampling import mixture_moments, sample_mixture
from gaussgrad.ops.mixture.single import bivariate_density

__all__ = [
    "bivariate_density",
    "gaussian_mixture_log_density",
    "log_density",
    "mixture_log_density",
    "mixture_moments",
    "responsibilities",
    "sample_mixture",
]
