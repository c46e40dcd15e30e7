"""gaussgrad: differentiable Gaussians for deep models."""

from gaussgrad import covariance
from gaussgrad.coordinates import to_normalized, to_pixels
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
from gaussgrad.ops.render import render
from gaussgrad.rows import from_rows

__all__ = [
    "covariance",
    "density",
    "entropy",
    "from_rows",
    "kl_divergence",
    "kl_divergence_full",
    "log_variance_to_stddev",
    "log_variance_to_variance",
    "render",
    "render_impulses",
    "reparameterize",
    "to_normalized",
    "to_pixels",
    "variance_to_log_variance",
]
