"""A look that is told a Gauss-Newton step for every Gaussian, and learns how far to go and what to do beside it."""

import torch
import torch.nn.functional as functional
from torch import nn

from gaussgrad.autoencoder.looks import NOTES, REACH, axes_of, sample_around
from gaussgrad.autoencoder.newton import Gradients, Step, newton_step
from gaussgrad.autoencoder.readouts import FIRST_SCALE
from gaussgrad.fitting.gauss_newton import SHAPE
from gaussgrad.gaussians import Gaussians

PLACES = 5  # along each axis of a Gaussian
FURTHEST = (0.5, 1.0)  # of a step that a look is told: in widths, and of weights
LOUDNESS = 3.0  # of steps beside the other inputs


class GuidedLook(nn.Module):
    """How Gaussians should move, from an image, what they draw, and the Gauss-Newton step; used several times.

    As for `gaussgrad.autoencoder.looks.Look`, the image and what the drawing lacks are sampled around every Gaussian,
    and one small network serves all Gaussians and looks. Beside them it gets the Gaussian's part of the step that
    `gaussgrad.autoencoder.newton.newton_step` finds for all Gaussians together. It answers with the share of each
    number of the step to go, at first all of it, and with a move of its own, at first none.

    Parameters
    ----------
    size : tuple of int
        (height, width) of the images in pixels.
    channels : int
        Channels of the images.
    again : bool
        Whether looks may follow, for which a look takes notes.
    hidden : int
        Width of the network.

    Notes
    -----
    Learned descent: Andrychowicz et al. (2016), "Learning to learn by gradient descent by gradient descent"; with the
    error and the gradient in the place of data: Marino, Yue and Mandt (2018), "Iterative amortized inference".

    Examples
    --------
    >>> import torch
    >>> look = GuidedLook((16, 16), channels=1)
    >>> factors = torch.tensor([2.0, 0.0, 2.0]).expand(2, 3, 3)
    >>> gaussians = Gaussians(torch.rand(2, 3, 2), weights=torch.ones(2, 3), cholesky=factors)
    >>> gradients = Gradients(torch.zeros(2, 3, 2), torch.zeros(2, 3, 3), torch.zeros(2, 3))
    >>> images, notes = torch.rand(2, 1, 16, 16), torch.zeros(2, 3, NOTES)
    >>> move, notes = look(images, images, gaussians, gradients, notes)
    >>> move.shapes.shape, move.weights.shape, bool(move.shapes.abs().max() < 0.1)
    (torch.Size([2, 3, 5]), torch.Size([2, 3, 1]), True)
    """

    grid: torch.Tensor

    def __init__(self, size: tuple[int, int], *, channels: int, again: bool = True, hidden: int = 128) -> None:
        super().__init__()
        self.size = size
        places = torch.linspace(-REACH, REACH, PLACES)
        grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1)
        self.register_buffer("grid", grid.flatten(0, 1))  # (places, 2)
        numbers = SHAPE + channels
        inputs = 2 * channels * PLACES**2 + numbers + SHAPE + channels + NOTES
        self.input_layer = nn.Linear(inputs, hidden)
        self.normalize = nn.LayerNorm(hidden)
        self.hidden_layer = nn.Linear(hidden, hidden)
        self.context_layer = nn.Linear(hidden, hidden)
        self.change = nn.Linear(hidden, numbers)
        self.share = nn.Linear(hidden, numbers)
        self.note = nn.Linear(hidden, NOTES) if again else None
        with torch.no_grad():
            for layer, first in ((self.change, 0.0), (self.share, 1.0)):
                layer.weight.mul_(FIRST_SCALE**2)
                layer.bias.fill_(first)

    def forward(
        self,
        images: torch.Tensor,
        drawn: torch.Tensor,
        gaussians: Gaussians,
        gradients: Gradients,
        notes: torch.Tensor,
    ) -> tuple[Step, torch.Tensor]:
        """The move of each Gaussian, and notes (b, n, notes) after the look; the step itself has no gradients."""
        with torch.no_grad():
            axes = axes_of(gaussians)
            seen = torch.cat((images, images - drawn), dim=1)
            patches = sample_around(seen, gaussians.means, axes, self.grid)
            found = newton_step(gaussians, gradients, self.size)
            bounded = [part.clamp(-most, most) for part, most in zip(found, FURTHEST, strict=True)]
            step = torch.cat(bounded, dim=-1)
            own = _own_numbers(gaussians, self.size)
        hidden = self.input_layer(torch.cat((patches, own, LOUDNESS * step, notes), dim=-1))
        hidden = functional.silu(self.normalize(hidden))
        context = self.context_layer(hidden.mean(dim=1, keepdim=True))
        hidden = hidden + functional.silu(self.hidden_layer(hidden) + context)
        move = self.change(hidden) + self.share(hidden) * step
        notes = notes + self.note(hidden) if self.note else notes
        return Step(move[..., :SHAPE], move[..., SHAPE:]), notes


def _own_numbers(gaussians: Gaussians, size: tuple[int, int]) -> torch.Tensor:
    """What a Gaussian is, in numbers of size 1: its place, the logarithms of its widths, slant and weights."""
    height, width = size
    half = gaussians.means.new_tensor((width / 2, height / 2))
    a, s, c = gaussians.factors().unbind(-1)
    widths = torch.stack((a.log(), c.log(), s / c), dim=-1)
    weights = gaussians.weights if gaussians.weights.ndim == 3 else gaussians.weights[..., None]
    return torch.cat(((gaussians.means + 0.5) / half - 1, widths, weights), dim=-1)
