"""The dense renderer: short, obviously right, differentiable in any order. The oracle of every kernel."""

import itertools
import math
from typing import Any

import numpy as np

from gaussgrad.ops.batching import device_of

NODES = {1: 24, 2: 16, 3: 12}  # along each axis of a pixel; their cost is the power
PACKED_INDEX = {1: ((0,),), 2: ((0, 1), (1, 2)), 3: ((0, 1, 2), (1, 3, 4), (2, 4, 5))}


def render(
    xp: Any,
    means: Any,  # (b, n, d)
    widths: Any,  # (b, n, d(d+1)/2), what `form` says
    weights: Any,  # (b, n, c)
    *,
    size: tuple[int, ...],
    amplitude: str,
    compose: str,
    pixel: str,
    tolerance: float,
    form: str,
    start: Any = 0,
    count: int | None = None,
) -> Any:
    """The image (b, c, pixels) at `count` flat pixel positions from `start` on, of a frame of the given size."""
    rows_of = factor_rows if form == "cholesky" else cholesky_rows
    cholesky = rows_of(xp, widths, len(size))  # the shape does not tell d where TorchScript traces: sizes are tensors
    pixels = pixel_coordinates(xp, size, start, count, means)  # d arrays (p,)
    offsets = [pixel - means[..., axis, None] for axis, pixel in enumerate(pixels)]  # d arrays (b, n, p)
    if pixel == "area":
        shape = mean_over_pixels(xp, offsets, cholesky)
    else:
        shape = xp.exp(-0.5 * squared_distance(offsets, cholesky))
    shape = xp.where(shape <= tolerance, 0 * shape, shape - tolerance)  # (b, n, p); NaN stays NaN
    if amplitude == "density":
        shape = shape * density_factor(cholesky)[..., None]
    values = shape[:, :, None, :] * weights[..., None]  # (b, n, c, p)
    return COMPOSE[compose](xp, values)


def pixel_coordinates(xp: Any, size: tuple[int, ...], start: Any, count: int | None, like: Any) -> list[Any]:
    """The x, y, ... of the pixels at `count` flat positions from `start` on, by default all; each (p,)."""
    flat = start + xp.arange(math.prod(size) if count is None else count, device=device_of(like))
    coordinates = []
    for length in reversed(size):
        coordinates.append(xp.astype(flat % length, like.dtype))
        flat = flat // length
    return coordinates


def cholesky_rows(xp: Any, covariances: Any, d: int) -> list[list[Any]]:
    """The lower Cholesky factor as nested lists of (b, n) arrays; NaN where it does not exist."""
    rows: list[list[Any]] = []
    for i, row in enumerate(PACKED_INDEX[d]):
        rows.append([])
        for j in range(i + 1):
            rest = covariances[..., row[j]] - sum(rows[i][k] * rows[j][k] for k in range(j))
            rows[i].append(xp.sqrt(rest) if i == j else rest / rows[j][j])
    return rows


def factor_rows(xp: Any, packed: Any, d: int) -> list[list[Any]]:
    """A lower Cholesky factor, packed by rows, as nested lists of (b, n) arrays; NaN for a diagonal not positive."""
    entries = iter(range(d * (d + 1) // 2))
    rows = [[packed[..., next(entries)] for _ in range(i + 1)] for i in range(d)]
    for i, row in enumerate(rows):
        row[i] = xp.where(row[i] > 0, row[i], xp.full_like(row[i], math.nan))
    return rows


def squared_distance(offsets: list[Any], cholesky: list[list[Any]]) -> Any:
    """The squared Mahalanobis distance (b, n, p), by forward substitution: a sum of squares."""
    solved: list[Any] = []
    for i, offset in enumerate(offsets):
        rest = offset - sum(cholesky[i][k][..., None] * solved[k] for k in range(i))
        solved.append(rest / cholesky[i][i][..., None])
    return sum(z * z for z in solved)


def mean_over_pixels(xp: Any, offsets: list[Any], cholesky: list[list[Any]]) -> Any:
    """The mean of the Gaussian over each pixel, (b, n, p), by as many nodes as serve the narrowest."""
    nodes, weights = (row / 2 for row in np.polynomial.legendre.leggauss(NODES[len(offsets)]))
    along_x = xp.asarray(nodes, dtype=offsets[0].dtype, device=device_of(offsets[0]))
    share_x = xp.asarray(weights, dtype=offsets[0].dtype, device=device_of(offsets[0]))
    rows = [[entry[..., None] for entry in row] for row in cholesky]  # one more axis, of the nodes along x
    mean = 0 * offsets[0]
    for indices in itertools.product(range(len(nodes)), repeat=len(offsets) - 1):
        others = [offset[..., None] + float(nodes[i]) for offset, i in zip(offsets[1:], indices, strict=True)]
        values = xp.exp(-0.5 * squared_distance([offsets[0][..., None] + along_x, *others], rows))
        mean = mean + math.prod(float(weights[i]) for i in indices) * xp.sum(values * share_x, axis=-1)
    return mean


def density_factor(cholesky: list[list[Any]]) -> Any:
    """The density at the mean, (2 pi)^(-d/2) det^(-1/2), (b, n)."""
    factor = (2 * math.pi) ** (-0.5 * len(cholesky))
    for i, row in enumerate(cholesky):
        factor = factor / row[i]
    return factor


def compose_sum(xp: Any, values: Any) -> Any:
    return xp.sum(values, axis=1)


def compose_max(xp: Any, values: Any) -> Any:
    """The largest value or 0; among equals the lowest index takes the gradient."""
    background = xp.zeros_like(xp.sum(values, axis=1, keepdims=True))
    values = xp.concat([background, values], axis=1)
    best = xp.max(values, axis=1, keepdims=True)
    order = xp.reshape(xp.arange(values.shape[1], device=device_of(values)), (1, -1, 1, 1))
    first = xp.min(xp.where((values == best) | (values != values), order, values.shape[1]), axis=1, keepdims=True)
    return xp.sum(xp.where(order == first, values, xp.zeros_like(values)), axis=1)


def compose_union(xp: Any, values: Any) -> Any:
    return 1 - xp.prod(1 - values, axis=1)


COMPOSE = {"sum": compose_sum, "max": compose_max, "union": compose_union}
