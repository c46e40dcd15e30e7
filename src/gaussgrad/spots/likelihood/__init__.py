"""Maximum likelihood of groups of spots, for NumPy arrays, in place."""

import numpy as np

from gaussgrad import parallel
from gaussgrad.spots.likelihood.records import NUMBERS, Answers, Frames, Groups, Spots

MOST_STEPS = 40
SECONDS_PER_PIXEL = 1e-6  # of one spot in a fit, roughly; only decides whether threads are worth it


def fit(
    frames: Frames,
    spots: Spots,
    groups: Groups,
    *,
    radius: int,
    free: int,
    gaussian: bool,
    threads: int,
) -> Answers:
    """Change numbers of the active spots, and shifts, to those of the highest likelihood; errors and deviances.

    `free` says how many numbers of a spot are free: PLACES_AND_LIGHT or NUMBERS. Windows reach `radius` pixels from
    their centres.
    """
    from gaussgrad.spots.likelihood.descent import fit_groups

    n, count = len(spots.numbers), len(groups.shifts)
    answers = Answers(np.full((n, NUMBERS), np.nan), np.zeros(count), np.full(n, np.nan))

    def task(start: int, stop: int) -> None:
        fit_groups(start, stop, frames, spots, groups, radius, free, gaussian, MOST_STEPS, answers)

    parallel.run(task, count, threads, n * (2 * radius + 1) ** 2 * SECONDS_PER_PIXEL)
    return answers


def draw(total: np.ndarray, spots: Spots, *, radius: int, threads: int) -> None:
    """Add the light of the active spots to frames (f, h, w), in place."""
    from gaussgrad.spots.likelihood.drawing import draw_frames

    order = np.argsort(spots.frame, kind="stable")
    starts = np.searchsorted(spots.frame[order], np.arange(len(total) + 1))

    def task(start: int, stop: int) -> None:
        draw_frames(start, stop, order, starts, spots, radius, total)

    parallel.run(task, len(total), threads, len(order) * (2 * radius + 1) ** 2 * SECONDS_PER_PIXEL / 10)
