"""This state of the code beside another: every line in turn, and once more alone where it looks slower."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import first_line
from benchmarks.pages import ROOT
from benchmarks.speed import machine, timing
from benchmarks.speed.against.lines import CALLS, NAMES, PROBES
from benchmarks.speed.against.states import State, copy
from benchmarks.speed.processes import WorkerFailed
from benchmarks.speed.spread import Spread
from benchmarks.speed.tables import duration, number, quartiles, table

SLOWEST = 1.05  # this state's median over the other's
PAIRS = 3  # of fresh processes: where memory happens to lie makes some percent between two of the same code
HEADINGS = ("line", "the other", "this", "ratio of medians", "by round, quartiles", "verdict")


@dataclass(frozen=True)
class Line:
    """One line, measured: seconds with the other state and with this one, in the same rounds."""

    name: str
    other: tuple[float, ...] = ()
    this: tuple[float, ...] = ()
    reason: str = ""  # why it was not measured
    broken: bool = False  # the reason lies with this state
    repeated: bool = False

    @property
    def measured(self) -> bool:
        return not self.reason

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return float(np.median(self.this) / np.median(self.other))

    @property
    def slower(self) -> bool:
        return self.measured and self.ratio > SLOWEST


def report_on(source: Path, names: Sequence[str], seconds: float) -> int:
    """Compare and print; 1 where a line of this state is slower or fails, else 0."""
    print(machine.describe()["processor"], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        states = copy(source, Path(folder) / "other"), copy(ROOT / "src", Path(folder) / "this")
        lines = measure(states, names, seconds)
        lines = [repeat(states, line, seconds) if line.slower else line for line in lines]
    print(table(HEADINGS, map(row, lines)))
    outside = [line.name for line in lines if line.slower or line.broken]
    print(f"\nNot within {SLOWEST:g}: {'; '.join(outside)}." if outside else f"\nAll within {SLOWEST:g}.")
    return 1 if outside else 0


def measure(states: tuple[State, State], names: Sequence[str], seconds: float) -> list[Line]:
    """The lines of these names, in the order in which they are known."""
    found = {name: probed(states, name) for name in PROBES if name in names}
    calls = [name for name in CALLS if name in names]
    for _ in range(PAIRS if calls else 0):
        for line in called(states, calls, seconds / PAIRS):
            found[line.name] = joined(found[line.name], line) if line.name in found else line
    return [found[name] for name in NAMES if name in found]


def joined(first: Line, second: Line) -> Line:
    """The times of both; the reason of the one that has none."""
    if not (first.measured and second.measured):
        return second if first.measured else first
    return replace(first, other=first.other + second.other, this=first.this + second.this)


def repeat(states: tuple[State, State], line: Line, seconds: float) -> Line:
    """The same line, measured again and nothing beside it: that is what counts."""
    print(f"{line.name}: {number(line.ratio)}, once more alone", flush=True)
    (again,) = measure(states, [line.name], seconds)
    return replace(again, repeated=True)


def probed(states: tuple[State, State], name: str) -> Line:
    """A line of fresh processes, after one of each that lets Python compile its files."""
    _, rounds = PROBES[name]
    sides = tuple(state.probe(name) for state in states)
    return _timed(name, sides, lambda side: side.seconds(1), lambda: timing.alternate(sides, (1, 1), rounds))


def called(states: tuple[State, State], names: Sequence[str], seconds: float) -> list[Line]:
    """Lines of one pair of processes."""
    with states[0].worker() as other, states[1].worker() as this:
        sides = (other, this)
        return [
            _timed(name, sides, lambda side, name=name: side.prepare(name), lambda: timing.in_turn(*sides, seconds))
            for name in names
        ]


def _timed(name: str, sides: tuple[Any, Any], prepare: Callable[[Any], object], times: Callable[[], tuple]) -> Line:
    print(f"{name} …", flush=True)
    for side, broken in zip(sides, (False, True), strict=True):
        try:
            prepare(side)
        except WorkerFailed as error:
            return Line(name, reason=first_line(str(error)), broken=broken)
    other, this = times()
    return Line(name, tuple(other), tuple(this))


def row(line: Line) -> tuple[str, ...]:
    """A line as cells under HEADINGS."""
    if not line.measured:
        return (line.name, *[""] * 4, f"not measured with {'this' if line.broken else 'the other'}: {line.reason}")
    other, this, ratios = map(Spread.of, (line.other, line.this, timing.ratios(line.this, line.other)))
    by_round = f"{ratios.median:.3f}, {quartiles(ratios)}"
    verdict = ("slower" if line.slower else "") + (", repeated alone" if line.repeated else "")
    return (line.name, spread(other), spread(this), f"{line.ratio:.3f}", by_round, verdict.strip(", "))


def spread(seconds: Spread) -> str:
    """The median, and half the distance of the quartiles as a share of it."""
    return f"{duration(seconds)} ± {100 * (seconds.upper - seconds.lower) / 2 / seconds.median:.1f} %"
