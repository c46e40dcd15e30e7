"""What `python -m benchmarks endurance` can be asked; what tries is imported when it does."""

import argparse

from benchmarks.arguments import Commands, Parser
from benchmarks.endurance.families import FAMILIES


def add(rooms: Commands) -> None:
    about = "whether it holds: random calls, forks, kills, hostile files and more, for as long as you like"
    parser = rooms.add_parser("endurance", help=about, description=f"Try {about}: a table. Uses two cores.")
    parser.add_argument("--minutes", metavar="MINUTES", type=float, default=5.0, help="in all (%(default)g)")
    parser.add_argument("--seed", metavar="SEED", type=int, default=0, help="of all that is random (%(default)s)")
    parser.add_argument(
        "--only", metavar="FAMILY", choices=tuple(FAMILIES), action="append", default=[],
        help=f"one of: {', '.join(FAMILIES)}; may be repeated",
    )  # fmt: skip
    parser.add_argument("--attempt", metavar="NUMBER", type=int, help="only this attempt of each family")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/reliability.md too")
    parser.set_defaults(run=_run, check=lambda options: _check(parser, options))


def _check(parser: Parser, options: argparse.Namespace) -> None:
    if not 0 < options.minutes < float("inf"):
        parser.error("--minutes must be a positive number")
    if options.seed < 0:
        parser.error("--seed must be 0 or more")
    if options.docs and (options.only or options.attempt is not None):
        parser.error("--docs takes a whole run: leave out --only and --attempt")


def _run(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.endurance import run

    names = options.only or list(FAMILIES)
    return run.report_on(options.minutes, options.seed, names, options.attempt, options.docs)
