"""
Strokes written by a mixture network
====================================

A recurrent network writes with a pen: before each step it says where the pen may go, as a mixture of 20 Gaussians, and
how likely the pen lifts. We draw from the mixture, tell the network where the pen went, and ask again.

It was trained on eight characters, by ``python examples/handwriting.py --minutes 12 --weights
examples/gallery/strokes.safetensors``.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

import gaussgrad
from gaussgrad.layers.torch import MixtureDensity

CELLS, INPUTS, COMPONENTS = 256, 6, 20
SCALE = 32  # pixels of the picture for the unit of the network
folder = Path(__file__).parent if "__file__" in globals() else Path()  # the site runs it from there


class Writer(nn.Module):
    """The network of examples/handwriting.py."""

    def __init__(self):
        super().__init__()
        self.memory = nn.LSTM(INPUTS, CELLS)
        self.mixture = MixtureDensity(CELLS + INPUTS, COMPONENTS)
        self.lift = nn.Linear(CELLS + INPUTS, 1)


writer = Writer()
writer.load_state_dict(load_file(folder / "strokes.safetensors"))

# %%
# One loop writes many drawings side by side. A bias above 0 makes the mixture narrower and the writing neater.


@torch.no_grad()
def write(count, points, bias, generator):
    """Rows (points, count, 3): an offset of the pen, and 1 where it lifts; and features before each."""
    known, state, place, rows, seen = torch.zeros(1, count, INPUTS), None, torch.zeros(1, count, 2), [], []
    for _ in range(points):
        memory, state = writer.memory(known, state)
        features = torch.cat([memory, known], dim=-1)
        offset = writer.mixture.sample(features, generator=generator, bias=bias)
        lifted = torch.bernoulli(torch.sigmoid(writer.lift(features) * (1 + bias)), generator=generator)
        place = place + offset
        known = torch.cat([offset, lifted, torch.ones_like(lifted), place / 4], dim=-1)
        rows.append(known[0, :, :3])
        seen.append(features[0])
    return torch.stack(rows), torch.stack(seen)


# %%
# What the network said before each step, drawn: the mixtures of all steps of a drawing, added up. It is sure along a
# stroke, and unsure where the next stroke begins. The white line is the pen.

rows, features = write(32, 24, 1.0, torch.Generator().manual_seed(5))
paths = [rows[:, i, :2].cumsum(0) for i in range(32)]
lifts = [row[:, 2].nonzero()[:, 0] + 1 for row in rows.unbind(1)]
ends = [int(places[places >= 10][0]) if (places >= 10).any() else 24 for places in lifts]
figure, grid = plt.subplots(1, 4, figsize=(13, 3.5), layout="constrained")
for axes, i in zip(grid.flat, (2, 6, 9, 16), strict=True):
    with torch.no_grad():
        mixture = writer.mixture(features[: ends[i], i])
    path = paths[i][: ends[i]]
    before = torch.cat([torch.zeros(1, 2), path[:-1]])
    middle = (path.amin(0) + path.amax(0)) / 2
    means = 120 + SCALE * (before[:, None] + mixture.means - middle)
    spread = SCALE * mixture.log_stddevs.exp()
    covariances = gaussgrad.covariance.from_correlation(spread, mixture.atanh_correlations.tanh())
    shares = mixture.logits.softmax(-1)
    said = gaussgrad.render(means, covariances, shares, size=(240, 240), pixel="area").sum(0)
    light = said.numpy() ** 0.4
    axes.imshow(light, cmap="inferno", vmax=np.quantile(light, 0.995))
    for stroke in np.split((120 + SCALE * (path - middle)).numpy(), lifts[i][lifts[i] < ends[i]].tolist()):
        axes.plot(*stroke.T, color="white", linewidth=1)
    axes.set_axis_off()

# %%
# And 32 characters as ink. Nothing is copied: each has a size, a slant and a wobble of its own, as had the drawings
# that the network learned from. It does not know where a character ends, so we stop it after the stroke of the tenth
# point, and some lack their last stroke.

figure, grid = plt.subplots(4, 8, figsize=(11, 5.5), layout="constrained")
for axes, path, places, end in zip(grid.flat, paths, lifts, ends, strict=True):
    for stroke in np.split(path[:end].numpy(), places[places < end].tolist()):
        axes.plot(*stroke.T, color="#222222", linewidth=2.4, solid_capstyle="round")
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_yaxis()
    axes.set_axis_off()

plt.show()
