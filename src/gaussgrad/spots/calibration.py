"""What the frames themselves tell before spots are looked for: noise, width, and pixels that tell nothing."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gaussgrad import checks
from gaussgrad.simulation import Camera, estimation
from gaussgrad.spots import evidence
from gaussgrad.spots.defects import filled, hot, outstanding
from gaussgrad.spots.fits import Batch, Plan
from gaussgrad.spots.likelihood.records import PHOTONS, X_STDDEV, Y_STDDEV
from gaussgrad.spots.rounds import Found, search

WIDTH_FRAMES = 8
WIDTH_PIXELS = 2**20
WIDTH_PASSES = 3
STRONG = 10.0  # standard errors of its photons that a spot needs to tell the width
FEWEST = 5  # spots that tell a width
DIFFERENT = 3.0  # standard errors between the widths along x and y that make them two
AROUND = 5  # pixels that tell how bright a saturated one is
SETTLED = 0.01  # of a width: a smaller change is none
NOISE_PASSES = 3  # each knows better which pixels are hot
NARROW = 0.66  # pixels: hardly a spot whose width is yet unknown is as narrow
MOST_HOT = 0.02  # of the pixels
SURELY = 0.7  # times the width that moments tell: spots are hardly as narrow


@dataclass(frozen=True)
class Calibration:
    """How counts become photons, and how spots are looked for in them."""

    camera: Camera
    variance: float  # of Gaussian noise, in photons²; 0 where the noise is Poisson's
    saturated: float  # counts from which on a pixel tells nothing
    plan: Plan

    def batch(self, counts: np.ndarray) -> Batch:
        """Frames (f, h, w) in photons, and which of their pixels tell something."""
        numbers = counts.astype(np.float64)
        data = self.camera.photons(numbers)
        read = self.variance if self.plan.gaussian else self.camera.read_variance
        noise = np.array(np.broadcast_to(read, data.shape[1:]), dtype=np.float64)
        used = numbers < self.saturated
        plan = self.plan
        return Batch(data, noise, used & ~hot(data, noise, used, plan.stddevs, plan.gaussian, plan.threads))


def calibrate(
    frames: np.ndarray,
    *,
    camera: Camera | None,
    stddevs: tuple[float, float] | None,
    false_alarms: float,
    free_widths: bool,
    threads: int,
) -> Calibration:
    """Of some of the frames (f, h, w); what is told is taken, what is None is estimated."""
    area = float(np.prod(frames.shape[1:]))
    dtype = np.dtype(frames.dtype)
    saturated = float(np.iinfo(dtype).max) if dtype.kind in "ui" else math.inf
    rough = (
        None if camera is not None and stddevs is not None else _moments(frames, camera, stddevs, saturated, threads)
    )
    gaussian = camera is None and rough is not None and not rough.poisson
    if camera is None and rough is not None:
        camera = Camera(rough.gain, rough.offset)
    start = stddevs or ((rough.stddev, rough.stddev) if rough else (1.0, 1.0))
    plan = Plan(start, free_widths, gaussian, evidence.threshold(area, start, false_alarms), threads)
    found = Calibration(camera or Camera(), rough.variance if gaussian and rough else 0.0, saturated, plan)
    return found if stddevs else _with_width(found, frames, area, false_alarms)


def _moments(
    frames: np.ndarray,
    camera: Camera | None,
    stddevs: tuple[float, float] | None,
    saturated: float,
    threads: int,
) -> estimation.Moments:
    """Of the frames without bad pixels; where the camera is told, frames without noise are no error."""
    counts = estimation.sample(frames)
    over = counts >= saturated
    bad, chosen = over, _without(counts, saturated)
    known = _surely(stddevs or (NARROW / SURELY,) * 2)
    if stddevs is None:  # what glares would pass for the width of spots
        some = _few(chosen)
        width = max(NARROW / SURELY, estimation.width(filled(some, outstanding(some, known))))
        known = _surely((width, width))
    fresh = outstanding(chosen, known)
    for _ in range(NOISE_PASSES):
        bad = bad | fresh
        chosen = filled(chosen, fresh)
        fresh = _hot_on_dark(chosen, bad, known, threads)
        if not fresh.any():
            break
    if camera is None:
        _check_hot(bad & ~over)
    try:
        return _moments_without(chosen, bad, known, threads)
    except ValueError:
        if camera is None:
            raise
        width = estimation.ASSUMED_STDDEV
        return estimation.Moments(1.0, 0.0, 0.0, True, 0.0, width, 0.0, 0.0)


def _moments_without(
    frames: np.ndarray, bad: np.ndarray, stddevs: tuple[float, float], threads: int
) -> estimation.Moments:
    """Of frames (f, h, w) without bad pixels, and without those that are hot by the noise that the others tell."""
    found = estimation.moments_of(frames, bad)
    if not found.poisson:
        return found
    photons, noise = (frames - found.offset) / found.gain, np.zeros(frames.shape[1:])
    fresh = hot(photons, noise, ~bad, stddevs, False, threads)
    return estimation.moments_of(filled(frames, fresh), bad | fresh) if fresh.any() else found


def _surely(stddevs: tuple[float, float]) -> tuple[float, float]:
    """Widths that hardly a spot falls below."""
    return SURELY * stddevs[0], SURELY * stddevs[1]


def _check_hot(bad: np.ndarray) -> None:
    """An error where so many pixels (f, h, w) are hot that the rest does not tell the noise."""
    if bad.mean() > MOST_HOT:
        wanted = f"with at most {MOST_HOT:.0%} of the pixels hot, so that the others tell the noise"
        count, of = int(bad.sum()), int(bad.any(axis=(1, 2)).sum())
        got = f"{count} pixels ({bad.mean():.1%}) in {of} frames that are brighter than spots allow"
        cure = "Choose a region without them, or tell the camera (its gain, offset and read noise) and the stddev."
        raise ValueError(checks.complain("frames", wanted, got, cure))


def _few(frames: np.ndarray) -> np.ndarray:
    """Some of them, evenly chosen."""
    return frames[:: math.ceil(len(frames) / WIDTH_FRAMES)]


def _hot_on_dark(frames: np.ndarray, bad: np.ndarray, stddevs: tuple[float, float], threads: int) -> np.ndarray:
    """Which pixels of frames (f, h, w) are hot if their background is one photon: from more, noise grows less."""
    deviation = math.sqrt(estimation.typical_variance(_few(frames), _few(bad)))
    if not deviation > 0:
        return np.zeros_like(bad)
    photons = (frames - np.median(_few(frames))) / deviation + 1
    return hot(photons, np.zeros(frames.shape[1:]), ~bad, stddevs, False, threads)


def _without(frames: np.ndarray, saturated: float) -> np.ndarray:
    """Frames (f, h, w) whose saturated pixels, which tell no noise, are as bright as the brightest others around."""
    beyond = frames >= saturated
    if not beyond.any() or beyond.all():
        return frames
    from scipy import ndimage

    around = ndimage.maximum_filter(np.where(beyond, -np.inf, frames), (0, AROUND, AROUND))
    usual = np.median(frames[~beyond])
    return np.where(beyond, np.where(np.isfinite(around), around, usual), frames)


def _with_width(first: Calibration, frames: np.ndarray, area: float, false_alarms: float) -> Calibration:
    """The same with the width of the spots that stand alone, fitted again until it stays."""
    most = max(1, min(WIDTH_FRAMES, WIDTH_PIXELS // math.prod(frames.shape[1:])))
    chosen = frames[:: math.ceil(len(frames) / most)]
    now = first
    for _ in range(WIDTH_PASSES):
        found = search(now.batch(chosen), replace(now.plan, free_widths=False), measure_widths=True)
        stddevs = _width_of(found)
        if stddevs is None:
            return now
        plan = replace(now.plan, stddevs=stddevs, threshold=evidence.threshold(area, stddevs, false_alarms))
        change = max(abs(new / old - 1) for new, old in zip(stddevs, now.plan.stddevs, strict=True))
        now = replace(now, plan=plan)
        if change < SETTLED:
            break
    return now


def _width_of(found: Found) -> tuple[float, float] | None:
    """Medians over the strong spots, those alone if there are enough; one for both axes unless they differ clearly."""
    strong = found.numbers[:, PHOTONS] > STRONG * found.errors[:, PHOTONS]
    for chosen in (strong & found.alone, strong):
        n = int(chosen.sum())
        if n >= FEWEST:
            widths = found.numbers[chosen][:, [X_STDDEV, Y_STDDEV]]
            x, y = np.median(widths, axis=0)
            spread = estimation.SCALE * np.median(np.abs(widths - (x, y)), axis=0)
            error = 1.25 * math.hypot(*spread) / math.sqrt(n)  # of the difference of two medians
            both = math.sqrt(x * y)
            return (float(x), float(y)) if abs(x - y) > DIFFERENT * error else (both, both)
    return None
