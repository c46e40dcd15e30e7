"""The Gaussian layer of a variational autoencoder as functions, written once for every framework.

Elementwise and differentiable in any order. docs/latent.md derives what is computed; docs/reparameterization.md
explains it to someone who meets it first.
"""

from gaussgrad.ops.latent.conversions import log_variance_to_stddev, log_variance_to_variance, variance_to_log_variance
from gaussgrad.ops.latent.densities import density, elementwise_log_density, entropy
from gaussgrad.ops.latent.divergence import kl_divergence
from gaussgrad.ops.latent.full_divergence import kl_divergence_full
from gaussgrad.ops.latent.reparameterization import reparameterize

__all__ = [
    "density",
    "elementwise_log_density",
    "entropy",
    "kl_divergence",
    "kl_divergence_full",
    "log_variance_to_stddev",
    "log_variance_to_variance",
    "reparameterize",
    "variance_to_log_variance",
]
