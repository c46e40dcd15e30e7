"""`python -m benchmarks speed --device cuda`: one table, in one run."""

from collections.abc import Sequence

import torch

from benchmarks import pages
from benchmarks.environments import first_line
from benchmarks.speed.device import bounds, clock
from benchmarks.speed.device.lines import Line, lines
from benchmarks.speed.spread import Spread
from benchmarks.speed.tables import duration, number, table
from gaussgrad import launching

PAGE = pages.DOCS / "frameworks.md"
CLOSE = 1e-3  # of the largest number: two float32 programs
HEADINGS = (
    "forward and backward",
    "a call",
    "replayed as a graph",
    "share of the bound",
    "others, and how often ours fits",
)


def missing() -> str | None:
    """Why nothing can be measured here, or None."""
    if not torch.cuda.is_available():
        return "torch finds no GPU of NVIDIA here"
    return launching.missing_for("cuda")


def report_on(device: str, seconds: float, into_docs: bool, chosen: Sequence[Line] | None = None) -> None:
    """Measure and print the table, and write it into docs/frameworks.md where asked for."""
    place = torch.device(device)
    limits = bounds.measure(place, seconds)
    rows = [row(line, place, limits, seconds) for line in (lines() if chosen is None else chosen)]
    rates = (
        f"{limits.bytes_per_second / 1e12:.2f} TB copied and {limits.fused_per_second / 1e12:.1f} × 10¹² float32 "
        "multiply-adds a second, both measured"
    )
    text = f"{bounds.describe(place)}; {rates}.\n\n{table(HEADINGS, rows)}"
    print(f"\n{text}")
    if into_docs:
        pages.write(PAGE, "device", text)


def row(line: Line, device: torch.device, limits: bounds.Bounds, seconds: float) -> list[str]:
    """A line of the table; others that cannot run say why."""
    step = line.ours(device)
    called = Spread.of(clock.times(step, device, seconds))
    fastest, graph = called, ""
    if device.type == "cuda":
        fastest = Spread.of(clock.times(clock.replayed(step, device), device, seconds))
        graph = duration(fastest)
    others = [f"{name}: {beside(step, make, device, fastest, seconds)}" for name, make in line.others.items()]
    share = limits.seconds(line.moved, line.fused) / fastest.median
    return [line.name, duration(called), graph, f"{100 * share:.0f} %", "; ".join(others)]


def beside(step: clock.Step, make, device: torch.device, ours: Spread, seconds: float) -> str:
    """The time of another, and how often ours fits in it; why not, where it cannot run or gives something else."""
    try:
        other = make(device)
        check(step(), other())
        theirs = Spread.of(clock.times(other, device, seconds))
    except Exception as error:  # whatever stops another is the reason to report
        return f"not measured ({first_line(f'{type(error).__name__}: {error}')})"
    return f"{duration(theirs)}, {number(theirs.median / ours.median)}×"


def check(ours: tuple[torch.Tensor, ...], theirs: tuple[torch.Tensor, ...]) -> None:
    """Raise where two forms give something else, relative to the largest number."""
    for first, second in zip(ours, theirs, strict=True):
        scale = first.abs().max()
        torch.testing.assert_close(second / scale, first / scale, rtol=CLOSE, atol=CLOSE)
