"""Speed of finding spots, and memory by the number of frames: two tables, on simulated frames."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from benchmarks import pages
from benchmarks.speed import machine
from benchmarks.speed.tables import number, table
from gaussgrad.simulation import Scene
from gaussgrad.spots import find

PAGE = pages.DOCS / "spots.md"
SIDE, STDDEV, BACKGROUND = 256, 1.3, 1.0
SPOTS = 50  # in a frame
APART = 16  # pixels between isolated spots
PHOTONS = 1000.0
LENGTHS = (1_000, 10_000, 100_000)  # pages
SMALL = 16  # pixels along both sides of a page


def usual(frames: int) -> np.ndarray:
    """Frames (f, SIDE, SIDE) of fifty spots each."""
    scene = Scene(size=(SIDE, SIDE), density=SPOTS / SIDE**2, stddev=STDDEV, background=BACKGROUND)
    return np.concatenate([scene.simulate(1, seed=seed).frames.astype(np.uint16) for seed in range(frames)])


def isolated(frames: int) -> np.ndarray:
    """Frames (f, SIDE, SIDE) of one spot in each square of APART pixels, about its middle."""
    scene = Scene(size=(SIDE, SIDE), density=0.0, stddev=STDDEV, background=BACKGROUND)
    middles = np.stack(np.meshgrid(*[np.arange(APART / 2, SIDE, APART)] * 2), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    places = (middles + rng.uniform(-1, 1, middles.shape) for _ in range(frames))
    photons = np.full(len(middles), PHOTONS)
    return np.stack([scene.camera.counts(scene.expected(means, photons), rng) for means in places]).astype(np.uint16)


def timed(what: str, counts: np.ndarray, **options: object) -> list[str]:
    """A line of the table: one run; what is compiled is not counted."""
    find(counts[:1], **options)
    wall, cpu = time.perf_counter(), time.process_time()
    spots = len(find(counts, **options).frame)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figures = (cpu, wall, 1e3 * cpu / len(counts), spots / wall)
    return [what, f"{len(counts):,}", f"{spots:,}", *map(number, figures)]


def speed_table(frames: int) -> str:
    """Markdown: without options on frames of fifty spots, and with camera and width told on isolated spots."""
    known = {"camera": Scene(size=(SIDE, SIDE), density=0.0).camera, "stddev": STDDEV}
    rows = [
        timed("fifty spots a frame, no options", usual(frames)),
        timed("isolated spots, camera and width told", isolated(max(1, frames // 20)), **known),
    ]
    return table(["what", "frames", "spots", "CPU, s", "wall, s", "CPU of a frame, ms", "spots a second"], rows)


def memory_table(lengths: Sequence[int]) -> str:
    """Markdown: the command on TIFF files of small pages, in processes of their own."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        stack, spots = Path(folder) / "stack.tif", Path(folder) / "spots.csv"
        for length in lengths:
            write_pages(stack, length)
            command = [sys.executable, "-m", "benchmarks.speed.spots.probe", stack, "-o", spots, "--overwrite"]
            done = subprocess.run(command, cwd=pages.ROOT, capture_output=True, text=True, check=True)
            took = json.loads(done.stdout.splitlines()[-1])
            size = spots.stat().st_size
            figures = (took["peak"] / 1e6, took["cpu"], took["wall"], size / 1e6)
            rows.append([f"{length:,}", *map(number, figures)])
    return table(["pages", "peak memory, MB", "CPU, s", "wall, s", "table, MB"], rows)


def write_pages(path: Path, length: int) -> None:
    """A TIFF file of so many pages, each with a description of its own."""
    scene = Scene(size=(SMALL, SMALL), density=0.004, photons=PHOTONS, background=2.0)
    counts = scene.simulate(min(length, 1000), seed=1).frames.astype(np.uint16)
    with tifffile.TiffWriter(path) as writer:
        for page in range(length):
            writer.write(counts[page % len(counts)], photometric="minisblack", contiguous=False, metadata=None)


def report_on(frames: int, into_docs: bool) -> None:
    """Measure and print the tables, and write them into the page where asked for."""
    facts = machine.describe()
    where = f"{facts['processor']}; {facts['versions']}; {facts['date']}."
    text = (
        f"Frames of {SIDE} × {SIDE}. {where}\n\n{speed_table(frames)}\n\n"
        f"`gaussgrad spots find` on TIFF files of pages of {SMALL} × {SMALL}, all of it with the start:\n\n"
        f"{memory_table(LENGTHS)}"
    )
    print(f"\n{text}")
    if into_docs:
        pages.write(PAGE, "speed", text)
