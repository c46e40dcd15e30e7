"""From the data of a configuration to what is trained on: size or tiles, the split, and the scale of the numbers."""

from dataclasses import replace

from gaussgrad import checks, data, scaling
from gaussgrad.autoencoder.heads import LARGEST_WEIGHT
from gaussgrad.data import Frames, Images, Split
from gaussgrad.scaling import Scale
from gaussgrad.training.configuration import Configuration, option_name

LOWEST = {"bernoulli": 0.0, "poisson": 0.0}  # what an image may hold for each likelihood
HIGHEST = {"bernoulli": 1.0}
MANY = 0.05  # the share of images with pixels that no Gaussian can draw which is worth a line


def load(configuration: Configuration) -> tuple[Configuration, Images, Split]:
    """The images of a new run and their split; levels that were left out are filled in where the images need them.

    Raises
    ------
    ValueError, FileNotFoundError
        For data that cannot be read, tiles larger than the frames, levels out of order, or numbers that the likelihood
        cannot have.
    """
    frames = _frames(configuration)
    split = data.split(len(frames.numbers), configuration.held_out)
    scale, levels = None, scaling.levels(frames.numbers, configuration.black, configuration.white)
    if levels is not None:
        configuration = replace(configuration, black=levels[0], white=levels[1])
        scale = scaling.choose(frames.numbers[split.training], *levels)
    images = frames.images(scale)
    _refuse_impossible(configuration, images)
    return configuration, images, split


def load_again(configuration: Configuration, scale: Scale | None) -> tuple[Images, Split]:
    """The same images for a run that was started with a scale."""
    frames = _frames(configuration)
    split = data.split(len(frames.numbers), configuration.held_out)
    return frames.images(scaling.as_kept(scale, frames.numbers)), split


def describe(configuration: Configuration, images: Images) -> list[str]:
    """What the console says of the scale: which numbers are black and white, and why these; nothing without a scale."""
    if images.scale is None:
        return []
    black, white = option_name("black"), option_name("white")
    said = scaling.describe(images.scale, _reason(configuration.black), _reason(configuration.white))
    lines = [f"{said}; darker and brighter pixels are kept. Change them by {black} and {white}."]
    share = float((images.pixels.max(axis=(1, 2, 3)) > LARGEST_WEIGHT).mean())
    if share > MANY:
        limit = f"the most that one Gaussian can add, {LARGEST_WEIGHT} of the range from black to white"
        lines.append(
            f"In {share:.0%} of the images, pixels lie beyond {limit}. If they are spots, give a higher {white}."
        )
    return lines


def _reason(level: str | None) -> str:
    if level is None:
        return "the range of the type"  # of a run that was started before levels were kept
    return f"{level} of the training pixels" if level.endswith("%") else "as given"


def _frames(configuration: Configuration) -> Frames:
    resize = None if configuration.resize is None else (configuration.resize, configuration.resize)
    return data.read(configuration.data, tile=configuration.tile, resize=resize)


def _refuse_impossible(configuration: Configuration, images: Images) -> None:
    """Refuse numbers that have no probability: negative counts, and greys that are neither black nor white."""
    if configuration.objective != "elbo":
        return
    low, high = float(images.pixels.min()), float(images.pixels.max())
    name, likelihood = option_name("likelihood"), configuration.likelihood
    if low < LOWEST.get(likelihood, low):
        cure = f"Set {option_name('black')} to the smallest number of the images or below."
        raise ValueError(checks.complain(name, "gaussian for images darker than black", likelihood, cure))
    if high > HIGHEST.get(likelihood, high):
        cure = f"Set {option_name('white')} to the largest number of the images or above."
        raise ValueError(checks.complain(name, "gaussian for images brighter than white", likelihood, cure))
