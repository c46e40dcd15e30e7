"""The digits that trainings are compared on: the last of a file to test with, the others to train on."""

from pathlib import Path

import numpy as np

from gaussgrad import data

TEST_IMAGES = 2000  # `gaussgrad train` holds out a share of the others to choose by


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 1, h, w) in [0, 1] to train on, and those to test with."""
    pixels = data.load(path).pixels
    return pixels[:-TEST_IMAGES], pixels[-TEST_IMAGES:]


def write(training: np.ndarray, folder: Path) -> Path:
    """A file of them that `gaussgrad train` reads, in a new folder for its runs."""
    folder.mkdir(parents=True)
    file = folder / "training.npy"
    np.save(file, np.rint(255 * training[:, 0]).astype(np.uint8))
    return file
