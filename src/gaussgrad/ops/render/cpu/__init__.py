"""The CPU kernels of the renderer: arrays in, arrays out, the work split over threads."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gaussgrad import arrays, parallel, simd
from gaussgrad.ops.render.cpu.backward import finish_blocks, gradients_of_visits
from gaussgrad.ops.render.cpu.bands import CELL, READ, WRITTEN, bands_of_rows, count_bands, members_of_bands, touch_rows
from gaussgrad.ops.render.cpu.forward import draw_bands, rows_collide
from gaussgrad.ops.render.cpu.geometry import valid_range
from gaussgrad.ops.render.cpu.gradients import MOMENTS
from gaussgrad.ops.render.cpu.modes import MAX, MODES, SUM, UNION
from gaussgrad.ops.render.cpu.records import Cut, Frame, Scene
from gaussgrad.ops.render.cpu.visits import plan_visits

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

NANOSECONDS_PER_GAUSSIAN = 50  # measured
NANOSECONDS_PER_PIXEL = {"placed": 0.25, "point": 0.5, "area": 5}  # of the box around the ellipse
ASKED = 64  # Gaussians of a large job, for a guess at its time
NANOSECONDS_PER_REACH, NANOSECONDS_PER_CHECK = {None: 1, True: 10}, {None: 0.6, True: 6}  # True: of factors
FEW_CHANNELS = 4  # a vector of each fits into registers
NO_OFFSETS, NO_MEMBERS = np.empty(0, np.int64), np.empty(0, np.int32)
DIAGONALS = {1: (0,), 3: (0, 2), 6: (0, 3, 5)}  # the places of xx, yy, zz, by the number of packed entries
ROWS = (slice(0, 1), slice(1, 3), slice(3, 6))  # those of a factor's x, y and z
PADS = {"point": 0.0, "area": 0.5}  # how far a pixel reaches from its centre

Array = np.ndarray


def valid(means: Array, widths: Array, weights: Array, *, threads: int = 1, form: str, **_: Any) -> bool:
    """Whether every value is finite, every covariance positive definite, and every factor's diagonal positive."""
    count, factored = means.shape[0] * means.shape[1], _factored(form)
    seconds = count * NANOSECONDS_PER_CHECK[factored] * 1e-9

    def check(start: int, stop: int) -> bool:
        return valid_range(start, stop, means, widths, weights, factored)

    return parallel.all_hold(check, count, threads, seconds)


def forward(
    means: Array,
    widths: Array,
    weights: Array,
    *,
    size: tuple[int, ...],
    amplitude: str,
    compose: str,
    pixel: str,
    tolerance: float,
    form: str,
    threads: int,
) -> tuple[Array, tuple[Array, ...]]:
    """The image (b, c, pixels), and `saved`: for max the winners, for union the products and the zero factors."""
    frame, scene, mode, factored = _frame(size), Scene(means, widths, weights), MODES[compose], _factored(form)
    batch, _, channels = weights.shape
    image = arrays.empty((batch, channels, math.prod(size)), means.dtype)
    marks = arrays.empty(image.shape if mode != SUM else (0,), np.dtype(np.int32))
    out = arrays.empty(image.shape, image.dtype) if mode == UNION else image
    cut = _cut(tolerance, pixel, means.dtype)
    rows, length = frame.depth * frame.height, frame.width
    if len(size) == 1:
        rows, length = math.ceil(size[0] / CELL), 0  # threads need bands, the cache does not: a signal has one row
    seconds = _seconds(scene, factored, cut, frame)
    pieces = parallel.pieces(threads, seconds)
    count = count_bands(rows, channels * length * image.itemsize, batch, pieces, WRITTEN)
    offsets, members = NO_OFFSETS, NO_MEMBERS
    if count > 1:
        reach = _reach(scene, factored, frame, cut, threads)
        offsets, members = members_of_bands(reach, batch, bands_of_rows(rows, count), count)
    given = (
        (count, offsets, members),
        tuple(scene),
        factored,
        tuple(frame),
        amplitude == "density",
        _static(mode, channels, means.shape[2], pixel),
        *_ways(pixel, size),
        _integrated(pixel),
        True if len(size) > 1 and rows_collide(frame.width, channels, image.itemsize) else None,
        tuple(cut),
        (image.reshape(-1), marks.reshape(-1), out.reshape(-1)),
    )
    parallel.run(_task(draw_bands, given), batch * count, threads, seconds)
    if mode == SUM:
        return image, ()
    return out, (marks,) if mode == MAX else (image, marks)


def forward_if_valid(
    means: Array, widths: Array, weights: Array, *, threads: int, **options: Any
) -> tuple[Array, tuple[Array, ...]] | None:
    """The same; None where a value is not valid."""
    if not valid(means, widths, weights, threads=threads, **options):
        return None
    return forward(means, widths, weights, threads=threads, **options)


def backward(
    grad: Array,
    saved: tuple[Array, ...],
    means: Array,
    widths: Array,
    weights: Array,
    *,
    size: tuple[int, ...],
    amplitude: str,
    compose: str,
    pixel: str,
    tolerance: float,
    form: str,
    threads: int,
) -> tuple[Array, Array, Array]:
    """The gradients of means, widths and weights."""
    frame, scene, mode, factored = _frame(size), Scene(means, widths, weights), MODES[compose], _factored(form)
    batch, _, channels = weights.shape
    marks = saved[-1] if saved else np.empty(0, np.int32)
    product = saved[0] if mode == UNION else np.empty(0, means.dtype)
    rows = frame.depth * frame.height
    bands = count_bands(rows, channels * frame.width * grad.itemsize, batch, 1, READ)
    cut = _cut(tolerance, pixel, means.dtype)
    reach = _reach(scene, factored, frame, cut, threads)
    if len(size) == 1:
        reach = np.diff(reach).astype(bool) * np.array([0, 1], reach.dtype)  # the one row of a signal
    visits, slots = plan_visits(reach, batch, bands_of_rows(rows, bands), bands)
    partial = np.empty((slots, MOMENTS + channels))
    gradients = arrays.empty_like(means), arrays.empty_like(widths), arrays.empty_like(weights)
    density = amplitude == "density"
    given = (
        visits,
        partial,
        tuple(scene),
        factored,
        tuple(frame),
        density,
        _static(mode, channels, means.shape[2], pixel),
        *_ways(pixel, size),
        _integrated(pixel),
        tuple(cut),
        (grad.reshape(-1), product.reshape(-1), marks.reshape(-1)),
        gradients,
    )
    parallel.run(_task(gradients_of_visits, given), len(visits), threads, _seconds(scene, factored, cut, frame))
    if slots:
        finish_blocks(visits, partial, tuple(scene), factored, density, gradients)
    return gradients


def _task(kernel: Any, given: tuple[Any, ...]) -> Callable[[int, int], None]:
    """The kernel as a function of a range. Records come as plain tuples, see records.py."""

    def task(start: int, stop: int) -> None:
        kernel(start, stop, *given)

    return task


def _reach(scene: Scene, factored: bool | None, frame: Frame, cut: Cut, threads: int) -> Array:
    """The rows that each Gaussian may touch, see `touch_rows`."""
    count = scene.means.shape[0] * scene.means.shape[1]
    reach = np.empty((count, 2), np.int32)
    given = (scene.means, scene.widths, factored, tuple(frame), tuple(cut), reach)
    parallel.run(_task(touch_rows, given), count, threads, count * NANOSECONDS_PER_REACH[factored] * 1e-9)
    return reach


def _frame(size: tuple[int, ...]) -> Frame:
    return Frame(*(1,) * (3 - len(size)), *size)


@functools.lru_cache(64)
def _static(mode: int, channels: int, dimensions: int, pixel: str) -> tuple[tuple[None, ...], ...]:
    """The fields of `Static`, with a few channels or (0) any number.

    Points in 2-D and 3-D take half to four fifths of the time where the number is known. Signals and areas gain a
    twentieth at most: not worth the seconds that another kernel takes to compile.
    """
    known = channels <= FEW_CHANNELS and dimensions > 1 and pixel == "point"
    return simd.static(mode), simd.static(channels if known else 0), simd.static(dimensions)


def _integrated(pixel: str) -> bool | None:
    """The flag of the kernels: whether a pixel is the mean over its area."""
    return True if pixel == "area" else None


def _ways(pixel: str, size: tuple[int, ...]) -> tuple[bool | None, bool | None]:
    """The flags of the kernels: whether there are slices, and whether Gaussians are drawn one by one.

    The rows of points in 2-D and 3-D are placed together. For an argument that is None, Numba leaves out the branches
    of it.
    """
    return True if len(size) == 3 else None, None if pixel == "point" and len(size) > 1 else True


def _factored(form: str) -> bool | None:
    """The flag of the kernels: whether widths are Cholesky factors."""
    return True if form == "cholesky" else None


@functools.lru_cache(64)
def _cut(tolerance: float, pixel: str, dtype: np.dtype) -> Cut:
    """Gaussians end where the shape falls to the tolerance, or below every normal number."""
    lowest = simd.LOWEST[dtype]
    furthest = -2 * float(lowest)
    squared = min(furthest, -2 * math.log(tolerance)) if tolerance > 0 else furthest
    return Cut(squared, PADS[pixel], dtype.type(tolerance), lowest)


def _seconds(scene: Scene, factored: bool | None, cut: Cut, frame: Frame) -> float:
    """A guess at the time one thread needs, for large jobs by the pixels that a few Gaussians touch."""
    count = scene.widths.shape[0] * scene.widths.shape[1]
    way = "area" if cut.pad else "placed" if scene.means.shape[2] > 1 else "point"
    each = (1 + scene.weights.shape[2] / 4) * NANOSECONDS_PER_PIXEL[way]
    at_most = 1e-9 * count * (NANOSECONDS_PER_GAUSSIAN + math.prod(frame) * each)
    if at_most < parallel.SMALL_JOB_SECONDS:
        return at_most
    some = scene.widths.reshape(count, -1)[:: max(1, count // ASKED)]
    pixels, reach, least = np.ones(len(some)), 2 * math.sqrt(cut.squared), 2 * cut.pad + 1
    for stddev, side in zip(_stddevs(some, factored), reversed(frame), strict=False):
        pixels *= np.minimum(np.minimum(stddev, side) * reach + least, side)  # no overflow
    return 1e-9 * count * (NANOSECONDS_PER_GAUSSIAN + float(np.add.reduce(pixels)) / len(some) * each)


def _stddevs(some: Array, factored: bool | None) -> list[Array]:
    """Standard deviations along x, y and z of a few widths (count, entries)."""
    if not factored:
        return [np.sqrt(some[:, entry]) for entry in DIAGONALS[some.shape[1]]]
    with np.errstate(over="ignore"):  # what is infinite covers the frame
        return [np.hypot.reduce(some[:, row], axis=1) for row in ROWS[: len(DIAGONALS[some.shape[1]])]]
