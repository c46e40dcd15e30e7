"""A second look: what an image has and its Gaussians lack, seen from each Gaussian, and how it should change."""

from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn

from gaussgrad.autoencoder.readouts import FIRST_SCALE
from gaussgrad.gaussians import Gaussians

NOTES = 64  # numbers that a Gaussian keeps from look to look
PLACES = 7  # along each axis of a Gaussian
REACH = 2.5  # standard deviations
# The former names of layers, which models and checkpoints saved before hold.
RENAMED = {"see": "input_layer", "think": "hidden_layer", "hear": "context_layer"}


class Look(nn.Module):
    """Better Gaussians from an image, its Gaussians and what they draw; used several times with the same weights.

    The image and what the drawing lacks are sampled at 7 x 7 places around every Gaussian, in its own coordinates: up
    to 2.5 standard deviations along the columns of its Cholesky factor. A small network, the same for all Gaussians,
    gets these, the Gaussian's numbers and its notes, which it may change for the next look; the mean over all Gaussians
    tells it of the others. Its answer moves the mean in the Gaussian's own coordinates too. What is learned at one
    place, width and angle thus holds at all others. Gradients pass to the numbers and notes that come in, not through
    what was seen.

    Parameters
    ----------
    size : tuple of int
        (height, width) of the images in pixels.
    channels : int
        Channels of the images.
    numbers : int
        Free numbers per Gaussian (`gaussgrad.autoencoder.heads.GaussianHead.numbers`).
    again : bool
        Whether looks may follow, for which a look takes notes.
    hidden : int
        Width of the network.

    Notes
    -----
    Amortised inference in several steps, each of which sees the error of the last: Marino, Yue and Mandt (2018),
    "Iterative amortized inference", section 3, here with the residual where they use gradients; sampling in a frame of
    one's own: Jaderberg et al. (2015), "Spatial transformer networks", section 3.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.autoencoder.heads import GaussianHead
    >>> head = GaussianHead(8, (28, 28), channels=1, n=10, latent="points+covariance+weight", stddev=2.0, notes=NOTES)
    >>> numbers, notes = head.numbers(torch.zeros(3, 8))
    >>> images, drawn = torch.rand(3, 1, 28, 28), torch.zeros(3, 1, 28, 28)
    >>> numbers, notes = Look((28, 28), channels=1, numbers=6)(images, drawn, head.gaussians(numbers), numbers, notes)
    >>> numbers.shape
    torch.Size([3, 10, 6])
    """

    grid: torch.Tensor

    def __init__(
        self, size: tuple[int, int], *, channels: int, numbers: int, again: bool = True, hidden: int = 128
    ) -> None:
        super().__init__()
        self.size = size
        places = torch.linspace(-REACH, REACH, PLACES)
        grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1)
        self.register_buffer("grid", grid.flatten(0, 1))  # (places, 2)
        self.input_layer = nn.Linear(2 * channels * PLACES**2 + numbers + NOTES, hidden)
        self.normalize = nn.LayerNorm(hidden)
        self.hidden_layer = nn.Linear(hidden, hidden)
        self.context_layer = nn.Linear(hidden, hidden)
        self.change = nn.Linear(hidden, numbers)
        self.note = nn.Linear(hidden, NOTES) if again else None
        with torch.no_grad():
            self.change.weight.mul_(FIRST_SCALE)
            self.change.bias.zero_()
        self.register_load_state_dict_pre_hook(_rename)

    def forward(
        self,
        images: torch.Tensor,
        drawn: torch.Tensor,
        gaussians: Gaussians,
        numbers: torch.Tensor,
        notes: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Free numbers (b, n, numbers) and notes (b, n, notes) after the look."""
        with torch.no_grad():
            axes = axes_of(gaussians)
            seen = torch.cat((images, images - drawn), dim=1)
            patches = sample_around(seen, gaussians.means, axes, self.grid)
        hidden = functional.silu(self.normalize(self.input_layer(torch.cat((patches, numbers, notes), dim=-1))))
        own = self.hidden_layer(hidden)
        hidden = hidden + functional.silu(own + self.context_layer(hidden.mean(dim=1, keepdim=True)))
        change = self.change(hidden)
        shift = (axes @ change[..., :2, None])[..., 0] / _half(self.size, change)
        numbers = numbers + torch.cat((shift, change[..., 2:]), dim=-1)
        return numbers, notes + self.note(hidden) if self.note else notes


def sample_around(seen: torch.Tensor, means: torch.Tensor, axes: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """(b, n, channels x places) of images (b, channels, h, w) around Gaussians; black beyond the frame.

    The places (places, 2) of `grid` are in the coordinates of each Gaussian, along the columns of axes (b, n, 2, 2).
    """
    places = means[..., None, :] + grid @ axes.transpose(-1, -2)  # (b, n, places, 2)
    height, width = seen.shape[-2:]
    normalized = (places + 0.5) / _half((height, width), places) - 1
    sampled = functional.grid_sample(seen, normalized, padding_mode="zeros", align_corners=False)
    return sampled.transpose(1, 2).flatten(2)


def _half(size: tuple[int, int], like: torch.Tensor) -> torch.Tensor:
    """Half the frame in pixels, (x, y)."""
    height, width = size
    return like.new_tensor((width / 2, height / 2))


def axes_of(gaussians: Gaussians) -> torch.Tensor:
    """Lower Cholesky factors (b, n, 2, 2)."""
    xx, yx, yy = gaussians.factors().unbind(dim=-1)
    return torch.stack((xx, torch.zeros_like(xx), yx, yy), dim=-1).unflatten(-1, (2, 2))


def _rename(look: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    """Give weights that were saved under a layer's former name the name of today."""
    for former, name in RENAMED.items():
        for part in ("weight", "bias"):
            if f"{prefix}{former}.{part}" in state:
                state[f"{prefix}{name}.{part}"] = state.pop(f"{prefix}{former}.{part}")
