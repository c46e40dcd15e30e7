"""What `python -m benchmarks speed` can be asked; what measures is imported when it is."""

import argparse
from pathlib import Path

from benchmarks.arguments import Commands, Parser, existing, matching, source_folder
from benchmarks.speed.render.names import MEASURED, SECONDS

REPORT = Path("benchmark-report")


def add(rooms: Commands) -> None:
    parser = rooms.add_parser(
        "speed",
        help="how fast: rendering, mixtures, histograms, moments, spots; on a GPU; this state beside another",
        description="Without a subject: all of them, as they go without options.",
    )
    subjects = parser.add_subparsers(metavar="SUBJECT", parser_class=Parser)
    _add_render(subjects)
    _add_mixtures(subjects)
    _add_histograms(subjects)
    _add_moments(subjects)
    _add_spots(subjects)
    _add_against(parser)
    _add_device(parser)
    parser.set_defaults(
        run=lambda options, line: _run_whole(subjects, options, line),
        check=lambda options: _check_whole(parser, options),
    )


def _run_whole(subjects: Commands, options: argparse.Namespace, contract_line: str) -> int:
    """What was asked for without a subject."""
    if options.against:
        return _run_against(options)
    return _run_device(options) if options.device else _run_all(subjects, contract_line)


def _run_all(subjects: Commands, contract_line: str) -> int:
    for subject in subjects.choices.values():
        options = subject.parse_args([])
        options.check(options)
        options.run(options, contract_line)
    return 0


def _add_render(subjects: Commands) -> None:
    about = "the renderer beside its peers, alone, and beside the bounds of the machine"
    parser = subjects.add_parser("render", help=about, description=f"Measure {about}: tables, a plot, raw results.")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, default=REPORT, help="where the report goes (%(default)s)"
    )
    parser.add_argument("--yardstick", metavar="FOLDER", type=existing, help="holds yardstick.py, an outside renderer")
    environment = parser.add_mutually_exclusive_group()
    environment.add_argument(
        "--peers-python", metavar="PATH", type=existing, help="a Python that has the peers installed"
    )
    environment.add_argument(
        "--install-peers", metavar="FOLDER", type=Path, nargs="?", const=False, default=None,
        help="install peers into an environment there, or into a temporary one",
    )  # fmt: skip
    parser.add_argument(
        "--only", metavar="PATTERN", action="append", help=f"measure what matches; of {', '.join(MEASURED)}"
    )
    _add_seconds(parser, "time for a line of the table")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md too")
    parser.set_defaults(run=_run_render, check=lambda options: _check_render(parser, options))


def _check_render(parser: Parser, options: argparse.Namespace) -> None:
    _check_subject(parser, options)
    try:
        options.names = matching(options.only, MEASURED)
    except ValueError as error:
        parser.error(str(error))
    if options.docs and options.only:
        parser.error("--docs records a whole run; leave out --only")


def _run_render(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.speed.render import run

    run.report_on(options, contract_line)
    return 0


def _add_mixtures(subjects: Commands) -> None:
    about = "digits and speed of mixture densities, beside the forms that people write"
    parser = subjects.add_parser("mixtures", help=about, description=f"Measure {about}: three tables.")
    _add_seconds(parser, "time per comparison")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/mixtures.md too")
    parser.set_defaults(run=_run_mixtures, check=lambda options: _check_subject(parser, options))


def _run_mixtures(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.speed.mixtures import run

    run.report_on(options.seconds, options.docs)
    return 0


def _add_histograms(subjects: Commands) -> None:
    about = "speed of histograms with a gradient, beside NumPy's and the dense form"
    parser = subjects.add_parser("histograms", help=about, description=f"Measure {about}: one table.")
    _add_seconds(parser, "time per comparison")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/histograms.md too")
    parser.set_defaults(run=_run_histograms, check=lambda options: _check_subject(parser, options))


def _run_histograms(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.speed.histograms import run

    run.report_on(options.seconds, options.docs)
    return 0


def _add_moments(subjects: Commands) -> None:
    about = "speed of the moments of heatmaps, beside the form that people write"
    parser = subjects.add_parser("moments", help=about, description=f"Measure {about}: a table.")
    _add_seconds(parser, "time per comparison")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/keypoints.md too")
    parser.set_defaults(run=_run_moments, check=lambda options: _check_subject(parser, options))


def _run_moments(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.speed.moments import run

    run.report_on(options.seconds, options.docs)
    return 0


def _add_spots(subjects: Commands) -> None:
    about = "speed of finding spots, and memory by the number of frames"
    parser = subjects.add_parser("spots", help=about, description=f"Measure {about}: two tables.")
    parser.add_argument("--frames", type=int, default=1000, help="frames of fifty spots (%(default)s)")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/spots.md too")
    parser.set_defaults(run=_run_spots, check=lambda options: _check_subject(parser, options))


def _run_spots(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.speed.spots import run

    run.report_on(options.frames, options.docs)
    return 0


def _add_against(parser: Parser) -> None:
    states = parser.add_argument_group(
        "two states of the code",
        "Every line is timed with both, in turn; the exit code is 1 where this one is slower. Without a subject only.",
    )
    states.add_argument(
        "--against",
        metavar="PATH",
        type=source_folder,
        help="the other state: its folder src, such as the commit before's",
    )
    states.add_argument(
        "--only", metavar="PATTERN", dest="lines", action="append", help="with --against: lines whose names match"
    )
    states.add_argument(
        "--seconds", metavar="SECONDS", dest="line_seconds", type=float, default=SECONDS,
        help="with --against or --device: time for a line (%(default)g)",
    )  # fmt: skip


def _add_device(parser: Parser) -> None:
    device = parser.add_argument_group("a GPU", "The kernels on it, beside dense code and its bounds: one table.")
    device.add_argument("--device", choices=["cuda"], help="measure there; without a subject only")
    device.add_argument(
        "--docs", dest="device_docs", action="store_true", help="with --device: write it into docs/frameworks.md"
    )


def _check_whole(parser: Parser, options: argparse.Namespace) -> None:
    if options.device and options.against:
        parser.error("--device measures lines of its own; leave out --against")
    if options.device_docs and not options.device:
        parser.error("--docs before a subject goes with --device")
    if options.device:
        from benchmarks.speed.device import run

        if reason := run.missing():
            parser.error(f"--device cuda: {reason}")
    _check_against(parser, options)


def _run_device(options: argparse.Namespace) -> int:
    from benchmarks.speed.device import run

    run.report_on(options.device, options.line_seconds, options.device_docs)
    return 0


def _check_against(parser: Parser, options: argparse.Namespace) -> None:
    if not options.against:
        if options.lines:
            parser.error("--only before a subject goes with --against")
        return
    from benchmarks.speed.against.lines import NAMES

    try:
        options.names = matching(options.lines, NAMES)
    except ValueError as error:
        parser.error(str(error))


def _run_against(options: argparse.Namespace) -> int:
    from benchmarks.speed.against import run

    return run.report_on(options.against, options.names, options.line_seconds)


def _check_subject(parser: Parser, options: argparse.Namespace) -> None:
    for name in ("against", "device"):
        if getattr(options, name, None):
            parser.error(f"--{name} measures lines of its own; leave out the subject")


def _add_seconds(parser: Parser, what: str) -> None:
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"{what} (%(default)g)")
