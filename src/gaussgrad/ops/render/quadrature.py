"""Orders, nodes and shares of the Gauss-Legendre quadrature over a pixel (docs/maths.md, equations 46 to 48)."""

import math

import numpy as np

ORDERS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
ERROR = 1e-8  # of one pixel, relative to the Gaussian's peak, that an order may leave


def _narrowest(order: int) -> float:
    """The standard deviation from which on `order` nodes leave at most ERROR (equation 48)."""
    half, whole = math.factorial(order), math.factorial(2 * order)
    constant = half**3 / ((2 * order + 1) * whole**2 * 2**order)
    return (constant / ERROR) ** (1 / (2 * order))


NARROWEST = np.array([_narrowest(order) for order in ORDERS])
COUNTS = np.array((1, *ORDERS))  # row 0 is a single node at the centre, for axes that do not exist
PLACES, SHARES = np.zeros((len(COUNTS), max(ORDERS))), np.zeros((len(COUNTS), max(ORDERS)))
for _row, _order in enumerate(COUNTS):
    _nodes, _weights = np.polynomial.legendre.leggauss(_order)
    PLACES[_row, :_order], SHARES[_row, :_order] = _nodes / 2, _weights / 2
