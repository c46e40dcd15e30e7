"""Move ten points onto an image by gradient descent, and draw where they started, where they went and the target.

A spot feels only the pixels near it, so points that start far from their place get no pull from a pixel loss. The cure
is to compare blurred images first: wide Gaussians feel the whole frame, and the blur then shrinks to nothing.

    python examples/first.py -o first.png
"""

import argparse
import math
from pathlib import Path

import matplotlib
import torch
from matplotlib.figure import Figure

import gaussgrad

SIZE = (64, 64)  # height, width
STDDEV = 2.0  # of a spot, in pixels
BLURS = (16.0, 8.0, 4.0, 2.0, 1.0, 0.0)  # in pixels, from coarse to fine
STEPS_PER_BLUR = 40
HEART = torch.tensor(  # the places (x, y) of ten spots, in pixels
    [[32, 21], [41, 13], [51, 18], [51, 30], [42, 42], [32, 52], [22, 42], [13, 30], [13, 18], [23, 13]],
    dtype=torch.float32,
)


def draw(points: torch.Tensor, blur: float = 0.0) -> torch.Tensor:
    """The image (64, 64) of spots at the points, each with a peak of 1 before the blur."""
    spot = torch.tensor([STDDEV**2, 0.0, STDDEV**2])  # packed covariance xx, xy, yy
    weights = torch.full(points.shape[:-1], 2 * math.pi * STDDEV**2)
    return gaussgrad.render(points, gaussgrad.covariance.blur(spot, blur), weights, size=SIZE)


def blurred(image: torch.Tensor, blur: float) -> torch.Tensor:
    """The image (64, 64) convolved with a Gaussian, by one matrix for its rows and columns."""
    if blur == 0:
        return image
    pixels = torch.arange(64.0)[:, None]
    matrix = gaussgrad.render(pixels, torch.tensor([blur**2]), torch.eye(64), size=(64,))
    return matrix @ image @ matrix.T


def fit(start: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
    """The points after every step, the start included."""
    points = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.6)
    path = [start]
    for blur in BLURS:
        goal = blurred(target, blur)
        for _ in range(STEPS_PER_BLUR):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(draw(points, blur), goal) / goal.square().mean()
            loss.backward()
            optimizer.step()
            path.append(points.detach().clone())
    return path


def save_picture(path: list[torch.Tensor], target: torch.Tensor, output: Path) -> None:
    """Before, after and target side by side; the way of each point over the middle one."""
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")  # without pyplot: no display is needed
    axes = figure.subplots(1, 3)
    ways = torch.stack(path).numpy()  # (steps, n, 2)
    for axis, title, image in (
        (axes[0], "before", draw(path[0])),
        (axes[1], "after, and the way there", draw(path[-1])),
        (axes[2], "target", target),
    ):
        axis.imshow(image.numpy(), cmap="magma", vmin=0, vmax=1)
        axis.set(title=title, xticks=[], yticks=[], xlim=(-0.5, 63.5), ylim=(63.5, -0.5))
    for i in range(ways.shape[1]):
        colour = matplotlib.color_sequences["tab10"][i]
        axes[0].plot(*ways[0, i], "o", color=colour, markersize=4, markeredgecolor="white")
        axes[1].plot(*ways[:, i].T, color=colour, linewidth=1)
        axes[1].plot(*ways[-1, i], "o", color=colour, markersize=4, markeredgecolor="white")
    figure.savefig(output, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Move ten points onto an image by gradient descent.")
    parser.add_argument("-o", "--output", type=Path, default=Path("first.png"), help="the picture to write")
    parser.add_argument("--seed", type=int, default=4, help="of the random start")
    arguments = parser.parse_args()
    target = draw(HEART)
    start = 12 + 40 * torch.rand(10, 2, generator=torch.Generator().manual_seed(arguments.seed))
    path = fit(start, target)
    error = torch.cdist(HEART, path[-1]).min(dim=1).values.max().item()
    print(f"largest distance from a spot of the target to the nearest point: {error:.3f} pixels")
    save_picture(path, target, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
