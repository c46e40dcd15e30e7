"""Find spots by rounds: propose them where the likelihood would rise, fit, and drop what it does not need."""

import math
from typing import NamedTuple

import numpy as np

from gaussgrad.spots import background, evidence
from gaussgrad.spots.fits import Batch, Plan, drawn, fit_and_drop, spots_at
from gaussgrad.spots.likelihood.records import NUMBERS, PLACES_AND_LIGHT, Frames

MOST_ROUNDS = 5
BESIDE = 0.7  # stddevs: a proposal nearer to what was refused is the same again
LEAST_LEVEL = 1e-3  # photons for each pixel


class Found(NamedTuple):
    """Spots of a batch."""

    numbers: np.ndarray  # (n, NUMBERS)
    errors: np.ndarray  # (n, NUMBERS)
    frame: np.ndarray  # (n,)
    background: np.ndarray  # (n,): photons for each pixel, at the spot
    deviance: np.ndarray  # (n,): for each pixel of its window
    alone: np.ndarray  # (n,): whether nothing overlaps with it


class Start(NamedTuple):
    """Spots to try before any other."""

    frame: np.ndarray  # (n,)
    means: np.ndarray  # (n, 2): x, y

    def within(self, first: int, stop: int) -> "Start":
        """Those of some frames, numbered from the first of these."""
        chosen = (self.frame >= first) & (self.frame < stop)
        return Start(self.frame[chosen] - first, self.means[chosen])


def search(batch: Batch, plan: Plan, *, measure_widths: bool = False, start: Start | None = None) -> Found:
    """The spots of a batch, in the order of frames and then of rows; their own widths, too, if asked for.

    Those of `start` are tried first, and the likelihood decides on them as on all others.
    """
    level = background.first_look(batch.data, batch.used, plan.gaussian, plan.threads)
    numbers, frame, refused = np.zeros((0, NUMBERS)), np.zeros(0, dtype=np.int64), np.zeros((0, 3))
    busy = np.arange(len(batch.data))
    for _ in range(MOST_ROUNDS):
        level = _lit(level, plan)
        if start is None:
            fresh, fresh_frame = _proposals(batch, level, numbers, frame, busy, refused, plan)
        else:
            fresh, fresh_frame = _lightened(batch, level, start.frame, start.means, plan), start.frame
        if not len(fresh) and start is None:
            break
        changed = np.isin(frame, fresh_frame)
        tried = np.concatenate([numbers[changed], fresh]), np.concatenate([frame[changed], fresh_frame])
        fitted = fit_and_drop(batch, level, *tried, plan)
        kept, new = fitted.spots.active, np.arange(len(tried[1])) >= changed.sum()
        refused = np.concatenate([refused, np.column_stack([tried[1], tried[0][:, :2]])[new & ~kept]])
        busy = np.unique(tried[1][new & kept]) if start is None else busy
        start = None
        numbers = np.concatenate([numbers[~changed], fitted.spots.numbers[kept]])
        frame = np.concatenate([frame[~changed], fitted.spots.frame[kept]])
        light, _ = drawn(np.zeros_like(level), spots_at(numbers, frame, batch), plan)
        level = background.smooth(batch.data, light, batch.used, plan.threads)
    last = NUMBERS if plan.free_widths or measure_widths else PLACES_AND_LIGHT
    return _finish(batch, _lit(level, plan), numbers, frame, plan, last)


def _lit(level: np.ndarray, plan: Plan) -> np.ndarray:
    """A background that the noise can come from: Poisson's needs some light everywhere."""
    return level if plan.gaussian else np.maximum(level, LEAST_LEVEL)


def _proposals(
    batch: Batch,
    level: np.ndarray,
    numbers: np.ndarray,
    frame: np.ndarray,
    busy: np.ndarray,
    refused: np.ndarray,
    plan: Plan,
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and frames of spots to try, in the frames where something may be left."""
    total, _ = drawn(level, spots_at(numbers, frame, batch), plan)
    frames = Frames(batch.data[busy], total[busy], batch.noise, batch.used[busy])
    field = evidence.scores(frames, plan.stddevs, plan.radius, plan.gaussian, plan.threads)
    where, places = evidence.peaks(field, evidence.CANDIDATES * plan.threshold)
    where = busy[where]
    fresh = _lightened(batch, total, where, places, plan)
    if len(refused) and len(where):
        from scipy.spatial import cKDTree

        scale = 10 * plan.stddev  # so that frames are far apart
        distance, _ = cKDTree(refused * (scale, 1, 1)).query(np.column_stack([where * scale, places]))
        apart = distance > BESIDE * plan.stddev
        return fresh[apart], where[apart]
    return fresh, where


def _lightened(batch: Batch, total: np.ndarray, where: np.ndarray, places: np.ndarray, plan: Plan) -> np.ndarray:
    """Numbers of spots at places (n, 2) of frames (n,), as bright as what rises above `total` there."""
    h, w = batch.data.shape[1:]
    x, y = np.clip(np.rint(places), 0, (w - 1, h - 1)).astype(np.int64).T
    light = (batch.data[where, y, x] - total[where, y, x]) * 2 * math.pi * plan.stddev**2
    return np.column_stack([places, np.maximum(light, 1.0), np.broadcast_to(plan.stddevs, (len(where), 2))])


def _finish(batch: Batch, level: np.ndarray, numbers: np.ndarray, frame: np.ndarray, plan: Plan, last: int) -> Found:
    """The last fit, with errors; spots whose centres lie in the frame."""
    fitted = fit_and_drop(batch, level, numbers, frame, plan, last)
    numbers, h, w = fitted.spots.numbers, *batch.data.shape[1:]
    inside = ((numbers[:, :2] >= -0.5) & (numbers[:, :2] < (w - 0.5, h - 0.5))).all(axis=1)
    chosen = np.flatnonzero(fitted.spots.active & inside)
    chosen = chosen[np.lexsort((numbers[chosen, 0], numbers[chosen, 1], frame[chosen]))]
    x, y = fitted.spots.centres[chosen].T
    return Found(
        numbers[chosen],
        fitted.errors[chosen],
        frame[chosen],
        level[frame[chosen], y, x] + fitted.shifts[chosen],
        fitted.deviances[chosen],
        fitted.alone[chosen],
    )
