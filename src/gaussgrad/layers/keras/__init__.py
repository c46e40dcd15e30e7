"""Keras 3 layers, for its torch, JAX and TensorFlow backends."""

from gaussgrad.layers.keras.drawing import RenderGaussians, RenderImpulses
from gaussgrad.layers.keras.latent import GaussianLatent
from gaussgrad.layers.keras.mixture import MixtureDensity, MixtureLoss

__all__ = ["GaussianLatent", "MixtureDensity", "MixtureLoss", "RenderGaussians", "RenderImpulses"]
