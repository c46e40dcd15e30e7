"""The CPU kernels of the renderer: arrays in, arrays out, the work split over threads."""

import math

import numpy as np

from gaussgrad import arrays, parallel, simd
from gaussgrad.ops.render.cpu.backward import MOMENTS, finish_blocks, gather_gradients
from gaussgrad.ops.render.cpu.bands import CELL, bands_of_rows, count_bands, members_of_bands, touch_rows
from gaussgrad.ops.render.cpu.forward import draw_bands
from gaussgrad.ops.render.cpu.geometry import valid_range
from gaussgrad.ops.render.cpu.modes import MAX, MODES, SUM, UNION
from gaussgrad.ops.render.cpu.visits import plan_visits

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

NANOSECONDS_PER_GAUSSIAN, NANOSECONDS_PER_PIXEL = 100, 0.5  # measured, of the box around the ellipse
NANOSECONDS_PER_REACH, NANOSECONDS_PER_CHECK = 10, 6
EVERYBODY = np.empty(0, np.int64), np.empty(0, np.int32)  # with one band per image, which all Gaussians may touch
DIAGONALS = {1: (0,), 3: (0, 2), 6: (0, 3, 5)}  # the places of xx, yy, zz, by the number of packed entries
PADS = {"point": 0.0, "area": 0.5}  # how far a pixel reaches from its centre


def valid(means, covariances, weights, threads=1):
    """Whether every value is finite and every covariance positive definite."""
    count = means.shape[0] * means.shape[1]
    seconds = count * NANOSECONDS_PER_CHECK * 1e-9

    def check(start, stop):
        return valid_range(start, stop, means, covariances, weights)

    return parallel.all_hold(check, count, threads, seconds)


def forward(means, covariances, weights, *, size, amplitude, compose, pixel, tolerance, threads):
    """The image (b, c, pixels), and `saved`: for max the winners, for union the products and the zero factors."""
    frame = _frame(size)
    batch, _, channels = weights.shape
    mode = MODES[compose]
    image = arrays.empty((batch, channels, math.prod(size)), means.dtype)
    marks = arrays.empty(image.shape if mode != SUM else (0,), np.dtype(np.int32))
    out = arrays.empty(image.shape, image.dtype) if mode == UNION else image
    lowest = simd.LOWEST[means.dtype]
    cut, pad = _cut(tolerance, lowest), PADS[pixel]
    rows, length = frame[0] * frame[1], frame[2]
    if len(size) == 1:
        rows, length = math.ceil(size[0] / CELL), 0  # threads need bands, the cache does not: a signal has one row
    seconds = _seconds(covariances, weights, cut, pad, frame)
    pieces = parallel.pieces(threads, seconds)
    bands = count_bands(rows, channels * length * image.itemsize, batch, pieces)
    offsets, members = EVERYBODY
    if bands > 1:
        reach = _reach(means, covariances, frame, cut, pad, threads)
        offsets, members = members_of_bands(reach, batch, bands_of_rows(rows, bands), bands)
    static, area = _static(mode, covariances, weights, pixel)

    def task(start, stop):
        draw_bands(
            start, stop, bands, offsets, members, means, covariances, weights, frame, amplitude == "density", static,
            area, cut, pad, means.dtype.type(tolerance), lowest, image.reshape(-1), marks.reshape(-1), out.reshape(-1),
        )  # fmt: skip

    parallel.run(task, batch * bands, threads, seconds)
    if mode == SUM:
        return image, ()
    return out, (marks,) if mode == MAX else (image, marks)


def forward_if_valid(means, covariances, weights, *, threads, **options):
    """The same; None where a value is not valid."""
    if not valid(means, covariances, weights, threads=threads):
        return None
    return forward(means, covariances, weights, threads=threads, **options)


def backward(grad, saved, means, covariances, weights, *, size, amplitude, compose, pixel, tolerance, threads):
    """The gradients of means, covariances and weights."""
    frame = _frame(size)
    mode = MODES[compose]
    static, area = _static(mode, covariances, weights, pixel)
    marks = saved[-1] if saved else np.empty(0, np.int32)
    product = saved[0] if mode == UNION else np.empty(0, means.dtype)
    rows = frame[0] * frame[1]
    bands = count_bands(rows, weights.shape[2] * frame[2] * grad.itemsize, len(means), 1)
    lowest = simd.LOWEST[means.dtype]
    cut, pad = _cut(tolerance, lowest), PADS[pixel]
    reach = _reach(means, covariances, frame, cut, pad, threads)
    if len(size) == 1:
        reach = np.minimum(reach, np.array([0, 1], reach.dtype))  # the one row of a signal
    visits, slots = plan_visits(reach, len(means), bands_of_rows(rows, bands), bands)
    partial = np.empty((slots, MOMENTS + weights.shape[2]))
    density = amplitude == "density"
    gradients = tuple(map(arrays.empty_like, (means, covariances, weights)))

    def task(start, stop):
        gather_gradients(
            start, stop, visits, partial, means, covariances, weights, frame, density, static, area, cut,
            means.dtype.type(tolerance), lowest, grad.reshape(-1), product.reshape(-1), marks.reshape(-1), *gradients,
        )  # fmt: skip

    parallel.run(task, len(visits), threads, _seconds(covariances, weights, cut, pad, frame))
    if slots:
        finish_blocks(visits, partial, means, covariances, weights, density, *gradients)
    return gradients


def _reach(means, covariances, frame, cut, pad, threads):
    """The rows that each Gaussian may touch, see `touch_rows`."""
    count = means.shape[0] * means.shape[1]
    reach = np.empty((count, 2), np.int32)

    def task(start, stop):
        touch_rows(start, stop, means, covariances, frame, cut, pad, reach)

    parallel.run(task, count, threads, count * NANOSECONDS_PER_REACH * 1e-9)
    return reach


def _frame(size):
    """(depth, height, width)."""
    return (1,) * (3 - len(size)) + tuple(size)


def _static(mode, covariances, weights, pixel):
    """What a kernel is compiled for: ((compose mode, 1 or 3 channels or (0) any number), True for areas or None)."""
    channels = weights.shape[2]
    dimensions = len(DIAGONALS[covariances.shape[2]])
    numbers = simd.static(mode), simd.static(channels if channels in (1, 3) else 0), simd.static(dimensions)
    return numbers, True if pixel == "area" else None


def _cut(tolerance, lowest):
    """The squared distance at which the shape falls to the tolerance, or below every normal number."""
    furthest = -2 * float(lowest)
    return min(furthest, -2 * math.log(tolerance)) if tolerance > 0 else furthest


def _seconds(covariances, weights, cut, pad, frame):
    """A guess at the time one thread needs, for large jobs by the pixels that a few hundred Gaussians touch."""
    count = covariances.shape[0] * covariances.shape[1]
    each = (1 + weights.shape[2] / 4) * (10 if pad else 1) * NANOSECONDS_PER_PIXEL
    at_most = 1e-9 * count * (NANOSECONDS_PER_GAUSSIAN + math.prod(frame) * each)
    if at_most < parallel.SMALL_JOB_SECONDS:
        return at_most
    some = covariances.reshape(count, -1)[:: max(1, count // 256)]
    pixels = np.ones(len(some))
    for axis, entry in enumerate(DIAGONALS[some.shape[1]]):
        pixels *= np.minimum(2 * (np.sqrt(cut * some[:, entry]) + pad) + 1, frame[2 - axis])
    return 1e-9 * count * (NANOSECONDS_PER_GAUSSIAN + float(pixels.mean()) * each)
