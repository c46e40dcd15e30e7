"""What a run finds: a figure with its spread, the bar it is held to, and the verdict."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.speed.spread import Spread

AGREEMENT = 0.1  # cutting at 3 sigma in one way or another changes some hundredths; a wrong gradient, half or all of it


@dataclass(frozen=True)
class Bar:
    """What must be reached: "at most" or "at least" a limit."""

    sense: str
    limit: float

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.sense == "at most" else value >= self.limit


@dataclass(frozen=True)
class Figure:
    """One line of the report. `value` is in `unit`; without a value, `reason` says why there is none."""

    name: str
    scene: str
    measured: str
    value: Spread | None
    unit: str
    peer: str = ""
    bar: Bar | None = None
    ours_seconds: Spread | None = None
    peer_seconds: Spread | None = None
    difference: float | None = None  # of the results, relative
    reason: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if self.difference is not None and not self.difference <= AGREEMENT:
            return "not comparable"
        if self.bar is None:
            return ""
        return "reached" if self.bar.holds(self.value.median) else "not reached"


def relative_difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """How far the results that both name are apart: root mean square, relative to that of ours; the largest of them."""
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        raise ValueError(f"ours has {sorted(ours)} and the peer {sorted(theirs)}: there is nothing to compare")
    worst = []
    for name in common:
        mine, other = np.asarray(ours[name], np.float64), np.asarray(theirs[name], np.float64)
        if mine.shape != other.shape:
            raise ValueError(f"{name} has shape {mine.shape}, the peer's {other.shape}")
        worst.append(np.linalg.norm(mine - other) / np.linalg.norm(mine))
    return float(np.max(worst))
