"""What trained models say of arrays: the Gaussians of images, how sure their positions are, and new images."""

from dataclasses import dataclass

import numpy as np
import torch

from gaussgrad import checks
from gaussgrad.autoencoder import GaussianAutoencoder, VariationalGaussianAutoencoder
from gaussgrad.autoencoder.aggregate import AggregatePosterior
from gaussgrad.autoencoder.refinement import refine_answer
from gaussgrad.data import Images
from gaussgrad.gaussians import Gaussians

BATCH = 500


@dataclass(frozen=True, eq=False)
class Trained:
    """A model; where it was trained by the evidence lower bound, also what knows of uncertainty and of new images."""

    model: GaussianAutoencoder
    variational: VariationalGaussianAutoencoder | None = None
    aggregate: AggregatePosterior | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of images."""

    gaussians: Gaussians
    reconstructions: np.ndarray  # (b, c, h, w)
    position_stddevs: np.ndarray | None = None  # (b, n, 2) of x and y in pixels, where the model knows them


def refuse_other_shape(model: GaussianAutoencoder, images: Images) -> None:
    """Refuse images of another size or number of channels than the model was trained on, by their source."""
    wanted, got = (model.channels, *model.size), images.pixels.shape[1:]
    if got != wanted:
        shape = f"of shape (channels, height, width) = {wanted}, as the model was trained on"
        raise ValueError(checks.complain(images.source, shape, got, "Resize or convert the images."))


def predict(
    model: GaussianAutoencoder,
    pixels: np.ndarray,
    steps: int = 0,
    variational: VariationalGaussianAutoencoder | None = None,
) -> Prediction:
    """The Gaussians of images (b, c, h, w), in one pass and some steps of refinement, and what they draw."""
    found, drawn = [], []
    with torch.no_grad():
        for start in range(0, len(pixels), BATCH):
            images = torch.from_numpy(pixels[start : start + BATCH])
            gaussians = model.encode(images)
            if steps:
                gaussians = refine_answer(model, images, gaussians, steps)
            found.append(gaussians)
            drawn.append(model.decode(gaussians))
    names = ["means", found[0].held, "weights"] + (["presence"] if found[0].presence is not None else [])
    joined = Gaussians(**{name: torch.cat([getattr(part, name).detach() for part in found]) for name in names})
    stddevs = None if variational is None else position_stddev(variational, pixels)
    return Prediction(joined, torch.cat(drawn).numpy(), stddevs)


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
