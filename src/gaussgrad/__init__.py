"""gaussgrad: differentiable Gaussians for deep models."""

from typing import TYPE_CHECKING, Any

from gaussgrad import covariance
from gaussgrad.coordinates import to_normalized, to_pixels
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops.histogram import histogram, mutual_information
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.latent import (
    density,
    entropy,
    kl_divergence,
    kl_divergence_full,
    log_variance_to_stddev,
    log_variance_to_variance,
    reparameterize,
    variance_to_log_variance,
)
from gaussgrad.ops.mixture import (
    bivariate_density,
    gaussian_mixture_log_density,
    log_density,
    mixture_log_density,
    mixture_moments,
    responsibilities,
    sample_mixture,
)
from gaussgrad.ops.moments import moments
from gaussgrad.ops.render import render
from gaussgrad.rows import from_rows

__all__ = [
    "Gaussians",
    "Picture",
    "bivariate_density",
    "covariance",
    "density",
    "entropy",
    "from_rows",
    "gaussian_mixture_log_density",
    "histogram",
    "kl_divergence",
    "kl_divergence_full",
    "log_density",
    "log_variance_to_stddev",
    "log_variance_to_variance",
    "mixture_log_density",
    "mixture_moments",
    "moments",
    "mutual_information",
    "render",
    "render_impulses",
    "reparameterize",
    "responsibilities",
    "sample_mixture",
    "to_normalized",
    "to_pixels",
    "variance_to_log_variance",
]


def __dir__() -> list[str]:
    """The public names; not the rooms behind them."""
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from gaussgrad.picture import Picture

    __version__: str
else:

    def __getattr__(name: str) -> Any:
        """What is looked up when somebody asks: the version would take a fifth of the import, pictures need files."""
        if name == "__version__":
            from importlib import metadata

            return metadata.version("gaussgrad")
        if name == "Picture":
            from gaussgrad.picture import Picture

            return Picture
        raise AttributeError(f"module 'gaussgrad' has no attribute {name!r}")
