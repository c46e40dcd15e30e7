"""From any real numbers to Gaussians that can always be drawn."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from gaussgrad import checks

LATENTS = ("points", "points+covariance", "points+covariance+weight")
MARGIN = 0.1  # means stay within the frame and this share of it on every side
SPREAD = 0.6  # the share of the frame that the means cover at the start
FIRST_SCALE = 0.1  # of the usual weights: the Gaussians of all images start alike, which trains much better
FLOOR = 0.5  # pixels: added in quadrature, so that no Gaussian falls between the pixel centres
LARGEST_WEIGHT = 1.5


@dataclass(frozen=True, eq=False)
class Gaussians:
    """What an image is encoded to, in pixels (docs/conventions.md)."""

    means: torch.Tensor  # (b, n, 2): x, y
    covariances: torch.Tensor  # (b, n, 3): xx, xy, yy
    weights: torch.Tensor  # (b, n), or (b, n, c) for colours: the value at the mean


class GaussianHead(nn.Module):
    """Gaussians from features: one linear layer, then bounds that no number can leave.

    Means start on a sunflower spiral over the frame and stay within the frame and a tenth of it beyond. A covariance is
    L Lᵀ + floor² I with a Cholesky factor L whose diagonal is a bounded, positive width (a logistic function: a
    log-width while it is small) and whose off-diagonal is bounded too. Weights lie between 0 and 1.5 (grey), or between
    -1.5 and 1.5 (colour: dark Gaussians take light away). What a latent leaves out is one value for all images: a fixed
    width, and a learned weight per channel.

    Parameters
    ----------
    features : int
        Length of the feature vectors.
    size : tuple of int
        (height, width) in pixels.
    channels, n : int
        Channels of the image and number of Gaussians.
    latent : {"points", "points+covariance", "points+covariance+weight"}
        What is told by the features.
    stddev : float
        Pixels: the width of "points", and the first width of the others.

    Examples
    --------
    >>> import torch
    >>> gaussians = GaussianHead(8, (28, 28), channels=1, n=10, latent=LATENTS[2], stddev=2.0)(torch.zeros(3, 8))
    >>> gaussians.means.shape, gaussians.covariances.shape, gaussians.weights.shape
    (torch.Size([3, 10, 2]), torch.Size([3, 10, 3]), torch.Size([3, 10]))
    """

    anchors: torch.Tensor

    def __init__(
        self, features: int, size: tuple[int, int], *, channels: int, n: int, latent: str, stddev: float
    ) -> None:
        super().__init__()
        self.latent = checks.option("latent", latent, LATENTS)
        self.channels, self.n, self.stddev = channels, n, stddev
        self.half_size = (size[1] / 2, size[0] / 2)  # x, y
        self.largest_stddev = max(size) / 2
        self.linear = nn.Linear(features, n * self.numbers_per_gaussian)
        with torch.no_grad():
            self.linear.weight.mul_(FIRST_SCALE)
            self.linear.bias.zero_()
        self.register_buffer("anchors", sunflower(n))
        if "weight" not in latent:
            self.shared_weight = nn.Parameter(torch.ones(channels))

    @property
    def numbers_per_gaussian(self) -> int:
        weight = self.channels if "weight" in self.latent else 0
        return 2 + (3 if "covariance" in self.latent else 0) + weight

    def forward(self, features: torch.Tensor) -> Gaussians:
        raw = self.linear(features).unflatten(-1, (self.n, self.numbers_per_gaussian))
        return Gaussians(self._means(raw), self._covariances(raw), self._weights(raw))

    def _means(self, raw: torch.Tensor) -> torch.Tensor:
        """(b, n, 2)"""
        half = raw.new_tensor(self.half_size)
        reach = 1 + 2 * MARGIN
        place = reach * torch.tanh(torch.atanh(self.anchors / reach) + raw[..., :2])
        return half * (place + 1) - 0.5

    def _covariances(self, raw: torch.Tensor) -> torch.Tensor:
        """(b, n, 3), positive definite."""
        if "covariance" not in self.latent:
            return raw.new_tensor([self.stddev**2, 0.0, self.stddev**2]).expand(*raw.shape[:-1], 3)
        largest = self.largest_stddev
        start = min(self.stddev, 0.9 * largest)
        width = largest * torch.sigmoid(raw[..., 2:4] + math.log(start / (largest - start)))
        across = largest * torch.tanh(start / largest * raw[..., 4])
        xx = width[..., 0].square() + FLOOR**2
        xy = width[..., 0] * across
        yy = width[..., 1].square() + across.square() + FLOOR**2
        return torch.stack((xx, xy, yy), dim=-1)

    def _weights(self, raw: torch.Tensor) -> torch.Tensor:
        """(b, n) for grey images, (b, n, c) for colours."""
        if "weight" not in self.latent:
            weights = self.shared_weight.expand(*raw.shape[:-1], self.channels)
        elif self.channels == 1:
            weights = LARGEST_WEIGHT * torch.sigmoid(raw[..., 5:])
        else:
            weights = LARGEST_WEIGHT * torch.tanh(raw[..., 5:])
        return weights[..., 0] if self.channels == 1 else weights


def sunflower(n: int) -> torch.Tensor:
    """n points (x, y) spread evenly over the disc of radius SPREAD: Vogel (1979), equation 1."""
    index = torch.arange(n, dtype=torch.float32)
    radius = SPREAD * torch.sqrt((index + 0.5) / n)
    angle = math.pi * (3 - math.sqrt(5)) * index
    return torch.stack((radius * torch.cos(angle), radius * torch.sin(angle)), dim=-1)
