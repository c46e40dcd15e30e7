"""A photograph of two thousand numbers."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def photograph():
    """Smooth and sharp parts in colour (3, 24, 31), in [0, 1]."""
    y, x = np.mgrid[:24, :31] / 31
    image = np.stack((0.2 + 0.6 * x, 0.5 + 0.4 * np.sin(9 * y), 0.3 + 0.3 * x * y))
    image[:, 6:14, 8:20] += 0.3 * ((x + y) % 0.2 > 0.1)[6:14, 8:20]
    return image.clip(0, 1).astype(np.float32)
