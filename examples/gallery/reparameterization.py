"""
The reparameterisation trick, seen
==================================

A sample is mean + stddev · noise. The noise is drawn once and stays. So a sample moves smoothly with its mean and its
stddev, and has a gradient.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import gaussgrad

noise = torch.randn(120, 2, generator=torch.Generator().manual_seed(1))
hue = plt.colormaps["twilight"]((torch.atan2(noise[:, 1], noise[:, 0]) / (2 * torch.pi) + 0.5).numpy())

# %%
# The same noise three times, each sample in the colour of its noise. The first mean is 0, the second has moved, the
# third is also wider along x and narrower along y. An arrow is the derivative of a sample with respect to log σ²: as
# log σ² grows, samples move away from the mean, and the farther out they are, the faster.

figure, panes = plt.subplots(1, 3, figsize=(13, 4.1), layout="constrained", sharex=True, sharey=True)
titles = ("the noise: mean 0, stddev 1", "another mean", "another mean, other stddevs")
settings = (([0.0, 0.0], [1.0, 1.0]), ([2.0, 1.0], [1.0, 1.0]), ([2.0, 1.0], [1.4, 0.5]))
for axes, title, (mean, stddev) in zip(panes, titles, settings, strict=True):
    means, stddevs = (torch.tensor(numbers).expand(120, 2) for numbers in (mean, stddev))  # for each sample
    log_variance = (2 * stddevs.log()).requires_grad_()
    z = gaussgrad.reparameterize(means, log_variance, noise)
    (moved,) = torch.autograd.grad(z.sum(), log_variance)
    z = z.detach().numpy()
    axes.quiver(*z.T, *moved.numpy().T, color=hue, angles="xy", scale_units="xy", scale=1, width=0.004)
    axes.scatter(*z.T, c=hue, s=36, edgecolors="#222222", linewidths=0.5)
    axes.plot(*mean, "+", color="#1fc58f", markersize=16, markeredgewidth=3)
    axes.set(title=title, xlim=(-5, 8), ylim=(-4, 5), aspect="equal")

# %%
# So a mean and a stddev can be learned through samples. Here they learn to match a slanted Gaussian: the loss is the
# mean of log q - log p over fresh samples. A Gaussian along the axes cannot be slanted, so it ends narrower than p
# along both: what variational inference is known for, seen.

generator = torch.Generator().manual_seed(0)
wanted_mean, wanted = torch.tensor([[3.0, 1.0]]), torch.tensor([3.0, 1.6, 1.3])
mean, log_variance = (torch.tensor(start, requires_grad=True) for start in ([-3.0, -2.0], [-2.0, -2.0]))
optimizer = torch.optim.Adam([mean, log_variance], lr=0.05)
ways = []
for _ in range(400):
    z = gaussgrad.reparameterize(mean, log_variance, torch.randn(64, 2, generator=generator))
    loss = -gaussgrad.log_density(z, wanted_mean, wanted).mean() - gaussgrad.entropy(log_variance).sum()
    ways.append(torch.cat([mean, log_variance]).detach())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

x, y = np.meshgrid(np.linspace(-5, 8, 260), np.linspace(-4, 5, 180))
log_density = gaussgrad.log_density(np.stack([x, y], -1), wanted_mean.double().numpy(), wanted.double().numpy())
figure, axes = plt.subplots(figsize=(9, 6.2), layout="constrained")
axes.contourf(x, y, np.exp(log_density[..., 0]), levels=8, cmap="Greys")
ways, angle = torch.stack(ways).numpy(), np.linspace(0, 2 * np.pi, 100)
circle = np.stack([np.cos(angle), np.sin(angle)])
for number in (0, 10, 20, 30, 45, 60, 90, 399):
    place, width = ways[number, :2, None], np.exp(ways[number, 2:, None] / 2)
    colour = plt.colormaps["plasma"](min(number / 100, 0.85))
    axes.plot(*(place + 2 * width * circle), color=colour, lw=2)
axes.text(-4.9, -2.05, "the start", color=plt.colormaps["plasma"](0.0))
axes.set(title="q learns to match p, in grey; ellipses of two standard deviations", aspect="equal")

plt.show()
