"""Keras 3 layers, for its torch, JAX and TensorFlow backends; images have their channels last.

- `RenderGaussians`, `RenderImpulses`: rows of numbers in, images out.
- `Moments`: maps in, rows of numbers out.
- `GaussianLatent`, `FullGaussianLatent`: the latent of a variational autoencoder; `LatentDistribution` is their base.
- `MixtureDensity`: features in, the numbers of a `Mixture` of Gaussians out; `MixtureLoss` scores them.
"""

from gaussgrad.layers.keras.drawing import RenderGaussians, RenderImpulses
from gaussgrad.layers.keras.full_latent import FullGaussianLatent
from gaussgrad.layers.keras.latent import GaussianLatent, LatentDistribution
from gaussgrad.layers.keras.measuring import Moments
from gaussgrad.layers.keras.mixture import MixtureDensity, MixtureLoss
from gaussgrad.layers.mixtures import Mixture

__all__ = [
    "FullGaussianLatent",
    "GaussianLatent",
    "LatentDistribution",
    "Mixture",
    "MixtureDensity",
    "MixtureLoss",
    "Moments",
    "RenderGaussians",
    "RenderImpulses",
]
