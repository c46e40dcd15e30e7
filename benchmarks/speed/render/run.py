"""A run: everything that was asked for, line by line, and its report: table.md, figures.png and results.json."""

import argparse
import contextlib
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import environments, pages
from benchmarks.environments import first_line
from benchmarks.speed import machine
from benchmarks.speed.render import alone, anatomy, beside_peers, partners, plot, report
from benchmarks.speed.render.comparisons import COMPARISONS
from benchmarks.speed.render.figures import Figure
from benchmarks.speed.render.names import ANATOMY, SECONDS
from gaussgrad import parallel

PAGE = pages.DOCS / "performance.md"


@contextlib.contextmanager
def find_partners(options: argparse.Namespace, peers: Sequence[str], threads: int) -> Iterator[partners.Partners]:
    """Where the peers are, after installing those that are not here if that was asked for."""
    if options.install_peers is None:
        yield partners.Partners(threads, options.peers_python, options.yardstick)
        return
    with contextlib.ExitStack() as stack:
        folder = options.install_peers or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        missing = [peer for peer in peers if not environments.importable(peer)]
        reasons = environments.install(folder.resolve(), missing)
        python = environments.python_of(folder.resolve())
        yield partners.Partners(threads, python, options.yardstick, reasons)


def measure(options: argparse.Namespace, contract_line: str, console: Console) -> report.Report:
    """Everything that was asked for, line by line."""
    comparisons = [comparison for comparison in COMPARISONS if comparison.name in options.names]
    threads = parallel.available_cores()
    bounds = machine.measure_bounds(threads)
    figures, places = [], []
    for name in options.names:  # before peers are imported, beside whose threads a small call takes half as long again
        if name in alone.MEASUREMENTS:
            own = measure_alone(name, threads, options.seconds)
            tell(console, own)
            figures += own
    with find_partners(options, sorted({comparison.peer for comparison in comparisons}), threads) as found:
        for comparison in comparisons:
            figure = beside_peers.compare(comparison, found, options.seconds)
            tell(console, [figure])
            figures.append(figure)
            if figure.value is not None:
                places.append(beside_peers.place(comparison, figure, bounds))
    stages = ("forward", "backward") if ANATOMY in options.names else ()
    costs = [anatomy.measure(stage, options.seconds) for stage in stages]
    return report.Report(machine.describe(), command(options), contract_line, figures, bounds, distinct(places), costs)


def measure_alone(name: str, threads: int, seconds: float) -> list[Figure]:
    """The figures of gaussgrad alone; what fails is one line of the report, and does not take the others with it."""
    try:
        return alone.MEASUREMENTS[name](threads, seconds)
    except Exception as error:
        return [Figure(name, name, "", None, "", reason=first_line(f"{type(error).__name__}: {error}"))]


def distinct(places: Sequence[beside_peers.Place]) -> list[beside_peers.Place]:
    """One place per scene and way of measuring: the first, as several peers share a scene."""
    return list({(place.scene, place.measured): place for place in reversed(places)}.values())[::-1]


def command(options: argparse.Namespace) -> str:
    """The command that was given, without the folders of this machine."""
    parts = ["python -m benchmarks speed render -o FOLDER"]
    parts += ["--yardstick FOLDER"] if options.yardstick else []
    parts += ["--peers-python PYTHON"] if options.peers_python else []
    parts += ["--install-peers"] if options.install_peers is not None else []
    parts += [f"--only {shlex.quote(pattern)}" for pattern in options.only or ()]
    parts += [f"--seconds {options.seconds:g}"] if options.seconds != SECONDS else []
    return " ".join(parts)


def tell(console: Console, figures: Sequence[Figure]) -> None:
    """What was just measured, while the run goes on."""
    for figure in figures:
        cells = report.row(figure)
        console.print(f"{cells[0]} ({', '.join(filter(None, cells[1:3]))}): {cells[5]} {cells[8]}", highlight=False)


def report_on(options: argparse.Namespace, contract_line: str) -> None:
    """Measure, and write the report into the folder and, where asked for, into the page."""
    console = Console(soft_wrap=True)
    found = measure(options, contract_line, console)
    text = report.markdown(found)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.md").write_text(text, encoding="utf-8")
    (options.output / "results.json").write_text(found.to_json(), encoding="utf-8")
    plot.draw(found, options.output / "figures.png")
    console.print(f"Written to {options.output}: table.md, figures.png, results.json")
    if options.docs:
        pages.write(PAGE, "figures", text)
