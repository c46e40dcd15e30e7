"""
A histogram with a gradient
===========================

`gaussgrad.histogram` counts samples that are Gaussians, so its counts change smoothly with the samples. A loss on a
histogram can then train whatever made the samples: here the tone curve of a photograph.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_sample_images

import gaussgrad

BINS = 64
china, flower = (torch.tensor(picture).float() / 255 for picture in load_sample_images().images)  # (h, w, 3)


def tones(image):
    """The share of the pixels at each tone (3, BINS), for red, green and blue."""
    values = image.reshape(-1, 3).T
    return gaussgrad.histogram(values, BINS, (0, 1), stddev=0.5 / BINS, edge="keep") / values.shape[1]


def through_curve(image, steps):
    """The image after a rising curve for each colour, with as many knots as steps (16, 3)."""
    knots = torch.nn.functional.pad(torch.softmax(steps, 0).cumsum(0), (0, 0, 1, 0))
    place = image * len(steps)
    left = place.long().clamp(max=len(steps) - 1)
    colour = torch.arange(3)
    return torch.lerp(knots[left, colour], knots[left + 1, colour], place - left)


# %%
# The loss compares cumulative sums, so it says by how much tones must change. We train on every eighth pixel.

small, wanted = china[::8, ::8], tones(flower[::8, ::8]).cumsum(-1)
steps = torch.zeros(16, 3, requires_grad=True)
optimizer = torch.optim.Adam([steps], lr=0.2)
for step in range(100):
    loss = (tones(through_curve(small, steps)).cumsum(-1) - wanted).abs().mean()
    if step in (0, 99):
        print(f"step {step}: tones are apart by {loss:.3f} of the range")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# The pavilion takes the light of the flower: three curves changed it, no pixel was painted. Below each photograph is
# the histogram of its red (solid), green (dashed) and blue (dotted).

LINES = (("#d55e00", "-"), ("#009e73", "--"), ("#0072b2", ":"))

figure, (top, bottom) = plt.subplots(2, 3, figsize=(13, 5), layout="constrained", height_ratios=[3, 1])
with torch.no_grad():
    toned = through_curve(china, steps)
pictures = {"a photograph": china, "with the tones of the flower": toned, "the flower": flower}
for (title, image), above, below in zip(pictures.items(), top, bottom, strict=True):
    above.imshow(image.clip(0, 1).numpy())
    above.set_title(title)
    above.set_axis_off()
    middles = (np.arange(BINS) + 0.5) / BINS
    for counts, (colour, style) in zip(tones(image[::4, ::4]).numpy(), LINES, strict=True):
        below.plot(middles, counts, style, color=colour, linewidth=2)
    below.set(xlim=(0, 1), ylim=(0, 0.12), yticks=[], xlabel="from black to white")
    below.spines[["top", "left", "right"]].set_visible(False)

plt.show()
