"""Find the spots of frames, without training."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gaussgrad import checks
from gaussgrad.cores import available_cores
from gaussgrad.simulation import Camera
from gaussgrad.simulation.estimation import SMALLEST_FRAME
from gaussgrad.spots.calibration import Calibration, calibrate
from gaussgrad.spots.rounds import Start, search
from gaussgrad.spots.tables import SpotTable, joined, table_of

FALSE_ALARMS = 0.1
NARROWEST, WIDEST = 0.3, 30.0  # stddevs in pixels
BATCH_PIXELS = 2**20  # memory for them is a hundred bytes each


def find(
    frames: np.ndarray,
    *,
    camera: Camera | None = None,
    stddev: float | Sequence[float] | None = None,
    false_alarms: float = FALSE_ALARMS,
    widths: str = "common",
    start: tuple[np.ndarray, np.ndarray] | None = None,
    threads: int | None = None,
) -> SpotTable:
    """The spots of frames, each with its light, its background and its standard errors.

    Where the likelihood would rise most, a spot is proposed; spots that overlap are fitted together, each pixel
    integrated over its area; a spot stays if without it twice the log likelihood falls by more than noise alone does
    in `false_alarms` places of a frame. The errors come from the Fisher information of all spots that overlap.

    Parameters
    ----------
    frames : array (f, h, w) or (h, w)
        Counts, of at least 16 × 16 pixels. A pixel at the largest number of its integer type is saturated and left out.
    camera : Camera, optional
        Gain, offset and read noise. By default the frames tell them, by how their noise grows with brightness; where
        it does not grow, the noise is Gaussian and a count passes for a photon.
    stddev : number or (x, y), optional
        Of a spot, 0.3 to 30 pixels. By default the spots that stand alone tell it.
    false_alarms : number
        How many spots noise alone may make in a frame, on average, above 0. It holds from a background of 0.05 photons
        a pixel on; on a dark background with read noise, noise makes fewer.
    widths : "common" or "each"
        Whether all spots have one width, or each its own. With one, a spot much wider than the others
        is found as two; with many, two that nearly coincide are found as a wide one.
    start : (frame, means), optional
        Arrays (n,) and (n, 2) of x and y: spots to try first, such as those that a network or another program tells.
        The likelihood decides on them as on all others, and looks for more.
    threads : positive integer, optional
        At most; by default all cores.

    Returns
    -------
    SpotTable
        In the order of frames and rows; only spots whose centres lie in the frame.

    Raises
    ------
    ValueError
        For frames that are too small, not finite, or without noise where no camera is given; for a start that does not
        lie in the frames.

    Notes
    -----
    Smith et al. (2010), "Fast, single-molecule localization that achieves theoretically minimum uncertainty"; Huang et
    al. (2011), "Simultaneous multiple-emitter fitting for single molecule super-resolution imaging".

    Examples
    --------
    >>> from gaussgrad.simulation import Scene
    >>> scene = Scene(size=(32, 32), density=0.003, photons=2000, stddev=1.3, background=1.0)
    >>> simulated = scene.simulate(2, seed=1)
    >>> found = find(simulated.frames, camera=scene.camera, stddev=1.3)
    >>> len(found.frame) == len(simulated.frame)
    True
    """
    frames = checked_frames(np.asarray(frames))
    calibration = calibration_of(
        frames, camera=camera, stddev=stddev, false_alarms=false_alarms, widths=widths, threads=threads
    )
    first = None if start is None else _checked_start(start, frames.shape)
    return joined(find_in_batches(batches(frames), calibration, first))


def calibration_of(
    frames: np.ndarray,
    *,
    camera: Camera | None = None,
    stddev: float | Sequence[float] | None = None,
    false_alarms: float = FALSE_ALARMS,
    widths: str = "common",
    threads: int | None = None,
) -> Calibration:
    """What `find` reads off frames (f, h, w) before it looks for spots; arguments as there."""
    checks.number("false_alarms", false_alarms, "a finite number above 0", 1e-300)
    checks.option("widths", widths, ("common", "each"))
    stddevs = None if stddev is None else _pair(stddev)
    if camera is not None and camera.size not in (None, frames.shape[1:]):
        got = f"maps of {camera.size} for frames of {frames.shape[1:]}"
        raise ValueError(checks.complain("camera", "of the size of the frames", got))
    return calibrate(
        frames,
        camera=camera,
        stddevs=stddevs,
        false_alarms=false_alarms,
        free_widths=widths == "each",
        threads=checks.thread_count(threads) or available_cores(),
    )


def _pair(stddev: float | Sequence[float]) -> tuple[float, float]:
    """Along x and y."""
    values = np.atleast_1d(np.asarray(stddev, dtype=np.float64))
    if values.shape not in ((1,), (2,)):
        raise ValueError(checks.complain("stddev", "one number, or two along x and y", repr(stddev)))
    beyond = math.nextafter(WIDEST, math.inf)
    wanted = f"from {NARROWEST:g} to {WIDEST:g} pixels"
    x, y = (checks.number("stddev", value, wanted, NARROWEST, beyond) for value in (values[0], values[-1]))
    return x, y


def _checked_start(start: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...]) -> Start:
    """Spots to try first in frames of a shape (f, h, w), or an error."""
    frame, means = np.asarray(start[0]), np.asarray(start[1], dtype=np.float64)
    if frame.ndim != 1 or means.shape != (len(frame), 2):
        got = f"shapes {frame.shape} and {means.shape}"
        raise ValueError(checks.complain("start", "arrays of shapes (n,) and (n, 2)", got))
    f, h, w = shape
    beyond = (frame < 0) | (frame >= f) | (frame % 1 != 0)
    beyond |= ~((means >= -0.5) & (means < (w - 0.5, h - 0.5))).all(axis=1)
    if beyond.any():
        at = int(np.argmax(beyond))
        wanted = f"within {f} frames, numbered from 0, of {w} x {h} pixels (width x height)"
        got = f"frame {frame[at]:g}, x {means[at, 0]:g}, y {means[at, 1]:g}"
        raise ValueError(checks.complain("start", wanted, got))
    return Start(frame.astype(np.int64), means)


def find_in_batches(
    parts: Iterable[np.ndarray], calibration: Calibration, start: Start | None = None
) -> Iterator[SpotTable]:
    """A table for each batch of frames (f, h, w), which are numbered through; `start` tells spots to try first."""
    first = 0
    for counts in parts:
        stop = first + len(counts)
        known = None if start is None else start.within(first, stop)
        yield table_of(search(calibration.batch(counts), calibration.plan, start=known), first)
        first = stop


def batches(frames: np.ndarray) -> Iterator[np.ndarray]:
    """The frames in parts of bounded size."""
    step = batch_length(frames.shape[1:])
    return (frames[start : start + step] for start in range(0, len(frames), step))


def batch_length(size: Sequence[int]) -> int:
    """How many frames (height, width) are looked at together."""
    return max(1, BATCH_PIXELS // int(np.prod(size)))


def checked_frames(frames: np.ndarray) -> np.ndarray:
    """The frames (f, h, w), or an error."""
    if frames.dtype.kind not in "buif":
        raise TypeError(checks.complain("frames", "real numbers", frames.dtype))
    frames = frames[None] if frames.ndim == 2 else frames
    if frames.ndim != 3 or not len(frames) or min(frames.shape[1:]) < SMALLEST_FRAME:
        wanted = f"of shape (f, h, w) or (h, w), a frame of {SMALLEST_FRAME} x {SMALLEST_FRAME} pixels at least"
        raise ValueError(checks.complain("frames", wanted, f"shape {frames.shape}"))
    if frames.dtype.kind == "f":
        checks.finite("frames", frames, ("frame", "row", "column"))
    return frames
