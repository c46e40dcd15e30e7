"""Bins and range, as a user gives them, and the edges that they stand for."""

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gaussgrad import checks

MOST_AXES = 3
NUMBER = "an integer of at least 1, or a list of rising edges"
PAIR = "(low, high), finite and low < high"


class Axes(NamedTuple):
    """The bins of each axis: how many, and the edges that define them, one axis after the other."""

    bins: tuple[int, ...]
    given: tuple[int, ...]  # how many of `edges` belong to each axis: the two ends of even bins, or all edges
    edges: tuple[float, ...]


def axes_of(bins: Any, limits: Any) -> tuple[Axes, bool]:
    """The axes, and whether samples have an axis of coordinates: where `range`, or else the edges, hold one per axis.

    As in `numpy.histogramdd`, but for a single axis, which `numpy.histogram` has without brackets.
    """
    per_axis = _holds_lists(bins) if limits is None else _holds_pairs(limits)
    if not per_axis:
        return _joined([_axis("bins", bins, "range", limits)]), False
    pairs = [None] * len(bins) if limits is None else list(limits)
    entries = list(bins) if _is_list(bins) else [bins] * len(pairs)
    if len(entries) != len(pairs):
        got, cure = f"{len(entries)} beside {len(pairs)} of range", "Edges without a range stand beside None in it."
        raise ValueError(checks.complain("bins", "one for each axis of range", got, cure))
    if not 1 <= len(pairs) <= MOST_AXES:
        raise ValueError(checks.complain("bins", "of one to three axes", f"{len(pairs)}"))
    return _joined([_axis(f"bins[{i}]", entries[i], f"range[{i}]", pairs[i]) for i in range(len(pairs))]), True


def axes_of_both(bins: Any, limits: Any) -> tuple[Any, Any]:
    """Bins and range of two axes, where one may be given for both."""
    if limits is None:
        return (bins if _holds_lists(bins) else [bins, bins]), None
    if not _holds_pairs(limits):
        return bins, [limits, limits]
    if len(limits) != 2:
        raise ValueError(checks.complain("range", "one pair, or one for a and one for b", f"{len(limits)} of them"))
    return bins, limits


def edges_of(bins: Sequence[int], given: Sequence[int], edges: Sequence[float]) -> tuple[np.ndarray, ...]:
    """All edges of each axis, in float64; those of even bins are NumPy's."""
    result, start = [], 0
    for number, count in zip(bins, given, strict=True):
        own = edges[start : start + count]
        result.append(np.linspace(own[0], own[1], number + 1) if count == 2 else np.array(own))
        start += count
    return tuple(result)


def widths_of(axes: Axes) -> list[list[float]]:
    """The width of each bin of each axis."""
    result, start = [], 0
    for number, count in zip(axes.bins, axes.given, strict=True):
        own = axes.edges[start : start + count]
        differences = [high - low for low, high in itertools.pairwise(own)]
        result.append([differences[0] / number] * number if count == 2 else differences)
        start += count
    return result


def _joined(axes: list[tuple[int, tuple[float, ...]]]) -> Axes:
    return Axes(
        tuple(number for number, _ in axes),
        tuple(len(edges) for _, edges in axes),
        tuple(edge for _, edges in axes for edge in edges),
    )


def _axis(argument: str, bins: Any, limits_argument: str, limits: Any) -> tuple[int, tuple[float, ...]]:
    """The number of bins of an axis, and its ends or all of its edges."""
    if _is_list(bins):
        if limits is not None:
            cure = "Edges hold their range."
            raise ValueError(checks.complain(limits_argument, f"None, as {argument} are edges", repr(limits), cure))
        edges = _rising(argument, bins)
        return len(edges) - 1, edges
    try:
        number = operator.index(bins)
    except TypeError:
        raise TypeError(checks.complain(argument, NUMBER, repr(bins))) from None
    if number < 1:
        raise ValueError(checks.complain(argument, NUMBER, repr(bins)))
    return number, _ends(limits_argument, limits)


def _ends(argument: str, limits: Any) -> tuple[float, float]:
    if limits is None:
        cure = "NumPy's default is (min, max) of the samples."
        raise ValueError(checks.complain(argument, f"{PAIR}, beside a number of bins", "None", cure))
    ends = _numbers(argument, PAIR, limits)
    if len(ends) != 2 or not -math.inf < ends[0] < ends[1] < math.inf:
        raise ValueError(checks.complain(argument, PAIR, repr(limits)))
    return ends[0], ends[1]


def _rising(argument: str, edges: Any) -> tuple[float, ...]:
    wanted = "rising edges, finite and two or more"
    numbers = _numbers(argument, wanted, edges)
    if len(numbers) < 2:
        raise ValueError(checks.complain(argument, wanted, repr(list(numbers))))
    for place, (low, high) in enumerate(itertools.pairwise(numbers), start=1):
        if not -math.inf < low < high < math.inf:
            cure = 'edge="keep" opens the outermost bins.' if math.inf in (-low, high) else ""
            raise ValueError(checks.complain(argument, wanted, f"{high!r} after {low!r} at place {place}", cure))
    return numbers


def _numbers(argument: str, wanted: str, values: Any) -> tuple[float, ...]:
    """The numbers of a list or array, which are constants."""
    try:
        return tuple(float(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values))
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(checks.complain(argument, wanted, repr(values))) from None


def _is_list(value: Any) -> bool:
    return (isinstance(value, Sequence) and not isinstance(value, str)) or getattr(value, "ndim", 0) > 0


def _holds_lists(bins: Any) -> bool:
    return _is_list(bins) and len(bins) > 0 and _is_list(bins[0])


def _holds_pairs(limits: Any) -> bool:
    return _is_list(limits) and len(limits) > 0 and any(entry is None or _is_list(entry) for entry in limits)
