"""One photograph from its file to a `.gauss` file and its picture, told on a console, kept every few seconds."""

import contextlib
import hashlib
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gaussgrad import checks
from gaussgrad.console import say
from gaussgrad.files.folders import clear_partial_files
from gaussgrad.files.photographs import Photograph, read_photograph
from gaussgrad.fitting.photographs import fit_image
from gaussgrad.fitting.photographs.checkpoints import Checkpoint, beside, read, write
from gaussgrad.fitting.photographs.moments import Moment
from gaussgrad.fitting.sessions import animation, outputs
from gaussgrad.fitting.sessions.animation import Reel, filming
from gaussgrad.fitting.sessions.outputs import picture_beside
from gaussgrad.fitting.sessions.settings import Settings
from gaussgrad.picture import Picture

KEPT_EVERY = 5.0  # seconds between two checkpoints
REPORTS = 10  # lines in all where the console is no terminal
CHINA = "china.jpg"  # comes with scikit-learn


def start(output: Path, settings: Settings, *, animate: Path | None = None, overwrite: bool) -> None:
    """Fit anew; what cannot work is refused before anything is written.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, when what was reached is written; `resume` goes on with it.
    """
    unfinished = beside(output)
    if unfinished.exists() and not overwrite:
        raise FileExistsError(f"{unfinished} holds an unfinished fit. Go on with --resume, or add --overwrite.")
    outputs.refuse(output, overwrite=overwrite)
    if animate is not None:
        animation.refuse(animate, overwrite=overwrite)
    if settings.image is not None and Path(settings.image).resolve() == picture_beside(output).resolve():
        wanted = f"one whose picture {picture_beside(output).name} is not IMAGE itself"
        raise ValueError(checks.complain("--output", wanted, output))
    photograph = load(settings)
    settings.refuse_wrong()
    unfinished.unlink(missing_ok=True)
    _fit(output, photograph, settings, None, animate)


def resume(output: Path, given: Mapping[str, Any], *, animate: Path | None = None) -> None:
    """Go on with an unfinished fit as it was asked for; settings that are given again must be the same.

    An animation shows the way from there on.
    """
    if animate is not None:
        animation.refuse(animate, overwrite=False)
    checkpoint = read(beside(output))
    held = dict(checkpoint.settings)
    digest = held.pop("digest")
    settings = Settings(**held)
    settings.refuse_other(given)
    photograph = load(settings)
    if _digest(photograph) != digest:
        raise ValueError(f"{settings.image or CHINA} has changed since the fit was started, or its mask. Start anew.")
    settings.refuse_wrong()
    _fit(output, photograph, settings, checkpoint, animate)


def load(settings: Settings) -> Photograph:
    """The image of its file, or the photograph of scikit-learn."""
    if settings.image is None:
        return Photograph(china())
    return read_photograph(settings.image, settings.mask, onto_black=settings.non_negative)


def china() -> np.ndarray:
    """The photograph of scikit-learn (3, 427, 640), uint8."""
    from sklearn.datasets import load_sample_image

    return np.moveaxis(load_sample_image(CHINA), -1, 0)


def _digest(photograph: Photograph) -> str:
    """What tells this image from others."""
    numbers, known = photograph.numbers, photograph.known
    digest = hashlib.blake2b(f"{numbers.shape} {numbers.dtype}".encode(), digest_size=16)
    for array in (numbers,) if known is None else (numbers, known):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _fit(
    output: Path, photograph: Photograph, settings: Settings, since: Checkpoint | None, animate: Path | None
) -> None:
    for path in (output, beside(output), picture_beside(output), *([] if animate is None else [animate])):
        clear_partial_files(path)
    console, name = Console(), settings.image or f"{CHINA} of scikit-learn"
    height, width = photograph.numbers.shape[1:]
    say(console, f"{name}: {height} x {width}, {settings.count}.")
    kept = {**asdict(settings), "digest": _digest(photograph)}
    with filming(animate is not None) as reel:
        with _showing(console) as progress:
            watch = Watch(beside(output), kept, console, progress, reel)
            moment, picture, unrounded = _descend(photograph, settings, since, watch)
        picture = outputs.write(output, photograph, picture, compact=settings.compact)
        reached = f"{moment.gaussians:,} Gaussians after {moment.step:,} steps and {moment.seconds:.1f} s"
        rounded = "" if unrounded == moment.psnr else f" ({unrounded:.2f} dB before rounding)"
        ssim = "" if picture.fit_ssim is None else f", SSIM {picture.fit_ssim:.3f}"
        say(console, f"{reached}: PSNR {moment.psnr:.2f} dB{rounded}{ssim}.\n{outputs.described(output, picture)}")
        missed = None if watch.interrupted else settings.missed(unrounded)
        if missed is not None:
            say(console, missed)
        if animate is not None and reel is not None:
            reel.write(animate, picture, overwrite=True)
            say(console, f"{animate} shows the way.")
    if watch.interrupted:
        say(console, f"Interrupted. Go on with: gaussgrad fit -o {shlex.quote(str(output))} --resume")
        raise KeyboardInterrupt
    beside(output).unlink(missing_ok=True)


def _descend(
    photograph: Photograph, settings: Settings, since: Checkpoint | None, watch: "Watch"
) -> tuple[Moment, Picture, float]:
    """Where the descent came to its end, or was stopped, and its PSNR before numbers were rounded."""
    begun = {} if since is None else since.begun
    try:
        with _stopped_softly(watch):
            fit = fit_image(photograph.numbers, mask=photograph.known, callback=watch, **settings.options, **begun)
    except Stopped as stopped:
        return stopped.moment, stopped.picture, stopped.moment.psnr
    watch.interrupted = False
    return fit.history[-1], fit.picture, fit.history[-2 if settings.compact else -1].psnr


class Stopped(Exception):
    """The descent was told to stop: where it was."""

    def __init__(self, moment: Moment, picture: Picture) -> None:
        super().__init__("stopped")
        self.moment, self.picture = moment, picture


class Watch:
    """The callback: shows where the descent is, keeps it every few seconds, and stops it when it is told to."""

    def __init__(
        self, path: Path, settings: Mapping[str, Any], console: Console, progress: Progress, reel: Reel | None
    ) -> None:
        self.path, self.settings, self.console, self.progress = path, dict(settings), console, progress
        self.reel = reel
        self.task = progress.add_task("", total=1.0, figures="")
        self.kept, self.reported, self.interrupted = -KEPT_EVERY, (0, 0), False

    def __call__(self, moment: Moment) -> None:
        figures = f"{moment.psnr:.2f} dB, {moment.gaussians:,} Gaussians, step {moment.step:,}"
        if moment.tried:
            figures += f", trial {len(moment.tried) + 1}"
        self.progress.update(self.task, completed=moment.progress, figures=figures)
        if self.reel is not None:
            self.reel.watch(moment)
        reported = len(moment.tried), int(moment.progress * REPORTS)
        if not self.console.is_terminal and reported > self.reported:
            self.reported = reported
            say(self.console, f"{moment.progress:.0%}: {figures}")
        if self.interrupted or time.monotonic() - self.kept >= KEPT_EVERY:
            picture = moment.picture()
            write(self.path, picture, moment.state(), self.settings)
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
