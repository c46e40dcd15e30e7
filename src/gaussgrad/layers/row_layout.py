"""What a row of numbers means: the string `row` of the layers, and how an input is cut by it. Knows no framework."""

import re
from dataclasses import dataclass
from typing import Any

from gaussgrad.checks import COVARIANCE_ENTRIES, complain

_WEIGHT = re.compile(r"weight(?:\*([1-9]\d*))?")


@dataclass(frozen=True)
class RowLayout:
    """The numbers of one Gaussian or impulse in their order: d coordinates, then its width, then its weights."""

    text: str
    d: int
    widths: tuple[str, ...]  # (), ("variance",) or the names of a packed covariance
    weights: int  # 0 without; otherwise one per channel

    @property
    def length(self) -> int:
        """How many numbers one row holds."""
        return self.d + len(self.widths) + self.weights

    @property
    def channels(self) -> int:
        """How many channels are drawn."""
        return max(1, self.weights)


def parse_row(text: str | None, d: int, *, with_widths: bool) -> RowLayout:
    """The layout that `text` spells for d dimensions; None spells the coordinates alone."""
    coordinates = tuple("xyz"[:d])
    names = coordinates if text is None else _names(text, d, with_widths)
    rest = list(names[d:])
    last = _WEIGHT.fullmatch(rest[-1]) if rest else None
    weights = int(last[1] or 1) if last else 0
    widths = tuple(rest[:-1] if last else rest)
    known = ((), ("variance",), COVARIANCE_ENTRIES[d]) if with_widths else ((),)
    if names[:d] != coordinates or widths not in known:
        raise ValueError(complain("row", _wanted(d, with_widths), repr(text)))
    return RowLayout(" ".join(names), d, widths, weights)


def _names(text: str, d: int, with_widths: bool) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise TypeError(complain("row", _wanted(d, with_widths), repr(text)))
    return tuple(text.split())


def _wanted(d: int, with_widths: bool) -> str:
    base = " ".join("xyz"[:d])
    spellings = [base, f"{base} variance", f"{base} {' '.join(COVARIANCE_ENTRIES[d])}"] if with_widths else [base]
    spelled = ", ".join(f"'{spelling}'" for spelling in spellings)
    return f"one of {spelled} for a size of {d} axes, alone or with ' weight' or, for c channels, ' weight*c'"


def cut_shape(shape: tuple[Any, ...], layout: RowLayout, batched: bool | None) -> tuple[Any, ...]:
    """The shape (b, n, r) of an input, or (n, r) for one without a batch axis; flat ones are cut into rows of r."""
    r = layout.length
    rank = len(shape) + (batched is False)  # as if it had a batch axis
    if rank not in (2, 3):
        cure = "" if batched is False or len(shape) != 1 else "batched=False takes an input without a batch axis."
        raise _misfit(shape, layout, batched, cure)
    if rank == 3 and shape[-1] != r:
        raise _misfit(shape, layout, batched)
    if rank == 3:
        return shape
    if batched is None and shape[-1] == r:
        return shape
    if shape[-1] % r:
        raise _misfit(shape, layout, batched, f"{shape[-1]} is no multiple of {r}.")
    return (*shape[:-1], shape[-1] // r, r)


def _misfit(shape: tuple[Any, ...], layout: RowLayout, batched: bool | None, cure: str = "") -> ValueError:
    axes = "" if batched is False else "b, "
    r = layout.length
    wanted = f"of shape ({axes}n, {r}), or flat ({axes}n * {r}{'' if axes else ','}), for row={layout.text!r}"
    return ValueError(complain("rows", wanted, f"shape {shape}", cure))
