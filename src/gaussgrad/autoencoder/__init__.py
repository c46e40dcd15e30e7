"""Autoencoders whose decoder draws Gaussians."""

from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.autoencoder.variational import VariationalGaussianAutoencoder

__all__ = ["GaussianAutoencoder", "VariationalGaussianAutoencoder"]
