"""What a family has tried and what failed, and how a process tells it to the one that counts."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

MOST_TOLD = 10  # failures of a family that are told; more seldom say more


class Failure(NamedTuple):
    """The number of an attempt and what was wrong with it."""

    attempt: int
    words: str


@dataclass
class Tally:
    """Of one family, over all processes."""

    tries: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def add(self, message: tuple[str, Any]) -> None:
        """Count what a process tells."""
        kind, value = message
        if kind == "tries":
            self.tries += value
        elif kind == "failure":
            self.failures.append(value)
