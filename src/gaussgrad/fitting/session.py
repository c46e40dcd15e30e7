"""One photograph from its file to a `.gauss` file and its picture, told on a console, kept every few seconds."""

import contextlib
import hashlib
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gaussgrad import checks, metrics
from gaussgrad.files.folders import refuse_existing
from gaussgrad.files.images import read_pages
from gaussgrad.fitting.photographs import fit_image
from gaussgrad.fitting.photographs.checkpoints import Checkpoint, beside, read, write
from gaussgrad.fitting.photographs.descent import Moment
from gaussgrad.picture import Picture

KEPT_EVERY = 5.0  # seconds between two checkpoints
REPORTS = 10  # lines in all where the console is no terminal
TYPES = ("bool", "uint8", "uint16", "float16", "float32", "float64")
CHINA = "china.jpg"  # comes with scikit-learn


@dataclass(frozen=True)
class Settings:
    """What a fit was asked for; the names are those of `fit_image`."""

    image: str | None  # its file, or none for the photograph of scikit-learn
    n: int
    steps: int | None
    seconds: float | None
    psnr: float | None
    non_negative: bool
    narrowest: float
    seed: int
    compact: bool

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `fit_image` but for the image."""
        return {name: value for name, value in asdict(self).items() if name != "image"}


def picture_beside(output: Path) -> Path:
    """The picture of a fit; another name than that of its photograph."""
    return output.with_suffix(".fit.png")


def start(output: Path, settings: Settings, *, overwrite: bool) -> None:
    """Fit anew; what cannot work is refused before anything is written.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, when what was reached is written; `resume` goes on with it.
    """
    unfinished = beside(output)
    if unfinished.exists() and not overwrite:
        raise FileExistsError(f"{unfinished} holds an unfinished fit. Go on with --resume, or add --overwrite.")
    for path in (output, picture_beside(output)):
        refuse_existing(path, overwrite)
    if settings.image is not None and Path(settings.image).resolve() == picture_beside(output).resolve():
        wanted = f"one whose picture {picture_beside(output).name} is not IMAGE itself"
        raise ValueError(checks.complain("--output", wanted, output))
    image = load(settings.image)
    _refuse_options(image, settings)
    unfinished.unlink(missing_ok=True)
    _fit(output, image, settings, None, Console())


def resume(output: Path, given: Mapping[str, Any]) -> None:
    """Go on with an unfinished fit as it was asked for; settings that are given again must be the same."""
    checkpoint = read(beside(output))
    held = dict(checkpoint.settings)
    digest = held.pop("digest")
    settings = Settings(**held)
    for name, value in given.items():
        wanted = held[name]
        if value != wanted:
            option = "IMAGE" if name == "image" else f"--{name.replace('_', '-')}"
            got = "as the fit was started"
            raise ValueError(f"{option} must be {wanted}, {got}; got {value}. Leave it out.")
    image = load(settings.image)
    if _digest(image) != digest:
        raise ValueError(f"{settings.image or CHINA} has changed since the fit was started. Start anew.")
    _refuse_options(image, settings)
    _fit(output, image, settings, checkpoint, Console())


def load(path: str | None) -> np.ndarray:
    """The image (c, h, w) of a file in the numbers that it holds, or the photograph of scikit-learn."""
    if path is None:
        from sklearn.datasets import load_sample_image

        return np.moveaxis(load_sample_image(CHINA), -1, 0)
    pages = read_pages(path)
    if len(pages) > 1:
        cure = "Save one of them as an image of its own."
        raise ValueError(checks.complain(path, "a file of one image", f"{len(pages)} pages", cure))
    image = pages[0]
    if image.dtype.name not in TYPES:
        wanted = "of unsigned integers of 8 or 16 bits, or of floats"
        raise ValueError(checks.complain(path, wanted, image.dtype, "Convert it."))
    return image.astype(np.uint8) * 255 if image.dtype == bool else image


def _digest(image: np.ndarray) -> str:
    """What tells this image from others."""
    head = f"{image.shape} {image.dtype}".encode()
    return hashlib.blake2b(head + np.ascontiguousarray(image).tobytes(), digest_size=16).hexdigest()


def _refuse_options(image: np.ndarray, settings: Settings) -> None:
    """Refuse what `fit_image` would, before anything is written, by a corner of the image that it does not move."""
    fit_image(np.zeros_like(image[:, :8, :8]), **{**settings.options, "n": 1, "steps": 0})


def _fit(output: Path, image: np.ndarray, settings: Settings, since: Checkpoint | None, console: Console) -> None:
    height, width = image.shape[1:]
    name = settings.image or f"{CHINA} of scikit-learn"
    console.print(f"{name}: {height} x {width}, {settings.n:,} Gaussians.", soft_wrap=True, highlight=False)
    kept = {**asdict(settings), "digest": _digest(image)}
    begun: dict[str, Any] = {} if since is None else {"start": since.picture, "used": since.moment}
    with _showing(console) as progress:
        watch = Watch(beside(output), kept, console, progress)
        try:
            with _stopped_softly(watch):
                fit = fit_image(image, callback=watch, **settings.options, **begun)
        except Stopped as stopped:
            moment, picture, rounded = stopped.moment, stopped.picture, ""
        else:
            moment, picture = fit.history[-1], fit.picture
            rounded = f" ({fit.history[-2].psnr:.2f} dB before rounding)" if settings.compact else ""
            watch.interrupted = False
    picture = _with_ssim(image, picture)
    _write(output, image, picture, settings)
    ssim = "" if picture.fit_ssim is None else f", SSIM {picture.fit_ssim:.3f}"
    console.print(
        f"{moment.gaussians:,} Gaussians after {moment.step:,} steps and {moment.seconds:.1f} s: "
        f"PSNR {moment.psnr:.2f} dB{rounded}{ssim}.\n{_described(output, picture)}",
        soft_wrap=True,
        highlight=False,
    )
    if watch.interrupted:
        command = f"gaussgrad fit -o {shlex.quote(str(output))} --resume"
        console.print(f"Interrupted. Go on with: {command}", soft_wrap=True, highlight=False)
        raise KeyboardInterrupt
    beside(output).unlink(missing_ok=True)


def _with_ssim(image: np.ndarray, picture: Picture) -> Picture:
    """The picture with its SSIM against the image, unless that is smaller than a window."""
    if min(picture.size) < metrics.WINDOW:
        return picture
    return replace(picture, fit_ssim=metrics.ssim(image, picture.render() * picture.white, picture.white))


def _write(output: Path, image: np.ndarray, picture: Picture, settings: Settings) -> None:
    """The file and its picture; that they may be replaced was checked in the beginning."""
    from gaussgrad import plot

    picture.save(output, compact=settings.compact, overwrite=True)
    before = image.astype(np.float32) / np.float32(picture.white)
    plot.write_fit(picture_beside(output), before, picture.render(), picture.gaussians, overwrite=True)


def _described(output: Path, picture: Picture) -> str:
    """Where it is, and how large."""
    size = output.stat().st_size
    bits = 8 * size / (picture.size[0] * picture.size[1])
    return f"{output}: {size:,} bytes, {bits:.2f} bits per pixel. {picture_beside(output)} shows it."


class Stopped(Exception):
    """The descent was told to stop: where it was."""

    def __init__(self, moment: Moment, picture: Picture) -> None:
        super().__init__("stopped")
        self.moment, self.picture = moment, picture


class Watch:
    """The callback: shows where the descent is, keeps it every few seconds, and stops it when it is told to."""

    def __init__(self, path: Path, settings: Mapping[str, Any], console: Console, progress: Progress) -> None:
        self.path, self.settings, self.console, self.progress = path, dict(settings), console, progress
        self.task = progress.add_task("", total=1.0, figures="")
        self.kept, self.reported, self.interrupted = -KEPT_EVERY, 0, False

    def __call__(self, moment: Moment) -> None:
        figures = f"{moment.psnr:.2f} dB, {moment.gaussians:,} Gaussians, step {moment.step:,}"
        self.progress.update(self.task, completed=moment.progress, figures=figures)
        tenth = int(moment.progress * REPORTS)
        if not self.console.is_terminal and tenth > self.reported:
            self.reported = tenth
            self.console.print(f"{moment.progress:.0%}: {figures}", soft_wrap=True, highlight=False)
        if self.interrupted or time.monotonic() - self.kept >= KEPT_EVERY:
            picture = moment.picture()
            write(self.path, Checkpoint(picture, moment, self.settings))
            self.kept = time.monotonic()
            if self.interrupted:
                raise Stopped(moment, picture)


@contextlib.contextmanager
def _showing(console: Console) -> Iterator[Progress]:
    """A bar, the figures and the time left, on a terminal."""
    columns = (BarColumn(bar_width=10), TextColumn("{task.fields[figures]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


@contextlib.contextmanager
def _stopped_softly(watch: Watch) -> Iterator[None]:
    """Ctrl-C stops the descent before its next step; pressed again, at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: Any) -> None:
        watch.interrupted = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
