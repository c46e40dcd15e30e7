"""Move points onto an image by gradient descent, and draw where they started, where they went and the target.

A spot feels only the pixels near it, so points that start far from their place get no pull from a pixel loss. The cure
is to compare blurred images first: wide Gaussians feel the whole frame, and the blur then shrinks to nothing.

    python examples/first.py -o first.png
    python examples/first.py PICTURE -o first.png

Without a picture ten points find the ten spots of a heart. In a picture of yours 400 points share its light: they
gather where it is bright, or where it is dark if most of it is bright.
"""

import argparse
import math
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

import gaussgrad

SIDE = 64  # of the heart, and the longer side of a picture, in pixels
STDDEV = 2.0  # of a spot, in pixels
BLURS = (16.0, 8.0, 4.0, 2.0, 1.0, 0.0)  # in pixels, from coarse to fine
POINTS = 400  # on a picture
HEART = torch.tensor(  # the places (x, y) of ten spots, in pixels
    [[32, 21], [41, 13], [51, 18], [51, 30], [42, 42], [32, 52], [22, 42], [13, 30], [13, 18], [23, 13]],
    dtype=torch.float32,
)


def draw(points: torch.Tensor, light: float, size: tuple[int, int], blur: float = 0.0) -> torch.Tensor:
    """The image (height, width) of spots at the points, each of so much light."""
    spot = torch.tensor([STDDEV**2, 0.0, STDDEV**2])  # packed covariance xx, xy, yy
    weights = torch.full(points.shape[:-1], light)
    return gaussgrad.render(points, gaussgrad.covariance.blur(spot, blur), weights, size=size)


def blurred(image: torch.Tensor, blur: float) -> torch.Tensor:
    """The image convolved with a Gaussian, by one matrix for its rows and one for its columns."""
    if blur == 0:
        return image
    rows, columns = (blur_matrix(length, blur) for length in image.shape)
    return rows @ image @ columns.T


def blur_matrix(length: int, blur: float) -> torch.Tensor:
    """(length, length): what convolves a signal with a Gaussian."""
    pixels = torch.arange(float(length))[:, None]
    return gaussgrad.render(pixels, torch.tensor([blur**2]), torch.eye(length), size=(length,))


def read(path: Path) -> torch.Tensor:
    """The light (height, width) of a picture, 0 to 1; of one that is mostly bright, its darkness."""
    with Image.open(path) as picture:
        grey = picture.convert("L")
        grey.thumbnail((SIDE, SIDE))
    light = torch.from_numpy(np.asarray(grey, dtype=np.float32) / 255)
    return 1 - light if light.mean() > 0.5 else light


def fit(start: torch.Tensor, target: torch.Tensor, steps: int) -> list[torch.Tensor]:
    """The points after every step, the start included."""
    points = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.6)
    path = [start]
    light = target.sum().item() / len(start)
    for blur in BLURS:
        goal = blurred(target, blur)
        for _ in range(steps):
            optimizer.zero_grad()
            drawn = draw(points, light, target.shape, blur)
            loss = torch.nn.functional.mse_loss(drawn, goal) / goal.square().mean()
            loss.backward()
            optimizer.step()
            path.append(points.detach().clone())
    return path


def save_picture(path: list[torch.Tensor], target: torch.Tensor, output: Path) -> None:
    """Before, after and target side by side; of few points also the way of each."""
    height, width = target.shape
    light = target.sum().item() / len(path[0])
    figure = Figure(figsize=(10.5, 0.4 + 3.4 * height / width), layout="constrained")  # without pyplot: no display
    axes = figure.subplots(1, 3)
    ways = torch.stack(path).numpy()  # (steps, n, 2)
    for axis, title, image in (
        (axes[0], "before", draw(path[0], light, target.shape)),
        (axes[1], "after", draw(path[-1], light, target.shape)),
        (axes[2], "target", target),
    ):
        axis.imshow(image.numpy(), cmap="magma", vmin=0, vmax=1)
        axis.set(title=title, xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for i in range(ways.shape[1] if ways.shape[1] == len(HEART) else 0):  # hundreds of ways would hide the image
        colour = matplotlib.color_sequences["tab10"][i]
        axes[0].plot(*ways[0, i], "o", color=colour, markersize=4, markeredgecolor="white")
        axes[1].plot(*ways[:, i].T, color=colour, linewidth=1)
        axes[1].plot(*ways[-1, i], "o", color=colour, markersize=4, markeredgecolor="white")
    figure.savefig(output, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Move points onto an image by gradient descent.")
    parser.add_argument("picture", type=Path, nargs="?", metavar="PICTURE", help="yours; without it, a heart")
    parser.add_argument("-o", "--output", type=Path, default=Path("first.png"), help="the picture to write")
    parser.add_argument("--steps", type=int, default=40, help="of descent at each blur")
    parser.add_argument("--seed", type=int, default=4, help="of the random start")
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(arguments.seed)
    if arguments.picture is None:
        target = draw(HEART, 2 * math.pi * STDDEV**2, (SIDE, SIDE))  # each spot has a peak of 1
        path = fit(12 + 40 * torch.rand(10, 2, generator=generator), target, arguments.steps)
        error = torch.cdist(HEART, path[-1]).min(dim=1).values.max().item()
        print(f"largest distance from a spot of the target to the nearest point: {error:.3f} pixels")
    else:
        target = read(arguments.picture)
        path = fit(
            torch.rand(POINTS, 2, generator=generator) * torch.tensor(target.shape[::-1]) - 0.5, target, arguments.steps
        )
        drawn = draw(path[-1], target.sum().item() / POINTS, target.shape)
        error = (drawn - target).square().mean() / (target - target.mean()).square().mean()
        print(f"the drawing misses {error.item():.1%} of the variance of the picture")
    save_picture(path, target, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
