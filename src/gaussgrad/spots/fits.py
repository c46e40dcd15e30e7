"""Fit spots with those that overlap, and drop the ones that the likelihood does not need."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaussgrad.spots.grouping import grouped
from gaussgrad.spots.likelihood import draw, fit
from gaussgrad.spots.likelihood.records import NUMBERS, PHOTONS, PLACES_AND_LIGHT, Answers, Frames, Groups, Spots

REACH = 3.0  # stddevs from a centre to the border of its window, and a pixel more
MOST_DROPS = 60


@dataclass(frozen=True)
class Plan:
    """How spots are looked for."""

    stddevs: tuple[float, float]  # of a spot, along x and y
    free_widths: bool  # whether each spot has its own
    gaussian: bool  # noise that does not grow with light
    threshold: float  # root of twice the logarithm of the likelihood ratio that a spot needs
    threads: int

    @property
    def stddev(self) -> float:
        """The geometric mean of both."""
        return math.sqrt(self.stddevs[0] * self.stddevs[1])

    @property
    def radius(self) -> int:
        """Pixels from the middle of a window to its border."""
        return math.ceil(REACH * max(self.stddevs)) + 1


class Batch(NamedTuple):
    """Frames in photons, looked at together."""

    data: np.ndarray  # (f, h, w)
    noise: np.ndarray  # (h, w)
    used: np.ndarray  # (f, h, w)


class Fitted(NamedTuple):
    """Spots after a fit, in the order in which they came."""

    spots: Spots
    errors: np.ndarray  # (n, NUMBERS)
    deviances: np.ndarray  # (n,)
    shifts: np.ndarray  # (n,): of the background of its group
    alone: np.ndarray  # (n,)


def spots_at(numbers: np.ndarray, frame: np.ndarray, batch: Batch) -> Spots:
    """All active, their windows around where they stand, within the frame; none is drawn."""
    h, w = batch.data.shape[1:]
    centres = np.clip(np.rint(numbers[:, :2]), 0, (w - 1, h - 1)).astype(np.int64)
    return Spots(numbers.copy(), centres, frame, np.ones(len(frame), dtype=bool), np.zeros_like(numbers))


def drawn(level: np.ndarray, spots: Spots, plan: Plan) -> tuple[np.ndarray, Spots]:
    """The background with the light of all active spots, and the spots, which tell so."""
    total = level.copy()
    if len(spots.frame):
        draw(total, spots, radius=plan.radius, threads=plan.threads)
    numbers = spots.numbers.copy()
    numbers[~spots.active, PHOTONS] = 0
    return total, spots._replace(drawn=numbers)


def fit_and_drop(
    batch: Batch,
    level: np.ndarray,
    numbers: np.ndarray,
    frame: np.ndarray,
    plan: Plan,
    last: int = PLACES_AND_LIGHT,
) -> Fitted:
    """Fit all; then make inactive, one by one in each group, what the likelihood does not need.

    `last` says how many numbers of a spot are free in the end: PLACES_AND_LIGHT or NUMBERS.
    """
    labels = grouped(numbers[:, :2], frame, plan.stddev)
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))]).astype(np.int64)
    groups = Groups(starts, np.zeros(len(starts) - 1))
    spots = spots_at(numbers[order], frame[order], batch)
    free = NUMBERS if plan.free_widths else PLACES_AND_LIGHT
    for numbers_free in (PLACES_AND_LIGHT, free):  # the second fit knows better what others shine into a window
        total, spots = drawn(level, spots, plan)
        answers = _fit(batch, total, spots, groups, plan, numbers_free)
    _drop(batch, total, spots, groups, answers, plan, free)
    if last > free:
        answers = _fit(batch, total, spots, groups, plan, last)
    back = np.argsort(order)
    sizes = np.add.reduceat(spots.active, starts[:-1]) if len(frame) else np.zeros(0)
    of_groups = (np.repeat(each, np.diff(starts))[back] for each in (groups.shifts, sizes == 1))
    spots = Spots(*(field[back] for field in spots))
    return Fitted(spots, answers.errors[back], answers.spot_deviances[back], *of_groups)


def _fit(batch: Batch, total: np.ndarray, spots: Spots, groups: Groups, plan: Plan, free: int) -> Answers:
    frames = Frames(batch.data, total, batch.noise, batch.used)
    return fit(frames, spots, groups, radius=plan.radius, free=free, gaussian=plan.gaussian, threads=plan.threads)


def _drop(
    batch: Batch, total: np.ndarray, spots: Spots, groups: Groups, answers: Answers, plan: Plan, free: int
) -> None:
    """Make spots inactive without which the deviance rises by less than the threshold squared, the weakest first."""
    needed = np.zeros(len(spots.frame), dtype=bool)
    for _ in range(MOST_DROPS):
        weakest = _weakest(spots, groups, answers, needed, plan.threshold)
        if not len(weakest):
            return
        of = np.searchsorted(groups.starts, weakest, side="right") - 1
        members, small = _only(groups, of)
        trial = Spots(*(field[members] for field in spots))
        trial.active[np.searchsorted(members, weakest)] = False
        again = _fit(batch, total, trial, small, plan, free)
        dropped = again.deviances - answers.deviances[of] < plan.threshold**2
        needed[weakest[~dropped]] = True
        taken = np.repeat(dropped, np.diff(small.starts))
        into = members[taken]
        spots.numbers[into], spots.active[into] = trial.numbers[taken], trial.active[taken]
        answers.errors[into], answers.spot_deviances[into] = again.errors[taken], again.spot_deviances[taken]
        answers.deviances[of[dropped]], groups.shifts[of[dropped]] = again.deviances[dropped], small.shifts[dropped]


def _weakest(spots: Spots, groups: Groups, answers: Answers, needed: np.ndarray, threshold: float) -> np.ndarray:
    """Of each group the spot that may be needed least, where its photons are not many standard errors.

    Poisson noise is larger with the spot than without it, so Wald's ratio is no larger than that of the likelihoods.
    """
    errors = answers.errors[:, PHOTONS]
    ratio = np.where(errors > 0, spots.numbers[:, PHOTONS] / np.where(errors > 0, errors, 1.0), 0.0)
    doubtful = np.flatnonzero(spots.active & ~needed & ~(ratio >= threshold))
    of = np.searchsorted(groups.starts, doubtful, side="right") - 1
    order = np.lexsort((ratio[doubtful], of))
    _, first = np.unique(of[order], return_index=True)
    return doubtful[order[first]]


def _only(groups: Groups, of: np.ndarray) -> tuple[np.ndarray, Groups]:
    """The indices of the spots of some groups, ascending, and these groups by themselves."""
    sizes = np.diff(groups.starts)[of]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes) + np.repeat(groups.starts[of], sizes)
    return members, Groups(starts, groups.shifts[of].copy())
