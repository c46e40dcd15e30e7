"""Small trainings and fits that are stopped and go on, and what they leave when nobody stops them."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.endurance import warm
from benchmarks.endurance.cases import Wrong

LONGEST = 240.0  # seconds
UNLIKE = ("logs", ".lock")  # one log for each time that a run goes on
TRAIN = ("-n", 2, "--looks", 1, "--batch-size", 16)
FIT = ("-n", 12, "--steps", 24)


@dataclass(frozen=True)
class Job:
    """A command, how it goes on, and what it leaves."""

    name: str
    begin: tuple[object, ...]
    resume: tuple[object, ...]
    output: str

    def begun(self, folder: Path) -> bool:
        """Whether there is something to go on with."""
        output = folder / self.output
        return (output / "config.json").is_file() if self.trains else output.with_name(f"{self.output}.part").is_file()

    @property
    def trains(self) -> bool:
        return self.begin[0] == "train"

    def done(self, folder: Path) -> bool:
        """Whether nothing is left to do."""
        output = folder / self.output
        return not self.begun(folder) and output.is_file() if not self.trains else (output / "metrics.json").is_file()


def jobs(data: Path) -> list[Job]:
    """With their images, which are written to a folder."""
    from gaussgrad.files.images import write_image

    y, x = np.mgrid[:24, :32] / 32
    write_image(data / "photo.png", np.stack((x, 0.5 + 0.4 * np.sin(9 * y), x * y)))
    np.save(data / "images.npy", spots())
    made = []
    for name, options in {
        "train": ("--epochs", 5),
        "train elbo": ("--epochs", 3, "--objective", "elbo"),
        "train presence": ("--epochs", 3, "--presence-cost", 1e-3),
    }.items():
        begin = ("train", data / "images.npy", *TRAIN, *options, "-o", "run")
        made.append(Job(name, begin, ("train", "-o", "run", "--resume"), "run"))
    fits = {"fit": FIT, "fit compact": (*FIT, "--compact"), "fit fewest": ("--psnr", 20, "--steps", 24)}
    for name, options in fits.items():  # none has a budget in seconds, which would leave other steps
        begin = ("fit", data / "photo.png", *options, "-o", "a.gauss")
        made.append(Job(name, begin, ("fit", "-o", "a.gauss", "--resume"), "a.gauss"))
    return made


def spots(count: int = 40, size: tuple[int, int] = (10, 12)) -> np.ndarray:
    """Images (count, 1, h, w) of one soft spot each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1]]
    places = rng.uniform(1, (size[1] - 2, size[0] - 2), (count, 2))
    drawn = np.exp(-((x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2) / 4)
    return drawn[:, None].astype(np.float32)


@dataclass(frozen=True)
class Undisturbed:
    """What a job leaves, and the seconds that it takes."""

    job: Job
    left: dict[str, str]
    seconds: float


def undisturbed(job: Job, folder: Path) -> Undisturbed:
    """Run a job twice: the first time compiles, in this process, from which the others are forked."""
    warming, place = (folder / f"{job.name.replace(' ', '-')}-{number}" for number in range(2))
    warming.mkdir(parents=True)
    place.mkdir()
    warm.here(job.begin, warming)
    began = time.monotonic()
    ended = warm.finish(job.begin, place, LONGEST)
    if ended.code != 0:
        raise Wrong(f"{job.name} ended with {ended.code}: {ended.err}")
    return Undisturbed(job, left_by(place), time.monotonic() - began)


def left_by(folder: Path) -> dict[str, str]:
    """What stands in each file, in short."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part in UNLIKE for part in path.relative_to(folder).parts):
            continue
        found[name] = _content(path)
    return found


def _content(path: Path) -> str:
    if path.name == "metrics.json":
        record = json.loads(path.read_text(encoding="utf-8"))
        record.pop("seconds")
        return json.dumps(record)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare(known: Undisturbed, folder: Path) -> None:
    """Raise `Wrong` where a job that was stopped left something else than one that was not."""
    left = left_by(folder)
    if left != known.left:
        unlike = {name for name in left.keys() | known.left.keys() if left.get(name) != known.left.get(name)}
        raise Wrong(f"{known.job.name} left something else: {', '.join(sorted(unlike))}")
