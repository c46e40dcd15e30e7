"""How figures are written: three digits, times in a unit that suits them, Markdown tables."""

from collections.abc import Iterable, Sequence

from benchmarks.speed.spread import Spread


def number(value: float) -> str:
    """Three digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def duration(seconds: Spread | None) -> str:
    """The median."""
    if seconds is None:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if seconds.median * scale >= 1:
            return f"{number(seconds.median * scale)} {unit}"
    return f"{number(seconds.median * 1e6)} µs"


def quartiles(values: Spread) -> str:
    return f"{number(values.lower)} to {number(values.upper)}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
