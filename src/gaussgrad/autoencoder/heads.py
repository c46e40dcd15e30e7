"""From any real numbers to Gaussians that can always be drawn."""

import math

import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.autoencoder.newton import Step
from gaussgrad.autoencoder.presence import FIRST_LOGIT, gates, probabilities
from gaussgrad.autoencoder.readouts import HeatmapReadout, LinearReadout
from gaussgrad.covariance.blurring import blurred_rows
from gaussgrad.gaussians import Gaussians

LATENTS = ("points", "points+covariance", "points+covariance+weight")
HEADS = ("linear", "heatmap")
MARGIN = 0.1  # means stay within the frame and this share of it on every side
SPREAD = 0.6  # the share of the frame that the means cover at the start
FLOOR = 0.5  # pixels: added in quadrature, so that no Gaussian falls between the pixel centres
LARGEST_WEIGHT = 1.5
INNER = 0.97  # of a bound: as far as a move goes towards it
LEAST_SLOPE = 0.2  # of what is told, to its free number: near a bound a gradient is no larger than there


class GaussianHead(nn.Module):
    """Gaussians from features: a readout of free numbers, then bounds that no number can leave.

    Means start on a sunflower spiral over the frame and stay within the frame and a tenth of it beyond. Widths are told
    by the Cholesky factor of L Lᵀ + floor² I. The diagonal of L is a bounded, positive width (a logistic function: a
    log-width while it is small), and its off-diagonal is bounded too. Weights lie between 0 and 1.5 (grey), or between
    -1.5 and 1.5 (colour: dark Gaussians take light away). What a latent leaves out is one value for all images: a fixed
    width, and a learned weight per channel.

    Parameters
    ----------
    features : int, tuple of int, or None
        Length of the feature vectors; (c, h, w) of the feature maps for heatmaps; None where free numbers come from
        elsewhere, and nothing is read out.
    size : tuple of int
        (height, width) in pixels.
    channels, n : int
        Channels of the image and number of Gaussians.
    latent : {"points", "points+covariance", "points+covariance+weight"}
        What is told by the features.
    stddev : float
        Pixels: the width of "points", and the first width of the others.
    presence : bool
        Whether each Gaussian has a gate that may close, so that its weight is 0 (`gaussgrad.autoencoder.presence`). In
        training mode gates get noise from torch's global generator.
    notes : int
        Numbers per Gaussian that are not bounded but told to a later look (`gaussgrad.autoencoder.looks`).

    Examples
    --------
    >>> import torch
    >>> gaussians = GaussianHead(8, (28, 28), channels=1, n=10, latent=LATENTS[2], stddev=2.0)(torch.zeros(3, 8))
    >>> gaussians.means.shape, gaussians.cholesky.shape, gaussians.weights.shape
    (torch.Size([3, 10, 2]), torch.Size([3, 10, 3]), torch.Size([3, 10]))
    """

    anchors: torch.Tensor

    def __init__(
        self,
        features: int | tuple[int, int, int] | None,
        size: tuple[int, int],
        *,
        channels: int,
        n: int,
        latent: str,
        stddev: float,
        presence: bool = False,
        notes: int = 0,
    ) -> None:
        super().__init__()
        self.latent = checks.option("latent", latent, LATENTS)
        self.channels, self.n, self.stddev, self.presence = channels, n, stddev, presence
        self.half_size = (size[1] / 2, size[0] / 2)  # x, y
        self.largest_stddev = max(size) / 2
        self.register_buffer("anchors", sunflower(n))
        self.has_heatmaps = isinstance(features, tuple)
        lengths = {"numbers": self.free_numbers, "notes": notes}
        if isinstance(features, tuple):
            self.readout: nn.Module = HeatmapReadout(features, self.anchors, **lengths)
        elif features is not None:
            self.readout = LinearReadout(features, n=n, **lengths)
        if "weight" not in latent:
            self.shared_weight = nn.Parameter(torch.ones(channels))

    @property
    def numbers_per_gaussian(self) -> int:
        """How many numbers tell a Gaussian; a gate is told by the weight, where there is one."""
        weight = self.channels if "weight" in self.latent else int(self.presence)
        return 2 + (3 if "covariance" in self.latent else 0) + weight

    @property
    def free_numbers(self) -> int:
        """How many numbers the readout gives for each Gaussian."""
        return self.numbers_per_gaussian + int(self.presence and "weight" in self.latent)

    def forward(self, features: torch.Tensor) -> Gaussians:
        numbers, _ = self.numbers(features)
        return self.gaussians(numbers)

    def numbers(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Free numbers (b, n, free_numbers) and notes (b, n, notes)."""
        numbers, notes = self.readout(features)
        if self.has_heatmaps:  # their places are those wanted: the bounds undone
            free = self._free_place(numbers[..., :2]) - self._free_place(self.anchors)
            numbers = torch.cat((free, numbers[..., 2:]), dim=-1)
        return numbers, notes

    def gaussians(self, numbers: torch.Tensor) -> Gaussians:
        """The Gaussians of any free numbers (b, n, free_numbers)."""
        weights = self._weights(numbers)
        means, factors = self._means(numbers), self._factors(numbers)
        if not self.presence:
            return Gaussians(means, weights=weights, cholesky=factors)
        logits = FIRST_LOGIT + numbers[..., -1]
        open_share = gates(logits, noise=torch.rand_like(logits) if self.training else None)
        weights = weights * open_share.reshape(open_share.shape + (1,) * (weights.ndim - open_share.ndim))
        return Gaussians(means, weights=weights, presence=probabilities(logits), cholesky=factors)

    def _free_place(self, place: torch.Tensor) -> torch.Tensor:
        return torch.atanh(place / (1 + 2 * MARGIN))

    def numbers_of(self, places: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        """The free numbers (b, n, free_numbers) of round Gaussians at places (b, n, 2), of widths (b, n), in pixels."""
        place = (places + 0.5) / places.new_tensor(self.half_size) - 1
        free = self._free_place(place) - self._free_place(self.anchors)
        width = torch.logit(widths / self.largest_stddev) - self._first_logit()
        rest = width.new_zeros(*width.shape, self.free_numbers - 4)
        return torch.cat((free, width[..., None], width[..., None], rest), dim=-1)

    def moved(self, numbers: torch.Tensor, gaussians: Gaussians, move: Step) -> torch.Tensor:
        """The free numbers of the Gaussians that `numbers` tell, after a move; bounds hold what would leave them.

        Where a bound is near, the numbers go as far as the move at most, and the gradient does not vanish.
        """
        a, s, c = gaussians.factors().detach().unbind(-1)
        u, v, p, q, r = move.shapes.unbind(-1)
        half = numbers.new_tensor(self.half_size)
        place = (gaussians.means.detach() + 0.5) / half - 1
        places = torch.stack((a * u, s * u + c * v), dim=-1) / half
        shift = _through(place, places, 1 + 2 * MARGIN)
        widths = torch.stack((p, r), dim=-1)
        slant = (s * p + c * q) / self._start()
        weights = gaussians.weights.detach().reshape(move.weights.shape)
        fainter = move.weights - weights * (p + r)[..., None]
        told = _through(weights, fainter, LARGEST_WEIGHT, signed=self.channels > 1)
        return numbers + torch.cat((shift, widths, slant[..., None], told), dim=-1)

    def _means(self, numbers: torch.Tensor) -> torch.Tensor:
        """(b, n, 2)"""
        half = numbers.new_tensor(self.half_size)
        place = (1 + 2 * MARGIN) * torch.tanh(self._free_place(self.anchors) + numbers[..., :2])
        return half * (place + 1) - 0.5

    def _factors(self, numbers: torch.Tensor) -> torch.Tensor:
        """(b, n, 3), of positive diagonal."""
        if "covariance" not in self.latent:
            return numbers.new_tensor([self.stddev, 0.0, self.stddev]).expand(*numbers.shape[:-1], 3)
        largest, start = self.largest_stddev, self._start()
        width = largest * torch.sigmoid(numbers[..., 2:4] + self._first_logit())
        across = largest * torch.tanh(start / largest * numbers[..., 4])
        (xx,), (yx, yy) = blurred_rows(torch, [[width[..., 0]], [across, width[..., 1]]], FLOOR)
        return torch.stack((xx, yx, yy), dim=-1)

    def _start(self) -> float:
        """The first width in pixels."""
        return min(self.stddev, 0.9 * self.largest_stddev)

    def _first_logit(self) -> float:
        start = self._start()
        return math.log(start / (self.largest_stddev - start))

    def _weights(self, numbers: torch.Tensor) -> torch.Tensor:
        """(b, n) for grey images, (b, n, c) for colours."""
        told = numbers[..., 5 : 5 + self.channels]
        if "weight" not in self.latent:
            weights = self.shared_weight.expand(*numbers.shape[:-1], self.channels)
        elif self.channels == 1:
            weights = LARGEST_WEIGHT * torch.sigmoid(told)
        else:
            weights = LARGEST_WEIGHT * torch.tanh(told)
        return weights[..., 0] if self.channels == 1 else weights


def _through(value: torch.Tensor, change: torch.Tensor, bound: float, *, signed: bool = True) -> torch.Tensor:
    """How far a free number must move so that what it tells, its hyperbolic tangent or logistic, changes by so much.

    Exact within the bounds; the derivative is that of the new place, however near to a bound it is.
    """
    low = -INNER if signed else 1 - INNER
    start = (value / bound).clamp(low, INNER)
    goal = (start + change.detach() / bound).clamp(low, INNER)
    if signed:
        moved, slope = torch.atanh(goal) - torch.atanh(start), bound * (1 - goal.square())
    else:
        moved, slope = torch.logit(goal) - torch.logit(start), bound * goal * (1 - goal)
    return moved + (change - change.detach()) / slope.clamp(min=LEAST_SLOPE)


def sunflower(n: int) -> torch.Tensor:
    """n points (x, y) spread evenly over the disc of radius SPREAD: Vogel (1979), equation 1."""
    index = torch.arange(n, dtype=torch.float32)
    radius = SPREAD * torch.sqrt((index + 0.5) / n)
    angle = math.pi * (3 - math.sqrt(5)) * index
    return torch.stack((radius * torch.cos(angle), radius * torch.sin(angle)), dim=-1)
