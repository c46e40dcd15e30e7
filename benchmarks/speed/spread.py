"""What a series of times or ratios comes to: its median and its quartiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """The median of some values and their quartiles."""

    median: float
    lower: float
    upper: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        lower, median, upper = (float(value) for value in np.percentile(values, (25, 50, 75)))
        return Spread(median, lower, upper)
