"""What trained models say of arrays: the Gaussians of images, how sure their positions are, and new images."""

import numpy as np
import torch

from gaussgrad.autoencoder import GaussianAutoencoder, VariationalGaussianAutoencoder
from gaussgrad.autoencoder.aggregate import AggregatePosterior
from gaussgrad.autoencoder.refinement import refine_answer
from gaussgrad.gaussians import Gaussians

BATCH = 500


def predict(model: GaussianAutoencoder, pixels: np.ndarray, steps: int = 0) -> tuple[np.ndarray, Gaussians]:
    """Reconstructions (b, c, h, w) and the Gaussians they are drawn from, in one pass and some steps of refinement."""
    found, drawn = [], []
    with torch.no_grad():
        for start in range(0, len(pixels), BATCH):
            images = torch.from_numpy(pixels[start : start + BATCH])
            gaussians = model.encode(images)
            if steps:
                gaussians = refine_answer(model, images, gaussians, steps)
            found.append(gaussians)
            drawn.append(model.decode(gaussians))
    names = ["means", "covariances", "weights"] + (["presence"] if found[0].presence is not None else [])
    joined = Gaussians(*(torch.cat([getattr(part, name).detach() for part in found]) for name in names))
    return torch.cat(drawn).numpy(), joined


@torch.no_grad()
def sample(
    variational: VariationalGaussianAutoencoder, aggregate: AggregatePosterior, count: int, seed: int
) -> np.ndarray:
    """`count` new images (count, c, h, w); the same for the same seed."""
    numbers = aggregate.sample(count, torch.Generator().manual_seed(seed))
    images, _ = variational.draw(numbers.reshape(-1, *variational.prior_mean.shape))
    return images.numpy()


@torch.no_grad()
def position_stddev(variational: VariationalGaussianAutoencoder, pixels: np.ndarray) -> np.ndarray:
    """How uncertain each position is, (b, n, 2) of x and y in pixels."""
    parts = (variational.posterior(batch) for batch in torch.from_numpy(pixels).split(BATCH))
    return torch.cat([variational.position_stddev(*posterior) for posterior in parts]).numpy()
