"""Gaussians as few bytes: in Morton order, rounded to uniform steps, differences deflated plane by plane.

docs/pictures.md tells the layout for readers of their own.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gaussgrad import checks

SMALL_PLANES, POSITION_PLANES = 4, 8  # bytes of a code: 32 and 64 bits
_FARTHEST = 2**31  # steps between the outermost means along an axis, so that a Morton number has 64 bits
_SHIFTS = (16, 8, 4, 2, 1)
_MASKS = (
    0xFFFFFFFF,
    0x0000FFFF0000FFFF,
    0x00FF00FF00FF00FF,
    0x0F0F0F0F0F0F0F0F,
    0x3333333333333333,
    0x5555555555555555,
)


class Steps(NamedTuple):
    """What Gaussians are rounded to; half a step is the largest error.

    Examples
    --------
    >>> Steps().scaled(0.5).position
    0.03125
    """

    position: float = 1 / 16  # pixels, of both coordinates of a mean
    width: float = 0.03  # of the logarithms of the factor's diagonal entries, and of yx / yy
    weight: float = 1 / 256  # of values at the mean, white less black being 1

    def scaled(self, factor: float) -> "Steps":
        """All steps times a factor."""
        return Steps(*(factor * step for step in self))

    def checked(self) -> "Steps":
        """The steps as floats, or an error where one is not positive and finite."""
        wanted = "positive and finite"
        return Steps(*(checks.number(f"steps.{name}", step, wanted, 1e-9) for name, step in self._asdict().items()))


class Packed(NamedTuple):
    """Gaussians as bytes, and what is needed to read them."""

    tensors: dict[str, np.ndarray]  # uint8
    origin: tuple[int, int]  # the smallest coordinates, in steps


class Unpacked(NamedTuple):
    """Gaussians as numbers: means (n, 2), factors (n, 3), values at the means (n, c); float64."""

    means: np.ndarray
    cholesky: np.ndarray
    values: np.ndarray


def pack(gaussians: Unpacked, steps: Steps) -> Packed:
    """The Gaussians rounded to steps, as bytes.

    Raises
    ------
    ValueError
        For numbers that are too many steps apart or away from 0.

    Examples
    --------
    >>> one = Unpacked(np.array([[2.02, 5.0]]), np.array([[2.0, 0.0, 1.0]]), np.array([[0.5]]))
    >>> packed = pack(one, Steps())
    >>> unpack(packed.tensors, 1, 1, Steps(), packed.origin).means.tolist()
    [[2.0, 5.0]]
    """
    places = _codes("means", gaussians.means / steps.position, 2.0**52)
    origin = places.min(axis=0) if len(places) else np.zeros(2, np.int64)
    places = places - origin
    if places.size and places.max() >= _FARTHEST:
        wanted = f"less than 2^31 steps of {steps.position:g} px apart"
        raise ValueError(checks.complain("means", wanted, f"{places.max()} steps", "Save it without compact."))
    morton = _spread(places[:, 0]) | (_spread(places[:, 1]) << np.uint64(1))
    order = np.argsort(morton, kind="stable")
    along, shear, across = gaussians.cholesky[order].T
    widths = np.stack([np.log(along), shear / across, np.log(across)])
    values = _codes("weights", gaussians.values[order].T / steps.weight, 2.0**30)
    tensors = {
        "means": _deflate([np.diff(morton[order], prepend=np.uint64(0))], POSITION_PLANES),
        "cholesky": _deflate(map(_fold, _codes("cholesky", widths / steps.width, 2.0**30)), SMALL_PLANES),
        "weights": _deflate(map(_fold, np.diff(values, axis=0, prepend=0)), SMALL_PLANES),
    }
    return Packed(tensors, (int(origin[0]), int(origin[1])))


def unpack(tensors: Mapping[str, np.ndarray], n: int, channels: int, steps: Steps, origin: Sequence[int]) -> Unpacked:
    """The Gaussians of `pack`, in Morton order.

    Raises
    ------
    ValueError
        For bytes that are no such Gaussians.
    """
    (differences,) = _inflate("means", tensors["means"], 1, n, POSITION_PLANES)
    morton = np.cumsum(differences, dtype=np.uint64)
    places = np.stack([_gather(morton), _gather(morton >> np.uint64(1))], axis=-1).astype(np.float64)
    widths = steps.width * np.stack([_unfold(c) for c in _inflate("cholesky", tensors["cholesky"], 3, n, SMALL_PLANES)])
    changes = [_unfold(c) for c in _inflate("weights", tensors["weights"], channels, n, SMALL_PLANES)]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as not finite
        along, across = np.exp(widths[0]), np.exp(widths[2])
        cholesky = np.stack([along, widths[1] * across, across], axis=-1)
    means = steps.position * (places + np.asarray(origin, dtype=np.float64))
    return Unpacked(means, cholesky, steps.weight * np.cumsum(np.stack(changes), axis=0).T)


def _codes(name: str, steps: np.ndarray, most: float) -> np.ndarray:
    """Numbers counted in steps, rounded."""
    if steps.size and np.abs(steps).max() >= most:
        wanted = f"less than 2^{math.log2(most):.0f} steps away from 0"
        got = f"{np.abs(steps).max():.3g} steps"
        raise ValueError(checks.complain(name, wanted, got, "Save it without compact."))
    return np.round(steps).astype(np.int64)


def _fold(codes: np.ndarray) -> np.ndarray:
    """0, -1, 1, -2, ... as 0, 1, 2, 3, ...: small numbers of either sign leave the upper planes empty."""
    return (codes << 1 ^ codes >> 63).astype(np.uint64)


def _unfold(folded: np.ndarray) -> np.ndarray:
    return (folded >> np.uint64(1)).astype(np.int64) ^ -(folded & np.uint64(1)).astype(np.int64)


def _deflate(fields: "map[np.ndarray] | list[np.ndarray]", planes: int) -> np.ndarray:
    """Fields (n,) of uint64, each as so many planes of bytes, the lowest first; deflated."""
    parts = [field.astype("<u8").view(np.uint8).reshape(-1, 8).T[:planes].tobytes() for field in fields]
    return np.frombuffer(zlib.compress(b"".join(parts), 9), dtype=np.uint8)


def _inflate(name: str, tensor: np.ndarray, fields: int, n: int, planes: int) -> list[np.ndarray]:
    """The fields of `_deflate`; never more bytes than they take."""
    length = fields * planes * n
    inflating = zlib.decompressobj()
    try:
        data = inflating.decompress(tensor.tobytes(), length + 1)
    except zlib.error as error:
        raise ValueError(f"{name} cannot be inflated ({error})") from error
    if len(data) != length or not inflating.eof:
        raise ValueError(f"{name} does not inflate to {length} bytes")
    bytes_of = np.frombuffer(data, dtype=np.uint8).reshape(fields, planes, n)
    return [sum(plane.astype(np.uint64) << np.uint64(8 * k) for k, plane in enumerate(field)) for field in bytes_of]


def _spread(numbers: np.ndarray) -> np.ndarray:
    """The bits of numbers below 2^32, a 0 between each two."""
    bits = numbers.astype(np.uint64)
    for shift, mask in zip(_SHIFTS, _MASKS[1:], strict=True):
        bits = (bits | bits << np.uint64(shift)) & np.uint64(mask)
    return bits


def _gather(bits: np.ndarray) -> np.ndarray:
    """Every second bit, the inverse of `_spread`."""
    bits = bits & np.uint64(_MASKS[-1])
    for shift, mask in zip(_SHIFTS[::-1], _MASKS[-2::-1], strict=True):
        bits = (bits | bits >> np.uint64(shift)) & np.uint64(mask)
    return bits
