"""Gaussians as few bytes: rounded to uniform steps, in Morton order, compressed plane by plane.

docs/pictures.md tells the layout for readers of their own.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gaussgrad import checks
from gaussgrad.files import morton
from gaussgrad.files.streams import compress, decompress, fold, unfold

SMALL_PLANES, POSITION_PLANES = 4, 8  # bytes of a code: 32 and 64 bits
_FARTHEST = morton.SIDE // 2  # steps between the outermost means along an axis


class Steps(NamedTuple):
    """What Gaussians are rounded to; half a step is the largest error.

    Examples
    --------
    >>> Steps().scaled(0.5).position
    0.03125
    """

    position: float = 1 / 16  # pixels, of both coordinates of a mean
    width: float = 1 / 32  # of the logarithms of the factor's diagonal entries, and of yx / yy
    weight: float = 1 / 64  # of values at the mean times sqrt(xx yy) in pixels, white less black being 1

    def scaled(self, factor: float) -> "Steps":
        """All steps times a factor."""
        return Steps(*(factor * step for step in self))

    def shortened(self) -> "Steps":
        """The steps with three digits, as a file may tell them in few bytes."""
        return Steps(*(float(f"{step:.3g}") for step in self))

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


class Codes(NamedTuple):
    """Gaussians as whole numbers of steps."""

    places: np.ndarray  # (n, 2)
    widths: np.ndarray  # (3, n)
    weights: np.ndarray  # (c, n)


def rounded(gaussians: Unpacked, steps: Steps) -> Unpacked:
    """The Gaussians rounded to steps, in the order they have.

    Raises
    ------
    ValueError
        For numbers that are too many steps away from 0.

    Examples
    --------
    >>> one = Unpacked(np.array([[2.02, 5.0]]), np.array([[2.0, 0.0, 1.0]]), np.array([[0.5]]))
    >>> rounded(one, Steps()).means.tolist()
    [[2.0, 5.0]]
    """
    return _decoded(_codes(gaussians, steps), steps)


def pack(gaussians: Unpacked, steps: Steps) -> Packed:
    """The Gaussians rounded to steps, as bytes.

    Raises
    ------
    ValueError
        For numbers that are too many steps apart or away from 0.
    """
    codes = _codes(gaussians, steps)
    origin = codes.places.min(axis=0) if len(codes.places) else np.zeros(2, np.int64)
    places = codes.places - origin
    if places.size and places.max() >= _FARTHEST:
        wanted = f"less than 2^31 steps of {steps.position:g} px apart"
        raise ValueError(checks.complain("means", wanted, f"{places.max()} steps", "Save it without compact."))
    numbers = morton.numbers(places)
    order = np.argsort(numbers, kind="stable")
    changes = np.diff(codes.weights[:, order], axis=0, prepend=0)
    tensors = {
        "means": compress([np.diff(numbers[order], prepend=np.uint64(0))], POSITION_PLANES),
        "cholesky": compress(map(fold, codes.widths[:, order]), SMALL_PLANES),
        "weights": compress(map(fold, changes), SMALL_PLANES),
    }
    return Packed(tensors, (int(origin[0]), int(origin[1])))


def unpack(
    tensors: Mapping[str, np.ndarray], n: int, channels: int, steps: Steps, origin: Sequence[int], version: int = 2
) -> Unpacked:
    """The Gaussians of `pack`, in Morton order; of files of version 1 too.

    Raises
    ------
    ValueError
        For bytes that are no such Gaussians.
    """
    coding = "zlib" if version == 1 else "lzma"
    (differences,) = decompress("means", tensors["means"], 1, n, POSITION_PLANES, coding)
    widths = decompress("cholesky", tensors["cholesky"], 3, n, SMALL_PLANES, coding)
    changes = decompress("weights", tensors["weights"], channels, n, SMALL_PLANES, coding)
    codes = Codes(
        morton.places(np.cumsum(differences, dtype=np.uint64)) + np.asarray(origin, dtype=np.int64),
        np.stack([unfold(field) for field in widths]),
        np.cumsum(np.stack([unfold(field) for field in changes]), axis=0),
    )
    return _decoded(codes, steps, version)


def _codes(gaussians: Unpacked, steps: Steps) -> Codes:
    """What comes next makes up for the rounding of what came before: yx for that of xx and yy, values for both."""
    xx, yx, yy = gaussians.cholesky.T
    along, across = _rounded("cholesky", np.log([xx, yy]) / steps.width, 2.0**30)
    wide, high = np.exp(steps.width * along), np.exp(steps.width * across)
    shear = _rounded("cholesky", yx / xx * wide / high / steps.width, 2.0**30)
    sizes = np.sqrt(wide * high)
    return Codes(
        _rounded("means", gaussians.means / steps.position, 2.0**52),
        np.stack([along, shear, across]),
        _rounded("weights", gaussians.values.T * sizes / steps.weight, 2.0**30),
    )


def _decoded(codes: Codes, steps: Steps, version: int = 2) -> Unpacked:
    along, shear, across = steps.width * codes.widths
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what overflows is refused as not finite
        xx, yy = np.exp(along), np.exp(across)
        sizes = 1.0 if version == 1 else np.sqrt(xx * yy)
        values = steps.weight * codes.weights / sizes
        return Unpacked(steps.position * codes.places, np.stack([xx, shear * yy, yy], axis=-1), values.T)


def _rounded(name: str, steps: np.ndarray, most: float) -> np.ndarray:
    """Numbers counted in steps, rounded."""
    if steps.size and not np.abs(steps).max() < most:
        wanted = f"less than 2^{math.log2(most):.0f} steps away from 0"
        got = f"{np.abs(steps).max():.3g} steps"
        raise ValueError(checks.complain(name, wanted, got, "Save it without compact."))
    return np.round(steps).astype(np.int64)
