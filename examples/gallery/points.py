"""
Ten points find their picture
=============================

Ten points start anywhere. A loss on the image that they draw moves them, until they draw the heart.
"""

import matplotlib.pyplot as plt
import torch

import gaussgrad
from gaussgrad import plot
from gaussgrad.fitting import annealed, blur_images

SIZE = (64, 64)
SPOT = torch.tensor([4.0, 0.0, 4.0])  # a stddev of 2 pixels
HEART = torch.tensor(
    [[32, 21], [41, 13], [51, 18], [51, 30], [42, 42], [32, 52], [22, 42], [13, 30], [13, 18], [23, 13]]
)
target = gaussgrad.render(HEART.float(), SPOT, size=SIZE)

# %%
# A spot feels only the light near it. So we begin with a wide blur of the target and of the points, and let it fade.

points = (12 + 40 * torch.rand(10, 2, generator=torch.Generator().manual_seed(4))).requires_grad_()
optimizer = torch.optim.Adam([points], lr=0.5)
ways = [points.detach().clone()]
for step in range(300):
    blur = annealed(step, 220, first=16.0)
    wanted = blur_images(target, blur)
    drawn = gaussgrad.render(points, gaussgrad.covariance.blur(SPOT, blur), size=SIZE)
    loss = (drawn - wanted).square().mean() / wanted.square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ways.append(points.detach().clone())
ways = torch.stack(ways).numpy()  # (steps, 10, 2)

# %%
# The picture before, the way of each point, and the picture after. The circles are the target.

figure, panes = plt.subplots(1, 3, figsize=(13, 4.8), layout="constrained")
for axes, places, title in ((panes[0], ways[0], "before"), (panes[2], ways[-1], "after")):
    axes.imshow(gaussgrad.render(places, SPOT.numpy(), size=SIZE), cmap="magma", vmin=0, vmax=target.max().item())
    axes.set_title(title)
plot.overlay(panes[1], torch.zeros(SIZE), ways[-1], SPOT, stddevs=1)
for i in range(10):
    panes[1].plot(*ways[:, i].T, color="white", linewidth=1, alpha=0.8)
panes[1].plot(*ways[0].T, "o", color="white", markersize=5)
panes[1].set_title("the way of each, from its dot")
for axes in panes:
    axes.scatter(*HEART.numpy().T, s=330, facecolors="none", edgecolors="#56b4e9", linestyles=":", linewidths=1.3)
    axes.set(xlim=(-0.5, 63.5), ylim=(63.5, -0.5), xticks=[], yticks=[])

plt.show()
