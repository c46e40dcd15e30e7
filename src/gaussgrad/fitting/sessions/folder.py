"""Every photograph of a folder to a folder of fits, by whoever works: each is there whole, or named as missing."""

import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from gaussgrad import checks
from gaussgrad.console import say
from gaussgrad.files import gauss
from gaussgrad.files.errors import first_line
from gaussgrad.files.folders import clear_partial_files, fresh_file, refuse_existing
from gaussgrad.files.locks import claimed
from gaussgrad.files.photographs import SUFFIXES, read_photograph
from gaussgrad.files.records import read_record
from gaussgrad.fitting.sessions.executors import Workforce, gone
from gaussgrad.fitting.sessions.outputs import picture_beside
from gaussgrad.fitting.sessions.settings import Settings
from gaussgrad.fitting.sessions.work import Answer, Task, fit

KEPT = "fit.json"  # in the folder of fits: the settings they were made with
AHEAD = 2  # images for each that is at work are read; the others stay on the disk
FEWEST_AHEAD = 4  # also where nobody works yet
NAMED = 3  # missing images in the last line

Hire = Callable[[int], AbstractContextManager[Workforce]]
"""From the number of images to whoever fits them."""


def start(output: Path, settings: Settings, hire: Hire, *, overwrite: bool) -> None:
    """Fit every image of a folder anew; what cannot work is refused before anything is written.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; what is done stays, and `resume` does the others.
    ValueError
        At the end, where an image could not be fitted.
    """
    images = _images(settings, output)
    refuse_existing(output, overwrite=True)
    files = [output / KEPT, *(file for target in images for file in (target, picture_beside(target)))]
    there = [file for file in files if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{there[0]} exists already. Go on with --resume, or add --overwrite.")
    with hire(len(images)) as workforce:
        settings.refuse_wrong()
        with claimed(output):
            _begin(output, settings, there)
            _fit(output, images, settings, workforce)


def resume(output: Path, given: Mapping[str, Any], hire: Hire) -> None:
    """Fit the images whose fits are missing; settings that are given again must be the same."""
    settings = _kept(output / KEPT)
    settings.refuse_other(given)
    images = _images(settings, output)
    missing = {target: image for target, image in images.items() if not target.exists()}
    if not missing:
        say(Console(), f"Nothing is missing in {output}.")
        return
    with hire(len(missing)) as workforce, claimed(output):
        _fit(output, missing, settings, workforce)


def _images(settings: Settings, output: Path) -> dict[Path, Path]:
    """The images of the folder by the files that they become."""
    folder = Path(str(settings.image))
    if output.exists() and output.resolve() == folder.resolve():
        raise ValueError(checks.complain("--output", "another folder than that of the images", output))
    if output.exists() and not output.is_dir():
        raise ValueError(checks.complain("--output", "a folder, as IMAGE is one", output))
    images: dict[Path, Path] = {}
    for image in sorted(folder.iterdir()):
        if image.suffix.lower() not in SUFFIXES or image.name.startswith(".") or not image.is_file():
            continue
        target = output / f"{image.stem}{gauss.SUFFIX}"
        if target in images:
            names = f"{images[target].name} and {image.name}"
            raise ValueError(f"{names} in {folder} would both become {target.name}. Rename one of them.")
        images[target] = image
    if not images:
        raise FileNotFoundError(f"{folder} holds no image that ends in {', '.join(SUFFIXES)}.")
    return images


def _kept(path: Path) -> Settings:
    """The settings that a folder of fits was made with."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: there are no fits to go on with. Leave --resume out.")
    try:
        return Settings(**read_record(path))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as the settings of fits ({first_line(error)}).") from error


def _begin(output: Path, settings: Settings, there: Sequence[Path]) -> None:
    """Remove what is to be replaced, and keep the settings."""
    for file in there:
        file.unlink()
    with fresh_file(output / KEPT) as partial:
        partial.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def _fit(output: Path, images: Mapping[Path, Path], settings: Settings, workforce: Workforce) -> None:
    for path in (output / KEPT, *(file for target in images for file in (target, picture_beside(target)))):
        clear_partial_files(path)
    console, total = Console(), len(images)
    say(console, f"{settings.image}: {total} images, {settings.count} each, {workforce.name}.")
    if not workforce.at_once():
        say(console, "Nobody works there yet; the images wait.")
    missing: list[str] = []
    found: list[float] = []
    try:
        with _showing(console, total) as advance:
            for target, outcome in _outcomes(images, settings, workforce):
                said = f"{len(found) + len(missing) + 1} of {total}: {images[target].name}"
                if isinstance(outcome, Answer):
                    _write(target, outcome)
                    found.append(outcome.moment.psnr)
                    say(console, f"{said}: {_figures(outcome)}")
                else:
                    missing.append(_reason(images[target], outcome))
                    say(console, f"{said}: not fitted")
                advance()
    except KeyboardInterrupt:
        command = f"gaussgrad fit -o {shlex.quote(str(output))} --resume"
        say(console, f"Interrupted: {len(found)} of {total} images are done. Go on with: {command}")
        raise
    if found:
        say(console, f"{len(found)} images in {output}, mean PSNR {math.fsum(found) / len(found):.2f} dB.")
    if missing:
        others = f"; and {len(missing) - NAMED} others" if len(missing) > NAMED else ""
        raise ValueError(f"{len(missing)} of {total} images are missing: {'; '.join(missing[:NAMED])}{others}")


def _outcomes(
    images: Mapping[Path, Path], settings: Settings, workforce: Workforce
) -> Iterator[tuple[Path, Answer | Exception]]:
    """Of each image, in the order in which they are done, its answer, or why there is none."""
    at_work: dict[Future[Answer], Path] = {}
    for target, image in images.items():
        while len(at_work) >= max(FEWEST_AHEAD, AHEAD * workforce.at_once()):
            yield from _next(at_work)
        try:
            photograph = read_photograph(image, onto_black=settings.non_negative)
        except (OSError, ValueError, MemoryError) as error:
            yield target, error
            continue
        task = Task(photograph, settings, workforce.threads)
        at_work[workforce.executor.submit(fit, task)] = target
    while at_work:
        yield from _next(at_work)


def _next(at_work: dict[Future[Answer], Path]) -> Iterator[tuple[Path, Answer | Exception]]:
    """Those that are done next, taken from those at work."""
    for future in wait(at_work, return_when=FIRST_COMPLETED).done:
        target = at_work.pop(future)
        try:
            yield target, future.result()
        except (BrokenProcessPool, CancelledError) as error:
            raise gone() from error
        except Exception as error:  # of this image: the others go on
            yield target, error


def _write(target: Path, answer: Answer) -> None:
    """Both files, the picture first: where the Gaussians are, both are."""
    for path, contents in ((picture_beside(target), answer.picture), (target, answer.gaussians)):
        with fresh_file(path, overwrite=True) as partial:
            partial.write_bytes(contents)


def _figures(answer: Answer) -> str:
    moment = answer.moment
    return f"PSNR {moment.psnr:.2f} dB, {moment.gaussians:,} Gaussians, {moment.seconds:.1f} s"


def _reason(image: Path, error: Exception) -> str:
    """Why an image is missing, with its name."""
    said = first_line(error) if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: {error}"
    return said if image.name in said else f"{image.name}: {said}"


@contextmanager
def _showing(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """A bar over the images, on a terminal; what is given moves it on by one."""
    columns = (BarColumn(bar_width=10), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
