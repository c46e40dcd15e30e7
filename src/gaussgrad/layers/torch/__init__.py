"""PyTorch layers.

- `RenderGaussians`, `RenderImpulses`: rows of numbers in, images out.
- `Moments`: maps in, rows of numbers out.
- `GaussianLatent`, `FullGaussianLatent`: the latent of a variational autoencoder; `LatentDistribution` is their base.
- `MixtureDensity`: features in, a `Mixture` of Gaussians out.
"""

from gaussgrad.frameworks import torch as _registers_operations  # noqa: F401  # which programs of torch.export call
from gaussgrad.layers.mixtures import Mixture
from gaussgrad.layers.torch.drawing import RenderGaussians, RenderImpulses
from gaussgrad.layers.torch.full_latent import FullGaussianLatent
from gaussgrad.layers.torch.latent import GaussianLatent, LatentDistribution
from gaussgrad.layers.torch.measuring import Moments
from gaussgrad.layers.torch.mixture import MixtureDensity

__all__ = [
    "FullGaussianLatent",
    "GaussianLatent",
    "LatentDistribution",
    "Mixture",
    "MixtureDensity",
    "Moments",
    "RenderGaussians",
    "RenderImpulses",
]
