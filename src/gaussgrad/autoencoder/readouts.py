"""From features to free numbers, which `gaussgrad.autoencoder.heads` bounds: by a dense layer, or by heatmaps."""

import torch
from torch import nn

FIRST_SCALE = 0.1  # of the usual weights: the Gaussians of all images start alike, which trains much better
HEATMAP_STDDEV = 0.25  # of the frame's half side: the width in which a heatmap looks at the start


class LinearReadout(nn.Module):
    """Free numbers (b, n, numbers) and notes (b, n, notes) of features (b, features): one linear layer.

    Parameters
    ----------
    features : int
        Length of the feature vectors.
    n : int
        Number of Gaussians.
    numbers, notes : int
        Length of what is bounded to a Gaussian, and of what is only told to later looks.

    Examples
    --------
    >>> import torch
    >>> numbers, notes = LinearReadout(8, n=10, numbers=6, notes=4)(torch.zeros(3, 8))
    >>> numbers.shape, notes.shape
    (torch.Size([3, 10, 6]), torch.Size([3, 10, 4]))
    """

    def __init__(self, features: int, *, n: int, numbers: int, notes: int) -> None:
        super().__init__()
        self.n = n
        self.numbers = _small_linear(features, n * numbers)
        self.notes = nn.Linear(features, n * notes) if notes else None

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = features.flatten(1)
        numbers = self.numbers(flat).unflatten(-1, (self.n, -1))
        return numbers, self.notes(flat).unflatten(-1, (self.n, -1)) if self.notes else numbers[..., :0]


class HeatmapReadout(nn.Module):
    """The same of feature maps (b, c, h, w): every Gaussian has a heatmap, whose mean place is that of the Gaussian.

    A heatmap is the softmax, over all places, of a 1 x 1 convolution and of a map learned for all images, which at the
    start is a blob around the Gaussian's anchor. Its mean place is differentiable and finer than the map (a
    "soft-argmax"). The features at that place, averaged under the heatmap, tell everything else about the Gaussian.

    Parameters
    ----------
    shape : tuple of int
        (c, h, w) of the feature maps.
    anchors : tensor (n, 2)
        Where the Gaussians look first, normalised x, y.
    numbers, notes : int
        As for `LinearReadout`; the first two numbers are the place, normalised x, y, between -1 and 1.

    Notes
    -----
    Levine, Finn, Darrell and Abbeel (2016), "End-to-end training of deep visuomotor policies", section 5.1, the spatial
    softmax.

    Examples
    --------
    >>> import torch
    >>> anchors = torch.tensor([[-0.5, 0.0], [0.5, 0.0]])
    >>> numbers, _ = HeatmapReadout((8, 7, 7), anchors, numbers=6, notes=4)(torch.zeros(3, 8, 7, 7))
    >>> torch.allclose(numbers[0, :, :2], anchors, atol=0.05)
    True
    """

    grid: torch.Tensor

    def __init__(self, shape: tuple[int, int, int], anchors: torch.Tensor, *, numbers: int, notes: int) -> None:
        super().__init__()
        channels, height, width = shape
        grid = torch.stack(torch.meshgrid(_centres(width), _centres(height), indexing="xy"), dim=-1)
        self.register_buffer("grid", grid.flatten(0, 1))  # (h w, 2), as the places of a flattened map
        self.heat = nn.Conv2d(channels, len(anchors), 1)
        distances = (self.grid - anchors[:, None]).square().sum(dim=-1)
        self.usual = nn.Parameter(-distances / (2 * HEATMAP_STDDEV**2))  # (n, h w)
        self.others = _small_linear(channels, numbers - 2) if numbers > 2 else None
        self.notes = nn.Linear(channels, notes) if notes else None

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        share = torch.softmax(self.heat(features).flatten(2) + self.usual, dim=-1)  # (b, n, h w)
        seen = share @ features.flatten(2).transpose(1, 2)  # (b, n, c)
        others = self.others(seen) if self.others else seen[..., :0]
        return torch.cat((share @ self.grid, others), dim=-1), self.notes(seen) if self.notes else seen[..., :0]


def _small_linear(features: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(features, outputs)
    with torch.no_grad():
        linear.weight.mul_(FIRST_SCALE)
        linear.bias.zero_()
    return linear


def _centres(count: int) -> torch.Tensor:
    """Normalised coordinates of the centres of so many pixels."""
    return (2 * torch.arange(count, dtype=torch.float32) + 1) / count - 1
