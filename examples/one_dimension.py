"""A vector of 10, a plain network, two coordinates, a drawn vector of 10, and a pixel loss: are the two places found?

The target is ones at 3 and 7 convolved with [0.28, 0.44, 0.28]. The decoder first draws just that (RenderImpulses),
then the true Gaussian over all pixels in its place (RenderGaussians, tolerance=0). The network before it is an ordinary
one and starts at random, 20 times for each.

An impulse feels only the pixels under its kernel, so that about half of the starts end where nothing pulls any more.
The Gaussian reaches every pixel and finds both places from every start. Its shape is not quite that of the kernel, so
it comes to rest 0.02 pixels beside them.

Normalised coordinates let the points start near the middle, for an untrained network says about 0. With
`--coordinates pixel` they start at the left border, and both decoders fail from all starts; a wider Gaussian
(`--stddev 2`) then still finds the places from 19 of 20, 0.09 pixels off.

    python examples/one_dimension.py
"""

import argparse

import torch
from torch import nn

import gaussgrad
from gaussgrad.layers.torch import RenderGaussians, RenderImpulses

KERNEL = [0.28, 0.44, 0.28]
PLACES = torch.tensor([3.0, 7.0])
LENGTH = 10
NEAR = 0.1  # pixels


def train(decoder: nn.Module, target: torch.Tensor, seed: int, steps: int) -> torch.Tensor:
    """The two coordinates (2,) that a network learns from a random start, in the units of the decoder."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(LENGTH, 32), nn.ReLU(), nn.Linear(32, 2))
    model = nn.Sequential(encoder, decoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(target[None])[:, 0], target[None])
        loss.backward()
        optimizer.step()
    return encoder(target).detach()


def in_pixels(coordinates: torch.Tensor, units: str) -> torch.Tensor:
    """The coordinates (2,) in pixels, in ascending order."""
    if units == "normalized":
        coordinates = gaussgrad.to_pixels(coordinates[:, None], size=(LENGTH,))[:, 0]
    return coordinates.sort().values


def main() -> None:
    parser = argparse.ArgumentParser(description="Recover two places on a line through a network, from random starts.")
    parser.add_argument("--starts", type=int, default=20, help="number of random starts")
    parser.add_argument("--steps", type=int, default=300, help="steps of Adam for each")
    parser.add_argument("--stddev", type=float, default=0.9, help="of the Gaussian, in pixels; 0.9 peaks at 0.44")
    parser.add_argument("--coordinates", choices=["normalized", "pixel"], default="normalized")
    arguments = parser.parse_args()
    units = arguments.coordinates
    decoders = {
        "impulses": RenderImpulses(LENGTH, KERNEL, coordinates=units),
        "true Gaussian": RenderGaussians(LENGTH, stddev=arguments.stddev, tolerance=0, coordinates=units),
    }
    target = gaussgrad.render_impulses(PLACES, KERNEL, size=LENGTH)
    print("target ", *(f"{value:.2f}" for value in target.tolist()))
    print("start  ", *(f"{name:>15}" for name in decoders))
    found = dict.fromkeys(decoders, 0)
    for seed in range(arguments.starts):
        cells = []
        for name, decoder in decoders.items():
            places = in_pixels(train(decoder, target, seed, arguments.steps), units)
            found[name] += bool((places - PLACES).abs().max() <= NEAR)
            cells.append(" ".join(f"{place:7.2f}" for place in places.tolist()))
        print(f"{seed:5}  ", *cells, flush=True)
    print("found  ", *(f"{f'{count} of {arguments.starts}':>15}" for count in found.values()), f" within {NEAR} pixels")


if __name__ == "__main__":
    main()
