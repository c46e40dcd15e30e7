"""
Spots, and how sure each place is
=================================

A camera counts photons, so it never sees a spot twice in the same way. `gaussgrad.spots.find` says where each spot is,
and how far off that may be.
"""

import matplotlib.pyplot as plt
import numpy as np

from gaussgrad import plot
from gaussgrad.simulation import Camera, Scene
from gaussgrad.spots import compare, find

camera = Camera(gain=2.0, offset=100.0, read_noise=2.0)
scene = Scene(size=(48, 64), density=0.008, photons=(150, 3000), stddev=1.3, background=4.0, camera=camera)
simulated = scene.simulate(1, seed=4)
found = find(simulated.frames)  # the frame itself tells its gain, its offset and the width of its spots

# %%
# The simulation knows the truth, so we can score the answer.

score = compare(found.frame, found.means, simulated.frame, simulated.means, tolerance=2.0)
print(f"{len(found.means)} spots found of {len(simulated.means)}; {score.rmse:.2f} pixels off, root mean square")

# %%
# On the left is the frame, with a circle around each spot found. On the right are a faint, a middling and a bright
# spot, in panes two pixels wide. The dot is the true place. The ellipse has a radius of three standard errors, so it
# holds the truth in 99 of 100 cases. It shrinks as the light grows.

figure = plt.figure(figsize=(11, 6.4), layout="constrained")
wide, *close = figure.subplot_mosaic([["frame", "a"], ["frame", "b"], ["frame", "c"]], width_ratios=[3.8, 1]).values()
wide.imshow(simulated.frames[0], cmap="gray", vmax=np.quantile(simulated.frames, 0.995))
wide.scatter(*found.means.T, s=320, facecolors="none", edgecolors="#56b4e9", linewidths=1.6)
wide.set(title="a frame, and the spots found in it", xticks=[], yticks=[])

apart = np.sort(np.linalg.norm(found.means[:, None] - found.means, axis=-1), axis=1)[:, 1]  # to the next spot
inside = (abs(found.means - [31.5, 23.5]) < [28, 20]).all(1)
alone = np.flatnonzero((apart > 5) & inside)
by_light = alone[np.argsort(found.photons[alone])]
errors = np.stack([found.mean_stddevs[:, 0] ** 2, 0 * found.photons, found.mean_stddevs[:, 1] ** 2], axis=1)
for axes, spot in zip(close, by_light[[0, len(by_light) // 2, -1]], strict=True):
    x, y = found.means[spot]
    column, row = round(x), round(y)
    pixels = simulated.frames[0, row - 1 : row + 2, column - 1 : column + 2]
    axes.imshow(
        pixels, cmap="gray", vmin=0, vmax=2 * pixels.max(), extent=(column - 1.5, column + 1.5, row + 1.5, row - 1.5)
    )
    plot.ellipses(axes, found.means[[spot]], errors[[spot]], stddevs=3, colour="#56b4e9")
    axes.plot(*simulated.means.T, "o", color="#ff6a3d", markersize=4, markeredgecolor="black", markeredgewidth=0.5)
    axes.set(xlim=(x - 1, x + 1), ylim=(y + 1, y - 1), xticks=[], yticks=[])
    axes.set_title(f"{found.photons[spot]:,.0f} photons, ± {found.mean_stddevs[spot].mean():.2f} px", size=10)

plt.show()
