"""What `python -m benchmarks quality` can be asked; what measures is imported when it is."""

import argparse
from pathlib import Path

from benchmarks.arguments import Commands, Parser, existing, new_folder
from benchmarks.quality.trainings import DECONVOLUTIONAL, ENCODERS, SEEDS, VARIANT_EPOCHS, VARIANTS

DIGITS = "the digits: an idx or .npy file"
RATE_COUNTS = (500, 1000, 2000, 5000, 10_000, 20_000)
TRAINED = (*ENCODERS, DECONVOLUTIONAL)


def add(rooms: Commands) -> None:
    about = "how good: reconstructions of the autoencoder, refinement, recovery, fits of photographs"
    parser = rooms.add_parser("quality", help=about, description=f"Measure {about}.")
    subjects = parser.add_subparsers(metavar="SUBJECT", required=True, parser_class=Parser)
    _add_encoder(subjects)
    _add_variants(subjects)
    _add_refinement(subjects)
    _add_recovery(subjects)
    _add_fit(subjects)
    _add_curves(subjects)
    _add_second_order(subjects)
    _add_fewest(subjects)
    _add_rate(subjects)
    _add_spots(subjects)
    _add_starts(subjects)


def _add_encoder(subjects: Commands) -> None:
    about = "train the autoencoder, and test it on digits or crops of photographs that it never saw, beside others"
    parser = _subject(subjects, "encoder", about)
    parser.add_argument(
        "images", metavar="IMAGES", type=existing, nargs="+", help=f"{DIGITS}; or photographs to train on, with --test"
    )
    parser.add_argument(
        "--test",
        metavar="IMAGE",
        type=existing,
        nargs="+",
        default=[],
        help="photographs, whose crops no training sees",
    )
    parser.add_argument("-n", metavar="N", type=int, default=40, help="Gaussians of a crop (%(default)s)")
    parser.add_argument("--size", metavar="PIXELS", type=int, default=64, help="of a crop (%(default)s)")
    parser.add_argument(
        "--minutes", metavar="MINUTES", type=float, default=10.0, help="of each training on crops (%(default)s)"
    )
    parser.add_argument("--docs", action="store_true", help="write table and figure of the crops into docs/encoder.md")
    _add_output(parser, "encoder")
    _add_seeds(parser)
    _add_only(parser, TRAINED)
    parser.add_argument(
        "--decoder-seconds", metavar="SECONDS", type=float,
        help="time of the deconvolutional decoder, where ten Gaussians are not trained",
    )  # fmt: skip
    parser.set_defaults(run=_run_encoder, check=lambda options: _check_encoder(parser, options))


def _check_encoder(parser: Parser, options: argparse.Namespace) -> None:
    untimed = "ten Gaussians" not in options.only and options.decoder_seconds is None
    if DECONVOLUTIONAL in options.only and untimed:
        parser.error(f"the {DECONVOLUTIONAL} gets the time of ten Gaussians: train them too, or give --decoder-seconds")
    if len(options.images) > 1 and not options.test:
        parser.error("photographs to train on need others to test on: --test IMAGE")


def _run_encoder(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import crop_encoder, encoder

    if options.test:
        lengths = (options.n, options.size, options.minutes)
        crop_encoder.report_on(options.images, options.test, options.output, *lengths, options.seeds, options.docs)
        return 0
    encoder.report_on(options.images[0], options.output, options.seeds, options.only, options.decoder_seconds)
    return 0


def _add_variants(subjects: Commands) -> None:
    parser = _subject(subjects, "variants", "short trainings of settings to choose from, judged by held-out digits")
    parser.add_argument("images", metavar="IMAGES", type=existing, help=DIGITS)
    _add_output(parser, "variants")
    parser.add_argument(
        "--epochs", metavar="N", type=int, default=VARIANT_EPOCHS, help="of each training (%(default)s)"
    )
    _add_only(parser, tuple(VARIANTS))
    parser.set_defaults(run=_run_variants)


def _run_variants(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import variants

    variants.report_on(options.images, options.output, options.epochs, options.only)
    return 0


def _add_refinement(subjects: Commands) -> None:
    about = "what refining adds to the answer of trained models, or to Gaussians by image structure, and its time"
    parser = _subject(subjects, "refinement", about)
    parser.add_argument("runs", metavar="RUN", type=existing, nargs="*", help="finished runs, say of several seeds")
    parser.add_argument(
        "--images", metavar="IMAGES", type=existing, nargs="+", required=True, help=f"{DIGITS}; or photographs to crop"
    )
    parser.add_argument(
        "-n", metavar="N", type=int, action="append", default=[], help="Gaussians by structure; may be repeated"
    )
    parser.set_defaults(run=_run_refinement, check=lambda options: _check_refinement(parser, options))


def _check_refinement(parser: Parser, options: argparse.Namespace) -> None:
    if not options.runs and not options.n:
        parser.error("nothing to refine: name a RUN, or give -n")


def _run_refinement(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import refinement

    refinement.report_on(options.runs, options.images, options.n)
    return 0


def _add_recovery(subjects: Commands) -> None:
    parser = _subject(subjects, "recovery", "the share of blobs found from random places, by recover and other ways")
    parser.add_argument("--scenes", metavar="N", type=int, default=100, help="of each kind (%(default)s)")
    _add_seeds(parser)
    parser.add_argument(
        "--only", metavar="WAY", type=_way, action="append", default=[],
        help='a way as the table names it, such as "recover"; may be repeated',
    )  # fmt: skip
    parser.set_defaults(run=_run_recovery)


def _way(text: str) -> str:
    from benchmarks.quality.recovery import WAYS

    if text not in WAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of: {'; '.join(WAYS)}")
    return text


def _run_recovery(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import recovery

    recovery.report_on(options.scenes, options.seeds, options.only)
    return 0


def _add_fit(subjects: Commands) -> None:
    parser = _subject(subjects, "fit", "photographs drawn by Gaussians in a time, by fit_image and by plain Adam")
    _add_photographs(parser)
    parser.add_argument(
        "-n", metavar="N", type=int, action="append", default=[], help="Gaussians; may be repeated (10000)"
    )
    parser.add_argument(
        "--seconds", metavar="SECONDS", type=float, action="append", default=[], help="may be repeated (10 and 60)"
    )
    _add_docs(parser)
    parser.set_defaults(run=_run_fit)


def _run_fit(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import photographs

    photographs.report_on(options.images, options.n or [10_000], options.seconds or [10.0, 60.0], options.docs)
    return 0


def _add_curves(subjects: Commands) -> None:
    about = "a photograph drawn in more and more time, and by more and more Gaussians: two figures"
    parser = _subject(subjects, "curves", about)
    _add_output(parser, "curves")
    parser.add_argument(
        "--seconds", metavar="SECONDS", type=float, action="append", default=[], help="may be repeated (1 to 20)"
    )
    parser.add_argument("--docs", action="store_true", help="replace the figures of docs/fitting.md")
    parser.set_defaults(run=_run_curves)


def _run_curves(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import curves

    curves.report_on(curves.CURVES.parent if options.docs else options.output, options.seconds or curves.SECONDS)
    return 0


def _add_second_order(subjects: Commands) -> None:
    parser = _subject(
        subjects, "second-order", "photographs drawn by Gaussians in a time, by fit_image and Gauss-Newton"
    )
    _add_photographs(parser)
    parser.add_argument("-n", metavar="N", type=int, default=10_000, help="Gaussians (%(default)s)")
    parser.add_argument("--seconds", metavar="SECONDS", type=float, default=60.0, help="for each (%(default)s)")
    _add_docs(parser)
    parser.set_defaults(run=_run_second_order)


def _run_second_order(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import second_order

    second_order.report_on(options.images, options.n, options.seconds, options.docs)
    return 0


def _add_fewest(subjects: Commands) -> None:
    parser = _subject(subjects, "fewest", "the number of Gaussians that fit_image finds for a PSNR, and bisection")
    _add_photographs(parser)
    parser.add_argument("--psnr", metavar="DB", type=float, default=35.0, help="(%(default)s)")
    _add_docs(parser)
    parser.set_defaults(run=_run_fewest)


def _run_fewest(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import fewest

    fewest.report_on(options.images, options.psnr, options.docs)
    return 0


def _add_photographs(parser: Parser) -> None:
    parser.add_argument("images", metavar="IMAGE", type=existing, nargs="+", help="photographs of 8 bits")


def _add_rate(subjects: Commands) -> None:
    parser = _subject(subjects, "rate", "PSNR by bits per pixel: compact files of Gaussians beside JPEG and WebP")
    _add_photographs(parser)
    parser.add_argument(
        "-n", metavar="N", type=int, action="append", default=[], help="Gaussians; may be repeated (500 to 20000)"
    )
    parser.add_argument("--steps", metavar="STEPS", type=int, default=1000, help="of each fit (%(default)s)")
    parser.add_argument("--figure", metavar="FILE", type=Path, help="a .png to draw")
    parser.add_argument("--docs", action="store_true", help="write table and figure into docs/pictures.md too")
    parser.set_defaults(run=_run_rate)


def _run_rate(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import rates

    counts = options.n or list(RATE_COUNTS)
    rates.report_on(options.images, counts, options.steps, options.figure, options.docs)
    return 0


def _add_spots(subjects: Commands) -> None:
    parser = _subject(subjects, "spots", "spots found in simulated scenes, and how true their errors are")
    parser.add_argument("--frames", metavar="F", type=existing, help="a stack to score on instead, with --truth")
    parser.add_argument("--truth", metavar="T", type=existing, help="its spots: a CSV file with frame, x and y")
    parser.add_argument("--spots", metavar="N", type=int, default=2000, help="isolated ones, each (%(default)s)")
    parser.add_argument(
        "--peers-python", metavar="PATH", type=existing, help="a Python with trackpy and picasso, to stand beside"
    )
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/spots.md")
    parser.set_defaults(run=_run_spots, check=lambda options: _check_spots(parser, options))


def _check_spots(parser: Parser, options: argparse.Namespace) -> None:
    if (options.frames is None) != (options.truth is None):
        parser.error("--frames and --truth go together")


def _run_spots(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import spots

    spots.report_on(options.frames, options.truth, options.spots, options.docs, options.peers_python)
    return 0


def _add_starts(subjects: Commands) -> None:
    about = "what the true places as a start add to the finder of spots: no network could add more"
    parser = _subject(subjects, "starts", about)
    parser.add_argument("--spots", metavar="N", type=int, default=2000, help="of each row, about (%(default)s)")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/spots.md")
    parser.set_defaults(run=_run_starts)


def _run_starts(options: argparse.Namespace, contract_line: str) -> int:
    from benchmarks.quality import starts

    starts.report_on(options.spots, options.docs)
    return 0


def _add_docs(parser: Parser) -> None:
    parser.add_argument("--docs", action="store_true", help="write what docs/fitting.md has of it")


def _subject(subjects: Commands, name: str, about: str) -> Parser:
    parser = subjects.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    parser.set_defaults(check=lambda options: None)
    return parser


def _add_output(parser: Parser, name: str) -> None:
    folder = Path("benchmark-report") / name
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=new_folder, default=str(folder), help="a new folder (%(default)s)"
    )


def _add_seeds(parser: Parser) -> None:
    parser.add_argument(
        "--seeds", metavar="N", type=int, nargs="+", default=list(SEEDS), help=f"default: {' '.join(map(str, SEEDS))}"
    )


def _add_only(parser: Parser, names: tuple[str, ...]) -> None:
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=names, default=[], help=f"of: {'; '.join(names)}"
    )
