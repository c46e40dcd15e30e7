"""What trained models say of arrays: the Gaussians of images, how sure their positions are, and new images."""

import operator
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from gaussgrad import checks, data, scaling, tiling
from gaussgrad.autoencoder import GaussianAutoencoder, VariationalGaussianAutoencoder
from gaussgrad.autoencoder.aggregate import AggregatePosterior
from gaussgrad.autoencoder.refinement import refine_answer
from gaussgrad.console import Report, unheard
from gaussgrad.data import Frames
from gaussgrad.gaussians import Gaussians
from gaussgrad.scaling import Scale

BATCH = 500


@dataclass(frozen=True, eq=False)
class Trained:
    """A model; where it was trained by the evidence lower bound, also what knows of uncertainty and of new images."""

    model: GaussianAutoencoder
    variational: VariationalGaussianAutoencoder | None = None
    aggregate: AggregatePosterior | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of images, in their numbers: those of the model's black and white, where it has them."""

    gaussians: Gaussians  # weights above the background; of a frame the Gaussians of all its tiles, (b, tiles * n)
    reconstructions: np.ndarray  # (b, c, h, w)
    position_stddevs: np.ndarray | None = None  # (b, n, 2) of x and y in pixels, where the model knows them
    owned: np.ndarray | None = None  # (b, tiles * n): False where a neighbouring tile tells the place; weights are 0


def read(model: GaussianAutoencoder, source: str | os.PathLike[str]) -> Iterator[Frames]:
    """The images of a source as the model takes them: resized if it wants them so, or for tiles one size at a time.

    Raises
    ------
    ValueError, FileNotFoundError
        As `gaussgrad.data.read`, and for images that the model cannot take.
    """
    if model.tiled:
        parts = data.read_by_size(source)
    else:
        parts = iter([data.read(source, resize=model.size if model.resized else None)])
    for frames in parts:
        refuse_other_images(model, frames)
        yield frames


def refuse_other_images(model: GaussianAutoencoder, frames: Frames) -> None:
    """Refuse images of another size, colour or kind of numbers than the model was trained on, by their source."""
    channels, *size = frames.numbers.shape[1:]
    wanted = (model.channels, *model.size)
    fits = all(map(operator.ge, size, model.size)) if model.tiled else tuple(size) == model.size
    if channels != model.channels or not fits:
        kind = "the tiles that the model was trained on, or larger" if model.tiled else "the model was trained on"
        shape = f"of shape (channels, height, width) = {wanted}, as {kind}"
        raise ValueError(checks.complain(frames.source, shape, (channels, *size), "Resize or convert the images."))
    if model.scale is None:
        scaling.refuse_unscaled(frames.source, frames.numbers)


def to_unit(model: GaussianAutoencoder, numbers: np.ndarray) -> np.ndarray:
    """Numbers (...) of images as the model takes them: float32, its black 0, its white 1.

    A model without black and white takes 8 bits by 255, 16 bits by 65,535, and floats as they come.
    """
    return scaling.to_unit(numbers, scaling.as_kept(model.scale, numbers))


def predict(
    model: GaussianAutoencoder,
    numbers: np.ndarray,
    steps: int = 0,
    variational: VariationalGaussianAutoencoder | None = None,
    report: Report = unheard,
) -> Prediction:
    """The Gaussians of images, in one pass and some steps of refinement, and what they draw.

    Parameters
    ----------
    model : GaussianAutoencoder
        In evaluation mode, as `load` gives it.
    numbers : array (b, c, h, w)
        Of any real dtype, scaled by the model's black and white; see `to_unit`. A model of tiles takes frames of any
        larger size: tiles that overlap by a quarter are predicted, and each tells what lies nearest its middle.
    steps : int
        Of refinement.
    variational : VariationalGaussianAutoencoder, optional
        Around the model; tells how uncertain positions are.
    report : function, optional
        Called with the share that is done, from 0 to 1.

    Returns
    -------
    prediction : Prediction
        Places in pixels of the image or frame; weights and reconstructions in the numbers of the images, where the
        model has a black and a white, else in [0, 1].

    Raises
    ------
    ValueError
        For images that are not of the model's size and colours.

    Examples
    --------
    >>> import numpy
    >>> model = GaussianAutoencoder((16, 16), n=2, black=100, white=900).eval()
    >>> counts = numpy.full((3, 1, 16, 16), 120, dtype="uint16")
    >>> found = predict(model, counts)
    >>> found.gaussians.means.shape, bool(found.reconstructions.min() >= 100)
    (torch.Size([3, 2, 2]), True)
    """
    unit = to_unit(model, numbers)
    found = (_of_frames if model.tiled else answer)(model, unit, steps, variational, report)
    return found if model.scale is None else _in_numbers(found, model.scale)


def answer(
    model: GaussianAutoencoder,
    pixels: np.ndarray,
    steps: int = 0,
    variational: VariationalGaussianAutoencoder | None = None,
    report: Report = unheard,
) -> Prediction:
    """The same for images (b, c, h, w) as the model takes them, float32 of its size, black 0 and white 1."""
    found, drawn = [], []
    with torch.no_grad():
        for start in range(0, len(pixels), BATCH):
            images = torch.from_numpy(pixels[start : start + BATCH])
            gaussians = model.encode(images)
            if steps:
                gaussians = refine_answer(model, images, gaussians, steps)
            found.append(gaussians)
            drawn.append(model.decode(gaussians))
            report(min(1.0, (start + BATCH) / len(pixels)))
    names = ["means", found[0].held, "weights"] + (["presence"] if found[0].presence is not None else [])
    joined = Gaussians(**{name: torch.cat([getattr(part, name).detach() for part in found]) for name in names})
    stddevs = None if variational is None else position_stddev(variational, pixels)
    return Prediction(joined, torch.cat(drawn).numpy(), stddevs)


def _of_frames(
    model: GaussianAutoencoder,
    frames: np.ndarray,
    steps: int,
    variational: VariationalGaussianAutoencoder | None,
    report: Report,
) -> Prediction:
    """The prediction for frames (b, c, height, width), from tiles that overlap."""
    _refuse_smaller_frames(model, frames)
    height, width = frames.shape[2:]
    grid = tiling.covering((height, width), model.size)
    of_tiles = answer(model, grid.cut(frames), steps, variational, report)
    parts = {name: value for name, value in vars(of_tiles.gaussians).items() if value is not None}
    parts = {name: value.unflatten(0, (len(frames), -1)) for name, value in parts.items()}  # (b, tiles, n, ...)
    parts["means"] = parts["means"] + torch.from_numpy(grid.offsets())[:, None].to(parts["means"])
    owned = torch.from_numpy(grid.owns(parts["means"].numpy()))
    for name in ("weights", "presence"):
        if name in parts:
            present = owned if parts[name].ndim == owned.ndim else owned[..., None]
            parts[name] = torch.where(present, parts[name], 0.0)
    stddevs = of_tiles.position_stddevs
    return Prediction(
        Gaussians(**{name: value.flatten(1, 2) for name, value in parts.items()}),
        grid.join(of_tiles.reconstructions),
        None if stddevs is None else stddevs.reshape(len(frames), -1, 2),
        owned.flatten(1, 2).numpy(),
    )


def _refuse_smaller_frames(model: GaussianAutoencoder, frames: np.ndarray) -> None:
    if frames.ndim != 4 or frames.shape[1] != model.channels or any(map(operator.lt, frames.shape[2:], model.size)):
        height, width = model.size
        wanted = f"of shape (b, {model.channels}, h, w), h at least {height} and w at least {width}"
        raise ValueError(checks.complain("images", wanted, f"shape {frames.shape}"))


def _in_numbers(found: Prediction, scale: Scale) -> Prediction:
    """A prediction in the numbers of the images: weights are differences, reconstructions are not."""
    gaussians = replace(found.gaussians, weights=scale.range * found.gaussians.weights)
    return replace(found, gaussians=gaussians, reconstructions=scale.to_numbers(found.reconstructions))


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
