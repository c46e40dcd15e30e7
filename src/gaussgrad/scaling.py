"""Which numbers of images are black and white, 0 and 1 for a model: as given, by percentiles, or by their type."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.files.images import FULL_SCALE, unit_or_numbers

BLACK = "0.1%"  # of the training pixels, where nothing is said: dead pixels stay below
WHITE = "99.99%"  # spots are bright and rare: a lower one is soon a number of the dark, and the highest a hot pixel's
FARTHEST = 1e12  # times the way from black to white: squares of errors, and their sum, still fit float32
_UINT16_BEFORE = 65535.0  # white of 16 bits in runs and models that were written before they kept black and white


@dataclass(frozen=True)
class Scale:
    """Two numbers of images, and the way from these numbers to [0, 1] and back; nothing is cut off.

    Parameters
    ----------
    black, white : float
        Finite, black below white.

    Raises
    ------
    ValueError
        For numbers that are not finite, or not in this order.

    Examples
    --------
    >>> import numpy
    >>> scale = Scale(black=100, white=300)
    >>> scale.to_unit(numpy.array([100, 200, 400], dtype="uint16")).tolist()
    [0.0, 0.5, 1.5]
    >>> scale.to_numbers(numpy.array([0.0, 0.5])).tolist()
    [100.0, 200.0]
    """

    black: float
    white: float

    def __post_init__(self) -> None:
        for name in ("black", "white"):
            number = checks.number(name, getattr(self, name), "a finite number", -sys.float_info.max)
            object.__setattr__(self, name, number)
        if not self.black < self.white:
            wanted = f"below white {self.white:.10g}"
            raise ValueError(checks.complain("black", wanted, f"{self.black:.10g}", "Give other levels."))

    @property
    def range(self) -> float:
        """White less black: what a step of 1 is in the numbers of the images."""
        return self.white - self.black

    def to_unit(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (...) of any real dtype as float32: black is 0, white is 1.

        Raises
        ------
        ValueError
            For a number so far from black that the square of an error would not fit float32.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            unit = numbers.astype(np.result_type(numbers.dtype, np.float32))  # float64 where float32 would lose digits
            unit -= self.black
            unit /= self.range
            unit = np.ascontiguousarray(unit, dtype=np.float32)
        if not np.abs(unit).max(initial=0.0) <= FARTHEST:
            got = f"numbers from {numbers.min():.4g} to {numbers.max():.4g}"
            wanted = f"within {FARTHEST:.0e} times the way from black {self.black:.4g} to white {self.white:.4g}"
            raise ValueError(checks.complain("the images", wanted, got, "Remove files that are not images."))
        return unit

    def to_numbers(self, unit: Any) -> Any:
        """Numbers of what is 0 for black and 1 for white, in the dtype that it has."""
        return self.black + self.range * unit


def scale_of(black: float | None, white: float | None) -> Scale | None:
    """The scale of two numbers, or None for neither."""
    if (black is None) != (white is None):
        missing, other = ("black", "white") if black is None else ("white", "black")
        raise ValueError(checks.complain(missing, f"a number where {other} is one", "None"))
    return None if black is None or white is None else Scale(black, white)


def check_level(name: str, level: str | None) -> None:
    """Refuse a level that is neither a number nor a percentile; None is for the default.

    Examples
    --------
    >>> check_level("--black", "0.1%")
    """
    if level is not None:
        _parse(name, level)


def levels(numbers: np.ndarray, black: str | None = None, white: str | None = None) -> tuple[str, str] | None:
    """The levels of images to train on, those left out filled in; None where nothing is said, nor need be.

    Parameters
    ----------
    numbers : array (N, ...)
        Of any real dtype, finite.
    black, white : str, optional
        A number, or a percentile as "0.1%". Where one is left out, it is 0 or the full scale for 8 bits and for floats
        in [0, 1], else the percentile 0.1 % or 99.99 %.

    Examples
    --------
    >>> import numpy
    >>> levels(numpy.array([120, 989], dtype="uint16"), white="900")
    ('0.1%', '900')
    >>> levels(numpy.array([0, 255], dtype="uint8")) is None
    True
    """
    full = _full_scale(numbers)
    if full is not None and black is None and white is None:
        return None
    defaults = (BLACK, WHITE) if full is None else ("0", f"{full:g}")
    return black or defaults[0], white or defaults[1]


def choose(training: np.ndarray, black: str = BLACK, white: str = WHITE) -> Scale:
    """The scale of images to train on, by two levels: numbers, or percentiles of the images as "0.1%".

    Parameters
    ----------
    training : array (N, ...)
        The images whose percentiles count, of any real dtype, finite.
    black, white : str
        See `levels`.

    Raises
    ------
    ValueError
        For levels that cannot be read, or where black is not below white.

    Examples
    --------
    >>> import numpy
    >>> choose(numpy.arange(100, 900, dtype="uint16"), "0%", "800")
    Scale(black=100.0, white=800.0)
    """
    low, high = _value("--black", black, training), _value("--white", white, training)
    if not low < high:
        cure = "Give numbers with --black and --white."
        raise ValueError(checks.complain("--black", f"below white, which is {high:.10g}", f"{low:.10g}", cure))
    return Scale(low, high)


def as_kept(scale: Scale | None, numbers: np.ndarray) -> Scale | None:
    """The scale that was kept with a run or a model; without one, integers of 16 bits are read as they were before."""
    return Scale(0.0, _UINT16_BEFORE) if scale is None and numbers.dtype == np.uint16 else scale


def refuse_unscaled(name: str, numbers: np.ndarray) -> None:
    """Refuse numbers of which neither a model nor their type says what white is."""
    if numbers.dtype != np.uint16 and _full_scale(numbers) is None:
        wanted = "of 8 bits, or floats in [0, 1], as the model was trained on"
        got = f"{numbers.dtype} from {numbers.min():.6g} to {numbers.max():.6g}"
        raise ValueError(checks.complain(name, wanted, got, "Divide by the value of white."))


def to_unit(numbers: np.ndarray, scale: Scale | None) -> np.ndarray:
    """float32 by the scale; without one 8 bits by 255, and other numbers as they come."""
    return unit_or_numbers(numbers) if scale is None else scale.to_unit(numbers)


def describe(scale: Scale, *reasons: str) -> str:
    """Which numbers are black and white, and why, without a full stop."""
    black, white = (f" ({reason})" for reason in reasons) if reasons else ("", "")
    return f"Black is {scale.black:.10g}{black}, white is {scale.white:.10g}{white}"


def _full_scale(numbers: np.ndarray) -> float | None:
    """What white is by the numbers themselves: of 8 bits, or floats in [0, 1]."""
    if numbers.dtype.name in FULL_SCALE:
        return FULL_SCALE[numbers.dtype.name]
    in_unit = numbers.dtype.kind == "f" and numbers.min() >= 0 and numbers.max() <= 1
    return 1.0 if in_unit else None


def _parse(name: str, level: str) -> tuple[float, bool]:
    """The number, and whether it is a percentile."""
    text = level.strip()
    percent = text.endswith("%")
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = np.nan
    wanted = "a number of the images, or a percentile of them from 0% to 100%, as 0.1%"
    if not np.isfinite(number) or (percent and not 0 <= number <= 100):
        raise ValueError(checks.complain(name, wanted, level))
    return number, percent


def _value(name: str, level: str, numbers: np.ndarray) -> float:
    """A number, or the smallest number of the images that so many percent do not exceed: counts stay counts."""
    number, percent = _parse(name, level)
    return float(np.percentile(numbers, number, method="inverted_cdf")) if percent else number
