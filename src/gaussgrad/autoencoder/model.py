"""An autoencoder whose decoder draws Gaussians."""

import functools
import inspect
import math
import operator
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.autoencoder import storage
from gaussgrad.autoencoder.encoder import ConvolutionalEncoder, feature_shape
from gaussgrad.autoencoder.guided_looks import GuidedLook
from gaussgrad.autoencoder.heads import HEADS, LATENTS, GaussianHead
from gaussgrad.autoencoder.looks import NOTES, Look
from gaussgrad.autoencoder.newton import Gradients
from gaussgrad.autoencoder.starts import curve, structured_start
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops.render import render
from gaussgrad.scaling import scale_of

LOOKS, GUIDED_LOOKS = 5, 16  # the usual numbers of looks
MOST = 100_000  # Gaussians, and looks: more would not end
PASSED_ON = 0.1  # of a gradient through the Gaussians before a guided look, which undoes most of what they were


@dataclass(frozen=True, eq=False)
class Attempt:
    """Gaussians on the way to the answer."""

    numbers: torch.Tensor  # (b, n, free_numbers)
    gaussians: Gaussians
    drawn: torch.Tensor  # (b, c, h, w)


class GaussianAutoencoder(nn.Module):
    """Images to a few Gaussians and back: an encoder, a head that gives Gaussians safely, and `gaussgrad.render`.

    The model draws its Gaussians a few times and corrects each one from the residual around it; one such round is a
    look. All looks together are one pass of the network. For colours the model is *guided*: Gaussians start where the
    image has structure, and a look also gets a Gauss-Newton step (`gaussgrad.autoencoder.guided_looks.GuidedLook`).
    Otherwise an encoder says where they start, and a look sees patches alone (`gaussgrad.autoencoder.looks.Look`).

    The decoder has one background per channel and, if the latent has no weight, one weight per channel. These are the
    same for all images, and its only parameters. The Gaussians hold everything else about an image.

    Parameters
    ----------
    size : tuple of int
        (height, width) of the images in pixels.
    channels : {1, 3}
        Grey or RGB.
    n : int
        Number of Gaussians per image.
    latent : {"points", "points+covariance", "points+covariance+weight"}
        The numbers of a Gaussian: x, y (2 numbers), drawn with one fixed width; x, y, xx, xy, yy (5 numbers); or these
        and a weight for each channel (6 for grey, 8 for RGB).
    stddev : float, optional
        The width of "points", or the first width of the other kinds, in pixels. By default a fourteenth of the shorter
        side, for "points" a twentieth (which draws digits best), and at least 1.
    encoder : nn.Module, optional
        Any module that gives features (b, ...) of images (b, c, h, w). By default a small convolutional network
        (`gaussgrad.autoencoder.encoder.ConvolutionalEncoder`), and none for guided looks.
    head : {"linear", "heatmap"}
        What turns features into Gaussians: a dense layer, or heatmaps, whose mean positions are the means. Heatmaps
        need feature maps (b, c, h, w) from the encoder.
    looks : int, optional
        How often to draw the Gaussians and correct them; 0 is never. By default 16 if guided, else 5.
    presence : bool
        Whether an image may leave out some of its Gaussians: their weights are then exactly 0. Training needs a cost of
        `Gaussians.presence` (`--presence-cost` on the command line), or none is left out.
    guided : bool, optional
        Whether looks are guided. That needs at least one look, the latent with weights, `compose="sum"`, the linear
        head, no presence, and no encoder of your own. By default it is so if all that holds and images have colours.
    compose, tolerance
        As in `gaussgrad.render`, which draws with `amplitude="peak"`.
    black, white : float, optional
        The numbers in image files that are 0 and 1 for the model. The model keeps them, and `gaussgrad.inference` and
        the command line use them; the methods of the model itself take scaled images.
    tiled : bool
        Whether the images are tiles of larger frames. The model keeps this too.
    resized : bool
        Whether images of any size are first resized to that of the model. The model keeps this too. Not with `tiled`.

    Raises
    ------
    ValueError
        For numbers out of range, an unknown latent, an encoder that gives no features.

    Notes
    -----
    Images go in and come out as (b, c, h, w), black 0 and white 1; nothing is clipped. Differentiable throughout.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.autoencoder import GaussianAutoencoder
    >>> model = GaussianAutoencoder((28, 28), n=10).eval()
    >>> images = torch.rand(4, 1, 28, 28)
    >>> model(images).shape, model.encode(images).means.shape
    (torch.Size([4, 1, 28, 28]), torch.Size([4, 10, 2]))
    """

    order: torch.Tensor  # in which a curve visits the pixels, for guided models

    def __init__(
        self,
        size: tuple[int, int],
        *,
        channels: int = 1,
        n: int = 10,
        latent: str = "points+covariance+weight",
        stddev: float | None = None,
        encoder: nn.Module | None = None,
        head: str = "linear",
        looks: int | None = None,
        presence: bool = False,
        guided: bool | None = None,
        compose: str = "sum",
        tolerance: float = 1e-4,
        black: float | None = None,
        white: float | None = None,
        tiled: bool = False,
        resized: bool = False,
    ) -> None:
        super().__init__()
        self.size = _image_size(size)
        self.scale, self.tiled = scale_of(black, white), checks.option("tiled", tiled, (False, True))
        if checks.option("resized", resized, (False, True)) and tiled:
            raise ValueError(checks.complain("resized", "False where tiled is True", "True"))
        self.resized = resized
        self.channels = checks.option("channels", channels, (1, 3))
        self.n = _count("n", n, 1)
        self.compose = checks.option("compose", compose, ("sum", "max", "union"))
        self.tolerance = checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0)
        default = max(1.0, min(self.size) / (20 if latent == "points" else 14))
        self.stddev = default if stddev is None else checks.number("stddev", stddev, "at least 0.1 pixel", 0.1)
        if encoder is not None and not isinstance(encoder, nn.Module):
            raise TypeError(checks.complain("encoder", "an nn.Module", f"a {type(encoder).__name__}"))
        self.has_default_encoder = encoder is None
        has_heatmaps = checks.option("head", head, HEADS) == "heatmap"
        plain = latent == LATENTS[2] and compose == "sum" and not presence and not has_heatmaps
        self.guided = _guided(guided, possible=plain and looks != 0 and encoder is None, usual=self.channels > 1)
        self.looks = (GUIDED_LOOKS if self.guided else LOOKS) if looks is None else _count("looks", looks, 0)
        self.encoder: Any = encoder  # a module, or None
        shape = None
        if self.guided:
            self.register_buffer("order", curve(*self.size), persistent=False)
        elif encoder is None:
            chosen = {"features": None} if has_heatmaps else {}
            self.encoder = (default_encoder := ConvolutionalEncoder(self.size, self.channels, **chosen))
            shape = default_encoder.shape
        else:
            shape = feature_shape(encoder, self.size, self.channels)
        self.head = GaussianHead(
            None if shape is None else _feature_maps(shape) if has_heatmaps else math.prod(shape),
            self.size,
            channels=self.channels,
            n=self.n,
            latent=latent,
            stddev=self.stddev,
            presence=checks.option("presence", presence, (False, True)),
            notes=NOTES if self.looks else 0,
        )
        shared = {"channels": self.channels, "again": self.looks > 1}
        if self.guided:
            self.look: nn.Module = GuidedLook(self.size, **shared)
        elif self.looks:
            self.look = Look(self.size, numbers=self.head.free_numbers, **shared)
        self.background = nn.Parameter(torch.zeros(self.channels))

    @property
    def latent(self) -> str:
        return self.head.latent

    @property
    def numbers_per_image(self) -> int:
        """How many numbers tell an image."""
        return self.n * self.head.numbers_per_gaussian

    def encode(self, images: torch.Tensor) -> Gaussians:
        """The Gaussians of images (b, c, h, w), in pixels; see `gaussgrad.gaussians.Gaussians`."""
        return self.attempts(images)[-1]

    def attempts(self, images: torch.Tensor) -> tuple[Gaussians, ...]:
        """The Gaussians at first sight and after each look, looks + 1 in all; `encode` returns the last ones.

        Training is faster with the sum of the losses of all attempts than with that of the last alone.
        """
        return tuple(attempt.gaussians for attempt in self.trail(images))

    def trail(self, images: torch.Tensor) -> list[Attempt]:
        """What `attempts` gives, with the free numbers that tell the Gaussians, and with what they draw."""
        self.check_images(images)
        if self.encoder is not None:
            return self.trail_from(images, *self.head.numbers(self.encoder(images)))
        with torch.no_grad():
            start = self.head.numbers_of(*structured_start(images, self.n, self.order))
        return self.trail_from(images, start, start.new_zeros(*start.shape[:-1], NOTES))

    def trail_from(self, images: torch.Tensor, numbers: torch.Tensor, notes: torch.Tensor) -> list[Attempt]:
        """The same from the free numbers and notes at first sight."""
        found = []
        for _ in range(self.looks):
            attempt, numbers, notes = self._looked_at(images, numbers, notes)
            found.append(attempt)
        gaussians = self.head.gaussians(numbers)
        return [*found, Attempt(numbers, gaussians, self.decode(gaussians))]

    def _looked_at(
        self, images: torch.Tensor, numbers: torch.Tensor, notes: torch.Tensor
    ) -> tuple[Attempt, torch.Tensor, torch.Tensor]:
        """What the free numbers draw, and free numbers and notes after a look at it."""
        gaussians = self.head.gaussians(numbers)
        if not self.guided:
            attempt = Attempt(numbers, gaussians, self.decode(gaussians))
            numbers, notes = self.look(images, attempt.drawn.detach(), gaussians, numbers, notes)
            return attempt, numbers, notes
        drawn, gradients = self._drawn_with_gradients(gaussians, images)
        move, notes = self.look(images, drawn.detach(), gaussians, gradients, notes)
        passed_on = PASSED_ON * numbers + (1 - PASSED_ON) * numbers.detach()
        return Attempt(numbers, gaussians, drawn), self.head.moved(passed_on, gaussians, move), notes

    def _drawn_with_gradients(self, gaussians: Gaussians, images: torch.Tensor) -> tuple[torch.Tensor, Gradients]:
        """What Gaussians draw, and the gradients of half the sum of its squared errors to their numbers."""
        wanted = torch.is_grad_enabled() and gaussians.means.requires_grad  # by the caller too
        parts = (gaussians.means, gaussians.factors(), gaussians.weights)
        with torch.inference_mode(False), torch.enable_grad():
            if not wanted:
                parts = tuple(part.detach().clone().requires_grad_() for part in parts)
            drawn = self.decode(Gaussians(parts[0], weights=parts[2], cholesky=parts[1]))
            gradients = torch.autograd.grad(drawn, parts, drawn.detach() - images, retain_graph=wanted)
        return (drawn if wanted else drawn.detach()), Gradients(*gradients)

    def decode(self, gaussians: Gaussians) -> torch.Tensor:
        """The image (b, c, h, w) of any Gaussians on the background, differentiable in all of them.

        Their widths are covariances or Cholesky factors. Gaussians without a batch axis give (c, h, w).
        """
        coloured = _has_colours(gaussians, self.channels)
        drawn = render(
            gaussians.means,
            gaussians.covariances,
            gaussians.weights,
            cholesky=gaussians.cholesky,
            size=self.size,
            amplitude="peak",
            compose=self.compose,
            tolerance=self.tolerance,
        )
        if not coloured:
            drawn = drawn.unsqueeze(-3)  # one weight for all channels
        return drawn + self.background[:, None, None]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The reconstruction (b, c, h, w) of images (b, c, h, w), in one pass."""
        return self.decode(self.encode(images))

    def check_images(self, images: torch.Tensor) -> None:
        """Refuse images that are not (b, c, h, w) of the size, channels and dtype of the model."""
        _check_tensor(images, self.background.dtype)
        wanted = (self.channels, *self.size)
        if images.ndim != 4 or tuple(images.shape[1:]) != wanted:
            shape = f"of shape (b, {', '.join(map(str, wanted))})"
            cure = "One image needs a leading axis: images[None]." if tuple(images.shape) == wanted else ""
            raise ValueError(checks.complain("images", shape, f"shape {tuple(images.shape)}", cure))

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model to a folder: `model.json` and `weights.safetensors`, whole or not at all.

        A custom encoder's weights are kept, its code is not: `load` then needs `encoder=`.
        """
        storage.save(self, self.settings(), folder, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, encoder: nn.Module | None = None) -> "GaussianAutoencoder":
        """The model of a folder written by `save`, in evaluation mode.

        Parameters
        ----------
        folder : path
            What `save` wrote.
        encoder : nn.Module, optional
            For a model saved with an encoder of your own: a new one of the same architecture, to be filled.

        Raises
        ------
        ValueError
            For a folder that is damaged, foreign, of another version, or that needs `encoder` (or must not have it).
        """
        settings = storage.read_settings(folder)
        wanted_names = inspect.signature(GaussianAutoencoder).parameters.keys()
        if settings.keys() != wanted_names:
            wrong = ", ".join(sorted(settings.keys() ^ wanted_names))
            raise ValueError(f"{folder} is damaged: its settings lack, or should not hold, {wrong}.")
        custom = settings.pop("encoder") != "default"
        if custom and encoder is None:
            wanted = "the encoder that the model was made with, since only its weights were saved"
            raise ValueError(checks.complain("encoder", wanted, "None", "Use load(folder, encoder=YourEncoder())."))
        if encoder is not None and not custom:
            raise ValueError(checks.complain("encoder", "None for a model with the default encoder", "one"))
        make = functools.partial(cls, encoder=encoder, **settings)
        if not custom:
            with torch.device("meta"):  # without memory, so that an absurd size is refused before it is allocated
                storage.refuse_other_shapes(storage.build(folder, make), folder)
        model = storage.build(folder, make)
        storage.refuse_other_settings(model.settings(), settings, folder)
        storage.read_weights(model, folder)
        return model.eval()

    def settings(self) -> dict[str, Any]:
        """The arguments that make this model again, as JSON knows them; `encoder` is "default" or a class name."""
        custom = f"{type(self.encoder).__module__}.{type(self.encoder).__qualname__}"
        return {
            "size": list(self.size),
            "channels": self.channels,
            "n": self.n,
            "latent": self.latent,
            "stddev": self.stddev,
            "compose": self.compose,
            "tolerance": self.tolerance,
            "head": "heatmap" if self.head.has_heatmaps else "linear",
            "looks": self.looks,
            "presence": self.head.presence,
            "guided": self.guided,
            "black": self.scale.black if self.scale else None,
            "white": self.scale.white if self.scale else None,
            "tiled": self.tiled,
            "resized": self.resized,
            "encoder": "default" if self.has_default_encoder else custom,
        }


def _check_tensor(images: Any, dtype: torch.dtype) -> None:
    if not isinstance(images, torch.Tensor) or images.dtype != dtype:
        got = str(images.dtype) if isinstance(images, torch.Tensor) else f"a {type(images).__name__}"
        cure = f"Use torch.as_tensor(images, dtype={dtype}), scaled to [0, 1]."
        raise TypeError(checks.complain("images", f"a tensor of {dtype}, as the model", got, cure))


def _has_colours(gaussians: Any, channels: int) -> bool:
    """Whether the weights have a channel axis, which must then be that of the model, or of size 1."""
    if not isinstance(gaussians, Gaussians):
        wanted = "gaussgrad.gaussians.Gaussians, as encode gives them"
        raise TypeError(checks.complain("gaussians", wanted, f"a {type(gaussians).__name__}"))
    for name in ("means", gaussians.held, "weights"):
        field = getattr(gaussians, name)
        if not isinstance(field, torch.Tensor):
            raise TypeError(checks.complain(f"gaussians.{name}", "a tensor", f"a {type(field).__name__}"))
    weights = gaussians.weights
    if weights.ndim != gaussians.means.ndim:
        return False
    if weights.shape[-1] not in (1, channels):
        wanted = f"weights of {channels} channels, as the model"
        raise ValueError(checks.complain("gaussians", wanted, f"weights of shape {tuple(weights.shape)}"))
    return True


def _guided(wanted: Any, possible: bool, usual: bool) -> bool:
    """Whether looks are guided, or ValueError."""
    if wanted is None:
        return possible and usual
    if checks.option("guided", wanted, (False, True)) and not possible:
        needs = (
            'False, or None: it needs looks, the latent with weights, compose="sum", the linear head, no presence '
            "and no encoder of your own"
        )
        raise ValueError(checks.complain("guided", needs, "True"))
    return bool(wanted)


def _count(name: str, count: Any, smallest: int) -> int:
    wanted = f"an integer from {smallest} to {MOST:,}"
    try:
        whole = operator.index(count)
    except TypeError:
        raise TypeError(checks.complain(name, wanted, repr(count))) from None
    if not smallest <= whole <= MOST:
        raise ValueError(checks.complain(name, wanted, repr(count)))
    return whole


def _feature_maps(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        cure = 'Leave its flattening out, or use head="linear".'
        wanted = "a module that gives feature maps (b, c, h, w), for heatmaps"
        raise ValueError(checks.complain("encoder", wanted, f"features of shape {shape}", cure))
    return shape[0], shape[1], shape[2]


def _image_size(size: Any) -> tuple[int, int]:
    axes = checks.image_size(size)
    if len(axes) != 2:
        raise ValueError(checks.complain("size", "(height, width)", repr(size)))
    return axes[0], axes[1]
