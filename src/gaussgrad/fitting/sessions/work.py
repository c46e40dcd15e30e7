"""What a process, here or on another machine, is asked for and gives back: one image in, the bytes of its files out."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from gaussgrad.files.photographs import Photograph
from gaussgrad.fitting.photographs import Moment, fit_image
from gaussgrad.fitting.sessions import outputs
from gaussgrad.fitting.sessions.settings import Settings


@dataclass(frozen=True, eq=False)
class Task:
    """An image to fit, on so many threads."""

    photograph: Photograph
    settings: Settings
    threads: int


@dataclass(frozen=True)
class Answer:
    """The contents of the two files, and where the descent ended."""

    gaussians: bytes
    picture: bytes
    moment: Moment


def fit(task: Task) -> Answer:
    """Fit one image. Nothing stays on this machine."""
    photograph, settings = task.photograph, task.settings
    # BLAS would take every core for each image, for no more than a sum of squares.
    with threadpool_limits(task.threads):
        found = fit_image(photograph.numbers, mask=photograph.known, threads=task.threads, **settings.options)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "fit.gauss"
        outputs.write(output, photograph, found.picture, compact=settings.compact)
        return Answer(output.read_bytes(), outputs.picture_beside(output).read_bytes(), found.history[-1])
