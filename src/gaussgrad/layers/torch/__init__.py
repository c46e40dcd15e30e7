"""PyTorch layers."""

from gaussgrad.layers.torch.drawing import RenderGaussians, RenderImpulses
from gaussgrad.layers.torch.full_latent import FullGaussianLatent
from gaussgrad.layers.torch.latent import GaussianLatent, LatentDistribution
from gaussgrad.layers.torch.mixture import MixtureDensity

__all__ = [
    "FullGaussianLatent",
    "GaussianLatent",
    "LatentDistribution",
    "MixtureDensity",
    "RenderGaussians",
    "RenderImpulses",
]
