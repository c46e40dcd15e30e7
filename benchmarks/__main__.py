"""`python -m benchmarks -o FOLDER`: check the contract, measure, write table.md, figures.png and results.json."""

import argparse
import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console

from benchmarks import alone, anatomy, beside_peers, contract, machine, partners, plot, report
from benchmarks.comparisons import COMPARISONS
from benchmarks.figures import Figure
from gaussgrad import parallel

PAGE = partners.ROOT / "docs" / "performance.md"
ANATOMY = "anatomy"
SECONDS = 5.0
MEASURED = (*(comparison.name for comparison in COMPARISONS), *alone.MEASUREMENTS, ANATOMY)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, required=True, help="where the report goes")
    parser.add_argument("--yardstick", metavar="FOLDER", type=Path, help="holds yardstick.py, an outside renderer")
    environment = parser.add_mutually_exclusive_group()
    environment.add_argument("--peers-python", metavar="PATH", type=Path, help="a Python that has the peers installed")
    environment.add_argument(
        "--install-peers", metavar="FOLDER", type=Path, nargs="?", const=False, default=None,
        help="install peers into an environment there, or into a temporary one",
    )  # fmt: skip
    parser.add_argument(
        "--only", metavar="PATTERN", action="append", help=f"measure what matches; of {', '.join(MEASURED)}"
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"time for a line of the table (default: {SECONDS:g})"
    )
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md too")
    chosen = parser.parse_args(arguments)
    if chosen.only and not wanted(chosen.only, MEASURED):
        parser.error(f"--only {' '.join(chosen.only)} matches none of {', '.join(MEASURED)}")
    if chosen.docs and chosen.only:
        parser.error("--docs records a whole run; leave out --only")
    return chosen


def wanted(patterns: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    """The names that match any of the patterns; all without patterns."""
    return [name for name in names if not patterns or any(fnmatch(name, pattern) for pattern in patterns)]


@contextlib.contextmanager
def find_partners(options: argparse.Namespace, peers: Sequence[str], threads: int) -> Iterator[partners.Partners]:
    """Where the peers are, after installing those that are not here if that was asked for."""
    if options.install_peers is None:
        yield partners.Partners(threads, options.peers_python, options.yardstick)
        return
    with contextlib.ExitStack() as stack:
        folder = options.install_peers or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reasons = partners.install(folder.resolve(), [peer for peer in peers if not partners.importable(peer)])
        python = partners.environment_python(folder.resolve())
        yield partners.Partners(threads, python, options.yardstick, reasons)


def measure(options: argparse.Namespace, contract_line: str, console: Console) -> report.Report:
    """Everything that was asked for, line by line."""
    names = wanted(options.only, MEASURED)
    comparisons = [comparison for comparison in COMPARISONS if comparison.name in names]
    threads = parallel.available_cores()
    bounds = machine.measure_bounds(threads)
    figures, places = [], []
    for name in names:  # before peers are imported, beside whose threads a small call takes half as long again
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
    stages = ("forward", "backward") if ANATOMY in names else ()
    costs = [anatomy.measure(stage, options.seconds) for stage in stages]
    return report.Report(machine.describe(), command(options), contract_line, figures, bounds, distinct(places), costs)


def measure_alone(name: str, threads: int, seconds: float) -> list[Figure]:
    """The figures of gaussgrad alone; what fails is one line of the report, and does not take the others with it."""
    try:
        return alone.MEASUREMENTS[name](threads, seconds)
    except Exception as error:
        return [Figure(name, name, "", None, "", reason=partners.first_line(f"{type(error).__name__}: {error}"))]


def distinct(places: Sequence[beside_peers.Place]) -> list[beside_peers.Place]:
    """One place per scene and way of measuring: the first, as several peers share a scene."""
    return list({(place.scene, place.measured): place for place in reversed(places)}.values())[::-1]


def command(options: argparse.Namespace) -> str:
    """The command that was given, without the folders of this machine."""
    parts = ["python -m benchmarks -o FOLDER"]
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


def main() -> int:
    options = parse(sys.argv[1:])
    console = Console(soft_wrap=True)
    try:
        contract_line = contract.check()
    except contract.ContractBroken as error:
        print(error, file=sys.stderr)
        return 1
    found = measure(options, contract_line, console)
    text = report.markdown(found)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.md").write_text(text, encoding="utf-8")
    (options.output / "results.json").write_text(found.to_json(), encoding="utf-8")
    plot.draw(found, options.output / "figures.png")
    console.print(f"Written to {options.output}: table.md, figures.png, results.json")
    if options.docs:
        report.write_into(PAGE, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
