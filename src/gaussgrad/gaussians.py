"""The record that every storey passes on: Gaussians, in pixels."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Gaussians:
    """What an image is encoded to, in pixels (docs/conventions.md)."""

    means: Any  # (b, n, 2): x, y
    covariances: Any  # (b, n, 3): xx, xy, yy
    weights: Any  # (b, n), or (b, n, c) for colours: the value at the mean; 0 where a Gaussian is absent
    presence: Any = None  # (b, n): the probability to be there, where their number varies
