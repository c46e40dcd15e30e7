"""Images small enough to train on within a test: one soft spot each, at random places."""

import numpy as np


def spots(count=40, size=(10, 12), channels=1, seed=0):
    """(count, channels, h, w), float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    places = rng.uniform(1, (width - 2, height - 2), (count, 2))
    drawn = np.exp(-((x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2) / 4)
    colours = rng.uniform(0.3, 1, (count, channels, 1, 1))
    return (drawn[:, None] * colours).astype(np.float32)
