"""What every operation must give, by textbook formulas in float64 that share no code with the references or kernels."""

from typing import NamedTuple

import numpy as np


class Known(NamedTuple):
    """A result, and how far rounding may move it: so many eps of the dtype times the scale, and the floor beside."""

    value: np.ndarray
    scale: np.ndarray
    floor: np.ndarray | float = 0.0
