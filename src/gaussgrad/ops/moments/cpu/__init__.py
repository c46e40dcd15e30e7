"""The moments of maps on the CPU: each thread takes whole maps; docs/maths.md, equations 62 to 66."""

import numpy as np

from gaussgrad import arrays, parallel, simd
from gaussgrad.ops.moments.cpu.backward import spread
from gaussgrad.ops.moments.cpu.forward import measure

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

NANOSECONDS_PER_PIXEL, NANOSECONDS_PER_EXPONENTIAL = 0.2, 0.3  # measured; only decide whether threads are worth it

Array = np.ndarray


def valid(images: Array, threads: int = 1, *, softmax: float) -> bool:
    """Whether every map has moments."""
    return _measure(images, softmax, threads)[0]


def forward_if_valid(images: Array, *, softmax: float, threads: int) -> tuple[Array, tuple[Array]] | None:
    """The moments (b, 6, 1); saved: nine numbers of each map, see `measure`. None where a map has no moments."""
    fine, out, kept = _measure(images, softmax, threads)
    return (out, (kept,)) if fine else None


def forward(images: Array, *, softmax: float, threads: int) -> tuple[Array, tuple[Array]]:
    """The same of maps that have moments."""
    _, out, kept = _measure(images, softmax, threads)
    return out, (kept,)


def backward(grad: Array, saved: tuple[Array], images: Array, *, softmax: float, threads: int) -> tuple[Array]:
    """The gradient of the images."""
    gradient = arrays.empty_like(images)
    inverse, lowest = _inverse(softmax), simd.LOWEST[images.dtype]

    def task(start: int, stop: int) -> None:
        spread(start, stop, grad, saved[0], images, inverse, lowest, gradient)

    parallel.run(task, len(images), threads, _seconds(images, softmax) / 2)
    return (gradient,)


def _measure(images: Array, softmax: float, threads: int) -> tuple[bool, Array, Array]:
    """Whether every map has moments, these, and what is kept."""
    b = len(images)
    out, kept = arrays.empty((b, 6, 1), images.dtype), arrays.empty((b, 9), images.dtype)
    inverse, lowest, limits = _inverse(softmax), simd.LOWEST[images.dtype], np.finfo(images.dtype)
    least, most = float(limits.tiny), float(limits.max)
    verdicts: list[bool] = []

    def task(start: int, stop: int) -> None:
        verdicts.append(measure(start, stop, images, inverse, lowest, least, most, out.reshape(b, 6), kept))

    parallel.run(task, b, threads, _seconds(images, softmax))
    return all(verdicts), out, kept


def _inverse(softmax: float) -> float:
    """The inverse temperature, 0 where the images are light themselves."""
    return 1.0 / softmax if softmax else 0.0


def _seconds(images: Array, softmax: float) -> float:
    return images.size * (NANOSECONDS_PER_PIXEL + (NANOSECONDS_PER_EXPONENTIAL if softmax else 0.0)) * 1e-9
