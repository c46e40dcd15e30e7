"""Morton numbers: places on a grid in an order that keeps neighbours together."""

import numpy as np

SIDE = 2**32  # places along an axis: a number has 64 bits
_SHIFTS = (16, 8, 4, 2, 1)
_MASKS = (
    0xFFFFFFFF,
    0x0000FFFF0000FFFF,
    0x00FF00FF00FF00FF,
    0x0F0F0F0F0F0F0F0F,
    0x3333333333333333,
    0x5555555555555555,
)


def numbers(places: np.ndarray) -> np.ndarray:
    """The numbers (n,) of places (n, 2) from 0 to 2^32 - 1: bit 2k is bit k of x, bit 2k + 1 that of y.

    Examples
    --------
    >>> numbers(np.array([[0, 0], [1, 0], [0, 1], [3, 3]])).tolist()
    [0, 1, 2, 15]
    """
    return _spread(places[:, 0]) | (_spread(places[:, 1]) << np.uint64(1))


def places(numbers: np.ndarray) -> np.ndarray:
    """The places (n, 2) of numbers (n,)."""
    axes = _gather(numbers), _gather(numbers >> np.uint64(1))
    return np.stack(axes, axis=-1).astype(np.int64)


def _spread(coordinates: np.ndarray) -> np.ndarray:
    """The bits of numbers below 2^32, a 0 between each two."""
    bits = coordinates.astype(np.uint64)
    for shift, mask in zip(_SHIFTS, _MASKS[1:], strict=True):
        bits = (bits | bits << np.uint64(shift)) & np.uint64(mask)
    return bits


def _gather(bits: np.ndarray) -> np.ndarray:
    """Every second bit, the inverse of `_spread`."""
    bits = bits & np.uint64(_MASKS[-1])
    for shift, mask in zip(_SHIFTS[::-1], _MASKS[-2::-1], strict=True):
        bits = (bits | bits >> np.uint64(shift)) & np.uint64(mask)
    return bits
