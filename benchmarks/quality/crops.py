"""Crops of photographs, to fit and refine: squares at every so many pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gaussgrad.files.images import read_image, unit_or_numbers

SIZE, STRIDE = 64, 32  # pixels


def load(paths: Sequence[Path], size: int = SIZE, stride: int = STRIDE) -> np.ndarray:
    """Pixels (N, c, size, size) in [0, 1], of one photograph after the other."""
    return np.concatenate([cut(unit_or_numbers(read_image(path)), size, stride) for path in paths])


def cut(image: np.ndarray, size: int, stride: int) -> np.ndarray:
    """The crops (N, c, size, size) of an image (c, h, w), row by row."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.ascontiguousarray(np.moveaxis(windows, 0, 2).reshape(-1, len(image), size, size))
