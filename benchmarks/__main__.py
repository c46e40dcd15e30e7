"""`python -m benchmarks ROOM …`: measure gaussgrad; nothing is measured unless the contract tests pass."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import contract
from benchmarks.arguments import Parser
from benchmarks.endurance import commands as endurance
from benchmarks.quality import commands as quality
from benchmarks.speed import commands as speed

ROOMS = (speed, quality, endurance)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for; `run(options, contract_line)` of it measures, and returns the exit code."""
    parser = Parser(prog="python -m benchmarks", description=__doc__.partition(": ")[2])
    rooms = parser.add_subparsers(metavar="ROOM", required=True, parser_class=Parser)
    for room in ROOMS:
        room.add(rooms)
    options = parser.parse_args(arguments)
    options.check(options)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(sys.argv[1:] if arguments is None else arguments)
    print("The contract tests run first.", flush=True)
    try:
        line = contract.check()
    except contract.ContractBroken as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Contract tests: {line}", flush=True)
    return options.run(options, line)


if __name__ == "__main__":
    sys.exit(main())
