"""Find the corners of triangles in noise, and say how sure each is: ellipses that hold what they promise.

    python examples/keypoints.py -o keypoints.png

A small network turns a picture into a map of logits for each of three corners. The moments of a map are the corner and
its covariance; the loss is the negative log-likelihood of the true corner under these. Where a corner is hard to see,
the map becomes wide. One number, found on pictures of its own, then scales all ellipses: errors have longer tails than
a Gaussian, so that the likelihood alone makes ellipses too wide. In the end those of radius 1.515 standard deviations
hold 68.3 % of corners that nobody has seen before.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from gaussgrad import covariance, plot
from gaussgrad.fitting import negative_log_likelihood
from gaussgrad.layers.torch import Moments

SIDE = 32  # pixels
RADIUS = 1.515  # of an ellipse that holds 68.3 % of a Gaussian, in stddevs: sqrt(-2 log(1 - 0.683))
SHARE = 1 - math.exp(-(RADIUS**2) / 2)
PIXEL = 12**-0.5  # the stddev of a point within its pixel
HELD_OUT, FOR_SCALE = 5000, 3000  # corners
NOISE, FAINTEST = 0.25, 0.4  # of pictures whose triangle has a contrast up to 1.5
RATE = 4e-3


def triangles(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (count, 1, h, w) of slender triangles in noise, and their tips and two other corners (count, 3, 2)."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, 1, generator=generator)

    turn, half_length, half_base = uniform(0, 2 * math.pi), uniform(6, 9), uniform(2.5, 4.5)
    ahead = torch.cat([turn.cos(), turn.sin()], dim=1)
    aside = torch.cat([-turn.sin(), turn.cos()], dim=1)
    centre = torch.cat([uniform(10, SIDE - 11), uniform(10, SIDE - 11)], dim=1)
    back = centre - half_length * ahead
    corners = torch.stack([centre + half_length * ahead, back - half_base * aside, back + half_base * aside], dim=1)
    inside = torch.ones(count, SIDE, SIDE)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for start, end in ((0, 1), (1, 2), (2, 0)):
        along = nn.functional.normalize(corners[:, end] - corners[:, start], dim=1)[..., None, None]
        from_x, from_y = x - corners[:, start, :1, None], y - corners[:, start, 1:, None]
        inside = inside * torch.sigmoid(2.0 * (from_x * along[:, 1] - from_y * along[:, 0]))
    contrast = uniform(FAINTEST, 1.5)[..., None]
    noise = NOISE * torch.randn(count, SIDE, SIDE, generator=generator)
    return (contrast * inside + noise)[:, None], corners


def convolve(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1), nn.SiLU())


class Corners(nn.Module):
    """From pictures to rows "x y xx xy yy", one for each corner."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(nn.Conv2d(1, 24, 4, stride=2, padding=1), nn.SiLU(), convolve(24, 24))
        coarse = [nn.AvgPool2d(2), convolve(24, 48), convolve(48, 48), convolve(48, 48)]
        self.far = nn.Sequential(*coarse, nn.Upsample(scale_factor=2))
        fine = nn.Upsample(scale_factor=2, mode="bilinear")
        self.logits = nn.Sequential(convolve(72, 32), nn.Conv2d(32, 3, 3, padding=1), fine)
        self.moments = Moments(softmax=1.0)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        near = self.near(pictures)
        return self.moments(self.logits(torch.cat([near, self.far(near)], dim=1)))


def split(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Means, and covariances that count the pixel's own width."""
    return rows[..., :2], covariance.blur(rows[..., 2:], PIXEL)


def train(model: Corners, steps: int, batch: int, generator: torch.Generator) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for step in range(steps):
        pictures, corners = triangles(batch, generator)
        loss = negative_log_likelihood(corners, *split(model(pictures))).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # a corner found far off and surely would throw all back
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 10) == 0 or step == steps - 1:
            print(f"step {step:5d}   {loss.item():7.3f} nats per corner")


@torch.no_grad()
def find(model: Corners, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and covariances of the corners of any number of pictures."""
    return split(torch.cat([model(part) for part in pictures.split(250)]))


def distances(points: torch.Tensor, means: torch.Tensor, covariances: torch.Tensor) -> torch.Tensor:
    """How many standard deviations each point lies from its mean."""
    along_x, along_y = (points - means).unbind(-1)
    xx, xy, yy = covariances.unbind(-1)
    squared = (yy * along_x**2 - 2 * xy * along_x * along_y + xx * along_y**2) / (xx * yy - xy**2)
    return squared.sqrt()


def scale_of(model: Corners, generator: torch.Generator) -> float:
    """By how much all standard deviations are to be multiplied, so that the ellipses hold what they should."""
    pictures, corners = triangles(FOR_SCALE // 3, generator)
    found = distances(corners, *find(model, pictures))
    return found.quantile(SHARE).item() / RADIUS


def draw(path: Path, pictures: np.ndarray, corners: np.ndarray, means: np.ndarray, widths: np.ndarray) -> None:
    """Pictures with their true corners, and the ellipses of those found."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, picture, truth, mean, width in zip(figure.subplots(1, 3), pictures, corners, means, widths, strict=True):
        axes.imshow(picture[0], cmap="gray")
        plot.ellipses(axes, mean, width, stddevs=RADIUS, colour="#eedd88")
        axes.plot(*truth.T, "+", color="#00c2ff", markersize=9, markeredgewidth=1.8)
        axes.set_axis_off()
    figure.suptitle("True corners (+), and ellipses that hold 68 % of such")
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture of three triangles and ellipses")
    parser.add_argument("--steps", type=int, default=1500, help="of training, 32 pictures each (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # steps are so small that waiting threads cost more than they help
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    model = Corners()
    train(model, options.steps, 32, generator)
    scale = scale_of(model, generator)
    pictures, corners = triangles(-(-HELD_OUT // 3), generator)
    means, covariances = find(model, pictures)
    found = distances(corners, means, covariances).flatten()[:HELD_OUT]
    error = (means - corners).norm(dim=-1).flatten()[:HELD_OUT]
    half, most = error.quantile(torch.tensor([0.5, 0.9])).tolist()
    held, held_scaled = ((found < RADIUS * factor).float().mean().item() for factor in (1.0, scale))
    print(f"{len(found)} corners never seen: half are found to {half:.2f} pixels, nine of ten to {most:.2f}")
    print(f"ellipses of radius {RADIUS} hold {held:.1%} of them, as the network gives these")
    print(f"and {held_scaled:.1%} with all widths times {scale:.3f}, a number from other pictures")
    shown = (pictures, corners, means, scale**2 * covariances)
    draw(options.output, *(tensor[:3].numpy() for tensor in shown))


if __name__ == "__main__":
    main()
