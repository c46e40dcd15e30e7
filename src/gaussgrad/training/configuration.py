"""What a training depends on: each setting's type, default, range and help, once. Light to import.

The options of `gaussgrad train`, the check of a `config.json` and the arguments of the model follow from here.
"""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from gaussgrad import checks

LARGEST = 100_000  # of a setting that says nothing else: beyond are slips of the keyboard, and what memory cannot hold
DEFAULT_STEPS = 3000  # two to three minutes on two cores for the digits
PACE: dict[str, Any] = {"batch_size": 64, "learning_rate": 3e-3}  # unless they are given
GUIDED_PACE: dict[str, Any] = {"batch_size": 16, "learning_rate": 7e-4}
IMAGES, MODEL, TRAINING = "Images", "Model", "Training"  # what a setting is about; panels of the help


def _check_level(name: str, level: str | None) -> None:
    from gaussgrad.scaling import check_level  # the help of every command would wait for its imports

    check_level(name, level)


@dataclass(frozen=True)
class Setting:
    """What is to be said of a setting beside its type and its default."""

    help: str
    panel: str = ""
    metavar: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    option: str | None = None  # on the command line, where it is not --name
    shown_default: str | bool = True  # for the help: in words where the value says too little, or not at all
    of_model: bool = False  # an argument of GaussianAutoencoder
    check: Callable[[str, Any], None] | None = None  # refuses values that type and range let pass


@dataclass(frozen=True)
class Configuration:
    """Everything a training depends on, beside the pixels and the versions."""

    data: Annotated[
        str | None,
        Setting(
            "A folder of PNG, JPEG or TIFF images of one size (of several with --tile or --resize), a TIFF file of "
            "many pages, an .npy or .npz array, or an idx file (.gz too). Without it: 5,000 MNIST digits, offline.",
            metavar="DATA",
            option="DATA",
            shown_default=False,
        ),
    ] = None
    black: Annotated[
        str | None,
        Setting(
            "The pixel value that is black: a number, or a percentile of the training images such as 0.1%.",
            IMAGES,
            "LEVEL",
            shown_default="0.1%; 0 for 8 bits and floats in [0, 1]",
            check=_check_level,
        ),
    ] = None
    white: Annotated[
        str | None,
        Setting(
            "The pixel value that is white, in the same way. Brighter pixels are kept.",
            IMAGES,
            "LEVEL",
            shown_default="99.99%; 255 for 8 bits, 1 for floats in [0, 1]",
            check=_check_level,
        ),
    ] = None
    tile: Annotated[
        int | None,
        Setting(
            "Train on squares of this many pixels a side, cut from the images; predict then takes whole images.",
            IMAGES,
            "SIDE",
            minimum=8,
            shown_default="whole images",
        ),
    ] = None
    resize: Annotated[
        int | None,
        Setting(
            "Shrink or enlarge each image until its shorter side has this many pixels, and keep the square in its "
            "middle; predict then does the same, and x and y are positions in the square.",
            IMAGES,
            "SIDE",
            minimum=8,
            shown_default="images as they are",
        ),
    ] = None
    latent: Annotated[
        Literal["points", "points+covariance", "points+covariance+weight"],
        Setting(
            "The numbers of a Gaussian: points (x, y), points+covariance (x, y, xx, xy, yy), or "
            "points+covariance+weight.",
            MODEL,
            "KIND",
            of_model=True,
        ),
    ] = "points+covariance+weight"
    n: Annotated[int, Setting("Gaussians per image.", MODEL, "N", minimum=1, option="-n", of_model=True)] = 10
    stddev: Annotated[
        float | None,
        Setting(
            "The standard deviation of points; for the other kinds, that at the start.",
            MODEL,
            "PIXELS",
            minimum=0.1,
            shown_default="shorter side / 14, points / 20",
            of_model=True,
        ),
    ] = None
    compose: Annotated[
        Literal["union", "sum", "max"],
        Setting("How to combine Gaussians that overlap: union, sum or max.", MODEL, "HOW", of_model=True),
    ] = "sum"
    head: Annotated[
        Literal["linear", "heatmap"],
        Setting(
            "What turns features into Gaussians: linear, or heatmap (each mean is the mean position of a heatmap).",
            MODEL,
            "KIND",
            of_model=True,
        ),
    ] = "linear"
    looks: Annotated[
        int | None,
        Setting(
            "How many rounds to draw the Gaussians and correct them.",
            MODEL,
            "N",
            minimum=0,
            shown_default="16 where guided, else 5",
            of_model=True,
        ),
    ] = None
    guided: Annotated[
        bool,
        Setting(
            "For colours: start Gaussians where the image has structure, and give each look a Gauss-Newton step. Off "
            "unless latent, compose, head, presence cost and objective have their defaults.",
            MODEL,
            option="--guided/--no-guided",
        ),
    ] = True
    presence_cost: Annotated[
        float,
        Setting(
            "Above 0, an image may use fewer Gaussians: by how much one must lower the mean squared error, say 0.0003.",
            MODEL,
            "ERROR",
            minimum=0.0,
            shown_default="0, all are used",
        ),
    ] = 0.0
    objective: Annotated[
        Literal["mse", "elbo"],
        Setting(
            "What to optimise: mse, the squared error, or elbo, the evidence lower bound. With elbo, positions have an "
            "uncertainty, and gaussgrad sample draws new images.",
            TRAINING,
            "WHAT",
        ),
    ] = "mse"
    likelihood: Annotated[
        Literal["gaussian", "bernoulli", "poisson"],
        Setting(
            "For elbo: gaussian (grey values, noise learned), bernoulli (black and white), or poisson (counts).",
            TRAINING,
            "NAME",
        ),
    ] = "gaussian"
    beta: Annotated[float, Setting("For elbo: the factor of the divergence.", TRAINING, "FACTOR", minimum=0.0)] = 1.0
    epochs: Annotated[
        int | None,
        Setting(
            "How many passes over the training images. Repeatable, unlike --minutes.",
            TRAINING,
            "N",
            minimum=1,
            maximum=10**9,
            shown_default=f"about {DEFAULT_STEPS:,} steps",
        ),
    ] = None  # filled in when a training starts: what fits the minutes, or makes DEFAULT_STEPS
    minutes: Annotated[
        float | None,
        Setting(
            "How long to train at most, instead of --epochs; a few steps are timed first, to plan the epochs.",
            TRAINING,
            "MINUTES",
            minimum=0.01,
            shown_default=False,
        ),
    ] = None
    batch_size: Annotated[
        int | None, Setting("Images per step.", TRAINING, "N", minimum=2, shown_default="16 where guided, else 64")
    ] = None  # filled in when a training starts, as the next one
    learning_rate: Annotated[
        float | None,
        Setting(
            "The highest learning rate of the schedule.",
            TRAINING,
            "RATE",
            minimum=1e-8,
            shown_default="0.0007 where guided, else 0.003",
        ),
    ] = None
    augment: Annotated[
        bool,
        Setting(
            "Move, turn, stretch and shear the training images a little.", TRAINING, option="--augment/--no-augment"
        ),
    ] = True
    held_out: Annotated[
        float,
        Setting(
            "The share of images to hold out; the same images for every seed.",
            TRAINING,
            "SHARE",
            minimum=0.001,
            maximum=0.9,
        ),
    ] = 0.2
    seed: Annotated[
        int, Setting("The same seed gives the same figures.", TRAINING, "N", minimum=0, maximum=2**32 - 1)
    ] = 0
    device: Annotated[Literal["cpu", "cuda"], Setting("cpu or cuda.", TRAINING, "DEVICE")] = "cpu"
    devices: Annotated[
        int,
        Setting(
            "How many GPUs, or processes on the CPU, share each batch; torchrun and srun set it by themselves.",
            TRAINING,
            "N",
            minimum=1,
        ),
    ] = 1
    tensorboard: Annotated[bool, Setting("Also log to RUN/tensorboard.", TRAINING, option="--tensorboard")] = False

    @property
    def pace(self) -> tuple[int, float]:
        """Images per step and learning rate; while they are open, those without guidance."""
        return self.batch_size or PACE["batch_size"], self.learning_rate or PACE["learning_rate"]

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The arguments of `GaussianAutoencoder` beside the shape of the images."""
        chosen = {name: getattr(self, name) for name, setting in SETTINGS.items() if setting.of_model}
        return {
            **chosen,
            "presence": self.presence_cost > 0,
            "guided": None if self.guided and self.objective == "mse" else False,
        }


_HINTS = typing.get_type_hints(Configuration, include_extras=True)
TYPES: dict[str, Any] = {name: typing.get_args(hint)[0] for name, hint in _HINTS.items()}
SETTINGS: dict[str, Setting] = {name: typing.get_args(hint)[1] for name, hint in _HINTS.items()}


def option_name(name: str) -> str:
    """How a setting is spelled on the command line."""
    return (SETTINGS[name].option or f"--{name.replace('_', '-')}").partition("/")[0]


def largest(name: str) -> float | None:
    """The largest that a number may be; None for a setting that is none."""
    setting = SETTINGS[name]
    return LARGEST if setting.maximum is None and setting.minimum is not None else setting.maximum


ADDED: dict[int, dict[str, Any]] = {  # settings that the files of a version do not hold, and what it did
    1: {"black": None, "white": None, "tile": None, "resize": None, "guided": False},
    2: {"resize": None, "guided": False},
    3: {},
}


def configured(values: Mapping[str, Any]) -> Configuration:
    """The configuration of the values that a `config.json` holds, or ValueError: every setting, of its type, in range.

    Examples
    --------
    >>> from dataclasses import asdict
    >>> configured(asdict(Configuration(n=3))).n
    3
    """
    if values.keys() != TYPES.keys():
        wrong = ", ".join(sorted(values.keys() ^ TYPES.keys()))
        raise ValueError(f"it holds no configuration of a run: it lacks, or should not hold, {wrong}.")
    for name, value in values.items():
        _check(name, value)
    return Configuration(**values)


def _check(name: str, value: Any) -> None:
    kind, setting = TYPES[name], SETTINGS[name]
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            wanted = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise ValueError(checks.complain(name, wanted, repr(value)))
        return
    if not _is_of(value, kind):
        raise ValueError(checks.complain(name, f"of type {getattr(kind, '__name__', kind)}", repr(value)))
    if setting.check is not None:
        setting.check(name, value)
    if value is None or isinstance(value, str | bool):
        return
    low, high = setting.minimum, largest(name)
    if low is not None and high is not None and not low <= value <= high:
        raise ValueError(checks.complain(name, f"from {low} to {high}", f"{value!r:.40}"))


def _is_of(value: Any, wanted: Any) -> bool:
    """Whether JSON gave the type: a whole number is a float too, true and false are no numbers."""
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, wanted) or (isinstance(value, int) and isinstance(0.0, wanted))
