"""
A photograph at 100, 1,000 and 10,000 Gaussians
===============================================

`gaussgrad.fitting.fit_image` draws a photograph with as many Gaussians as you allow. Each has a place, a shape and a
colour, and gradient descent finds them all together.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from gaussgrad import plot
from gaussgrad.fitting import fit_image

photograph = np.moveaxis(load_sample_image("china.jpg"), -1, 0)  # (3, 427, 640), 0 to 255
fits = [fit_image(photograph, n, steps=steps) for n, steps in ((100, 300), (1_000, 300), (10_000, 400))]

# %%
# A hundred Gaussians tell sky from roof. A thousand draw the pillars, ten thousand the tiles.

figure, panes = plt.subplots(2, 2, figsize=(10, 7.3), layout="constrained")
for axes, fit in zip(panes.flat, fits, strict=False):
    axes.imshow(np.moveaxis(fit.render(), 0, -1).clip(0, 1))
    axes.set_title(f"{fit.picture.n:,} Gaussians, {fit.psnr:.1f} dB")
panes[1, 1].imshow(np.moveaxis(photograph, 0, -1))
panes[1, 1].set_title("the photograph")
for axes in panes.flat:
    axes.set_axis_off()

# %%
# Gaussians have no pixels, so a fit can be drawn at any size. Here is one corner of the roof, eight times as large: the
# pixels of the photograph, what ten thousand Gaussians draw there, and these Gaussians, at one standard deviation.

left, top, width, height = 98, 68, 96, 72
large = fits[2].render(scale=8)[:, 8 * top : 8 * (top + height), 8 * left : 8 * (left + width)]
corner = photograph[:, top : top + height, left : left + width] / 255
figure, panes = plt.subplots(1, 3, figsize=(12, 3.3), layout="constrained")
panes[0].imshow(np.moveaxis(corner, 0, -1))
panes[1].imshow(np.moveaxis(large, 0, -1).clip(0, 1))
gaussians = fits[2].gaussians
inside = (abs(gaussians.means - [left + width / 2, top + height / 2]) < [width / 2, height / 2]).all(1)
factors = gaussians.cholesky[inside]
plot.overlay(panes[2], corner, gaussians.means[inside] - [left, top], cholesky=factors, stddevs=1)
for axes, title in zip(panes, ("pixels", "Gaussians, drawn 8 times as large", f"{inside.sum()} ellipses"), strict=True):
    axes.set_title(title)
    axes.set_axis_off()

plt.show()
