"""Damaged files and hostile settings: a command does its work or refuses in one line, and leaves nothing half done."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance import jobs, mutations, warm
from benchmarks.endurance.cases import Wrong

LONGEST = 120.0  # seconds
QUICK = ("-n", 2, "--looks", 1, "--epochs", 1, "--batch-size", 16)
TRAIN = ("train", "IT", "-o", "run", *QUICK)
FIT = ("fit", "IT", "-n", 3, "--steps", 1, "-o", "o.gauss")
PREDICT = ("predict", "model", "IT", "-o", "o.csv")
DRAW = ("render", "IT", "-o", "o.png", "--size", 9, 8)
OPTIONS = {
    "train": ("-n", "--epochs", "--batch-size", "--looks", "--seed", "--learning-rate", "--beta", "--held-out"),
    "render": ("--tolerance", "--amplitude", "--compose", "--image", "--scale"),
    "fit": ("-n", "--steps", "--seconds", "--psnr", "--narrowest", "--seed"),
    "predict": ("--refine",),
}
LIMITS = {"train": ("--minutes", 0.02), "fit": ("--seconds", 1)}  # a million steps are no mistake
COMMANDS = (  # each with the file that is damaged, which it reads as IT
    ("whole.npy", TRAIN),
    ("whole.npy", PREDICT),
    ("image.npy", FIT),
    ("rows.npy", DRAW),
    ("whole.npz", TRAIN),
    ("whole.npz", PREDICT),
    ("whole.gz", TRAIN),
    ("whole.tif", TRAIN),
    ("whole.tif", (*PREDICT, "--overlay", "shown")),
    ("page.tif", FIT),
    ("whole.png", FIT),
    ("mask.png", ("fit", "whole.png", "--mask", "IT", "-n", 3, "--steps", 1, "-o", "o.gauss")),
    ("whole.jpg", FIT),
    ("whole.csv", DRAW),
    ("whole.csv", ("render", "IT", "-o", "o.npy", "--size", 3, 8, "--compose", "union")),
    ("whole.gauss", ("info", "IT")),
    ("whole.gauss", ("render", "IT", "-o", "o.png")),
    ("whole.gauss", ("render", "IT", "-o", "o.tif", "--scale", 2)),
    ("whole.gauss", ("export", "IT", "-o", "o.csv")),
    ("it.gauss.part", ("fit", "-o", "it.gauss", "--resume")),
    ("half/config.json", ("train", "-o", "half", "--resume")),
    ("model/model.json", ("inspect", "model", "whole.npy", "-o", "o.png")),
    ("model/weights.safetensors", ("predict", "model", "whole.npy", "-o", "o.csv")),
)


@contextmanager
def ready(folder: Path, seed: int) -> Iterator[Callable[[int], int]]:
    warm.prepare()
    whole = folder / "whole"
    whole.mkdir()
    write_whole(whole)
    compile_all(folder)
    yield lambda number: attempt(folder, seed, number)


def write_whole(folder: Path) -> None:
    """A whole file of each kind, a model, and a training and a fit that are not finished."""
    import gzip
    import struct

    import tifffile
    from PIL import Image

    from gaussgrad.autoencoder import GaussianAutoencoder

    images = jobs.spots(12)
    samples = np.uint8(255 * images[:, 0])
    np.save(folder / "whole.npy", images)
    np.save(folder / "rows.npy", np.array([[1.0, 2, 1, 0, 1, 0.5], [4.0, 3, 2, 0.5, 1, 1]]))
    np.savez_compressed(folder / "whole.npz", images=images)
    (folder / "whole.gz").write_bytes(
        gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, *samples.shape) + samples.tobytes())
    )
    np.save(folder / "image.npy", samples[0])
    tifffile.imwrite(folder / "whole.tif", samples, photometric="minisblack")
    tifffile.imwrite(folder / "page.tif", samples[0], photometric="minisblack")
    for name in ("whole.png", "whole.jpg", "mask.png"):
        Image.fromarray(samples[0]).save(folder / name)
    rows = "x,y,xx,xy,yy,weight\n" + "".join(f"{k},{k / 2},2,0.5,1,{k / 9}\n" for k in range(6))
    (folder / "whole.csv").write_text(rows, encoding="utf-8")
    GaussianAutoencoder(images.shape[2:], n=2).save(folder / "model")
    fit = warm.here(("fit", "whole.png", "-n", 5, "--steps", 3, "-o", "whole.gauss"), folder)
    warm.here(("train", "whole.npy", *QUICK, "-o", "run"), folder)
    shutil.rmtree(folder / "run")
    _stopped(("fit", "whole.png", "-n", 5, "--seconds", 1, "-o", "it.gauss"), folder, folder / "it.gauss.part")
    _stopped(
        ("train", "whole.npy", *QUICK[:-4], "--epochs", 10**5, "-o", "half"), folder, folder / "half" / "config.json"
    )
    if fit:
        raise Wrong(f"a fit ended with {fit}")
    text = (folder / "half" / "config.json").read_text(encoding="utf-8")
    (folder / "half" / "config.json").write_text(text.replace('"epochs": 100000', '"epochs": 1'), encoding="utf-8")
    shutil.rmtree(folder / "half" / "checkpoints", ignore_errors=True)


def _stopped(arguments: tuple, folder: Path, until: Path) -> None:
    """Begin a command and kill it when a file is there."""
    import os
    import time

    started = warm.start(arguments, folder)
    while not until.is_file():
        if warm.wait(started, 0.01) is not None:
            raise Wrong(f"{arguments} ended too early: {started.err.read_text(encoding='utf-8')}")
    time.sleep(0.05)
    os.kill(started.process, 9)
    warm.wait(started, LONGEST)


def compile_all(folder: Path) -> None:
    """Run each command once on a whole file, in this process, from which the others are forked."""
    for number, (name, command) in enumerate(COMMANDS):
        copy = folder / f"warm-{number}"
        shutil.copytree(folder / "whole", copy)
        code = warm.here(reading(name, command), copy)
        if code:
            raise Wrong(f"{command} ended with {code} on a whole {name}")
        shutil.rmtree(copy)


def reading(name: str, command: tuple) -> tuple:
    return tuple(name if word == "IT" else word for word in command)


def attempt(folder: Path, seed: int, number: int) -> int:
    """One command with a damaged file, or a hostile setting."""
    rng = np.random.default_rng([seed, 7, number])
    place = folder / f"hostile-{number}"
    shutil.copytree(folder / "whole", place)
    name, command = COMMANDS[int(rng.integers(len(COMMANDS)))]
    command = reading(name, command)
    if rng.random() < 0.8 or "--resume" in command or command[0] not in OPTIONS:
        mutations.damage(rng, place / name)
    else:
        names = OPTIONS[command[0]]
        option = names[int(rng.integers(len(names)))]
        limit = LIMITS.get(command[0], ()) if option != "--seconds" else ()
        command = (*command, option, mutations.hostile_word(rng), *limit)
    before = listing(place)
    ended = warm.finish(command, place, LONGEST)
    refuse_ending(command, ended, before, place)
    shutil.rmtree(place)
    return 1


def refuse_ending(command: tuple, ended: warm.Ended, before: set[str], place: Path) -> None:
    """Raise `Wrong` where a command hung, broke, said too much or left something."""
    said = f"{' '.join(map(str, command))} ended with {ended.code} and said: {ended.out[-500:]}{ended.err[-3000:]}"
    if ended.code is None:
        raise Wrong(f"hung for {LONGEST:.0f} seconds: {said}")
    if ended.code not in (0, 2) or "Traceback" in ended.err:
        raise Wrong(said)
    left = listing(place) - before
    if ended.code == 2:
        if ended.err.count("\n") != 1 or not ended.err.startswith("gaussgrad: "):
            raise Wrong(f"no single line: {said}")
        if left and "--resume" not in command:
            raise Wrong(f"left {sorted(left)}: {said}")
    if any(".partial-" in name for name in left):
        raise Wrong(f"left {sorted(left)}: {said}")


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
