"""
Why a distant point gets no pull
================================

A Gaussian should move onto a spot of light. Which way does the loss push it? We ask at 400 places at once: each is an
image of its own in one batch, so one backward pass gives all the arrows.
"""

import matplotlib.pyplot as plt
import torch

import gaussgrad
from gaussgrad.fitting import blur_images, energy_distance

SIZE = (60, 60)
NARROW = torch.tensor([9.0, 0.0, 9.0])  # a stddev of 3 pixels
line = torch.linspace(1.5, 57.5, 20)
places = torch.cartesian_prod(line, line)[:, None]  # (400, 1, 2): one Gaussian for each image
target = gaussgrad.render(torch.tensor([[38.0, 24.0]]), NARROW, size=SIZE)


def squared_error(points, blur):
    """Of each image, after a blur of the target and of the Gaussian."""
    drawn = gaussgrad.render(points, gaussgrad.covariance.blur(NARROW, blur), size=SIZE, tolerance=0)
    return (drawn - blur_images(target, blur)).square().sum((-1, -2))


def pushes(loss):
    """Where descent would move each point (400, 2)."""
    points = places.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(points).sum(), points)
    return -slope[:, 0]


# %%
# Each arrow is as long as the push, relative to the longest of its pane. Where it would be shorter than a hundredth of
# that, there is only a dot. The squared error is blind beyond a few widths: wherever the Gaussian stands there, it is
# wrong by as much. At the border it pushes points out of the frame, where they do no harm. A blur of both images lets
# it see further. The energy distance, between points and light, pulls from everywhere.

losses = {
    "squared error": lambda points: squared_error(points, 0.0),
    "squared error, both blurred by 10 pixels": lambda points: squared_error(points, 10.0),
    "energy distance": lambda points: energy_distance(points, target.expand(len(points), *SIZE)),
}
figure, panes = plt.subplots(1, 3, figsize=(13, 5), layout="constrained")
for axes, (title, loss) in zip(panes, losses.items(), strict=True):
    arrows = pushes(loss)
    length = arrows.norm(dim=-1)
    felt = (length > 0.01 * length.max()).numpy()
    pulled = felt & ((arrows * (torch.tensor([38.0, 24.0]) - places[:, 0])).sum(-1) > 0).numpy()
    x, y = places[:, 0].T.numpy()
    u, v = (3.2 * arrows / length.max()).T.numpy()
    axes.imshow(target.numpy(), cmap="gray")
    axes.plot(x[~felt], y[~felt], ".", color="#8a8f98", markersize=3)
    axes.quiver(
        x[felt], y[felt], u[felt], v[felt], color="#f0e442", angles="xy", scale_units="xy", scale=1, width=0.006
    )
    axes.set(title=f"{title}\n{pulled.mean():.0%} of the points are pulled to the light", xticks=[], yticks=[])

plt.show()
