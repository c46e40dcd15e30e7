"""The kernel that looks at each Gaussian once: where it stands, which box it fills, and whether it is valid."""

import triton
import triton.language as tl

from gaussgrad.ops.render.triton.geometry import bound_of, entry, factor, of_covariances, of_factors
from gaussgrad.ops.render.triton.records import NUMBERS

WIDTH = tl.constexpr(NUMBERS)
TWO_PI = tl.constexpr(6.283185307179586)
ROWS_OF_NODES = tl.constexpr(11)


@triton.jit
def put_span(spans, k, count, inside, axis: tl.constexpr, centre, variance, pixels, cut, valid):
    """The first and one past the last pixel that a Gaussian may touch along an axis (equation 14); none if invalid."""
    half = tl.sqrt(cut.squared * variance) + cut.pad
    end = tl.cast(pixels, tl.float64)
    low = tl.minimum(tl.maximum(tl.ceil(centre - half), 0.0), end)
    high = tl.minimum(tl.maximum(tl.floor(centre + half) + 1.0, 0.0), end)
    some = valid & (low < high)
    tl.store(spans + 2 * axis * count + k, tl.where(some, low, 0.0).to(tl.int32), mask=inside)
    tl.store(spans + (2 * axis + 1) * count + k, tl.where(some, high, 0.0).to(tl.int32), mask=inside)


@triton.jit
def put_row_of_nodes(spans, k, count, inside, axis: tl.constexpr, precision, narrowest):
    """The row of the tables for an axis along which the Gaussian has this precision."""
    row = tl.full(k.shape, 1, tl.int32)
    for order in tl.static_range(ROWS_OF_NODES - 1):
        width = tl.load(narrowest + order)
        row += tl.where(precision * width * width <= 1.0, 0, 1)
    tl.store(spans + (6 + axis) * count + k, row, mask=inside)


@triton.jit
def scale_of(widths, k, conditional, D: tl.constexpr, DENSITY: tl.constexpr, FACTORED: tl.constexpr):
    """What multiplies the weight: 1, or the density at the mean."""
    if not DENSITY:
        return tl.full(k.shape, 1.0, tl.float64)
    scale = tl.full(k.shape, TWO_PI ** (-0.5 * D), tl.float64)
    if FACTORED:
        rows = factor(widths, k, D)
        a, c, g = rows[0][0], rows[1][1], rows[2][2]
        return tl.minimum(scale / a / c / g, bound_of(widths))
    return scale / tl.sqrt(conditional[0]) / tl.sqrt(conditional[1]) / tl.sqrt(conditional[2])


@triton.jit
def prepare(
    scene,
    prepared,
    frame,
    cut,
    nodes,
    count,
    channels,
    D: tl.constexpr,
    DENSITY: tl.constexpr,
    FACTORED: tl.constexpr,
    AREA: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fill in the numbers and spans of Gaussians, and whether all their values are finite and their widths definite."""
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = k < count
    at = tl.minimum(k, count - 1)  # the last one again, whose results are not written
    if FACTORED:
        slopes, conditional, along_axes, definite = of_factors(scene.widths, at, D)
    else:
        slopes, conditional, along_axes, definite = of_covariances(scene.widths, at, D)
    x = entry(scene.means, at, 0, D)
    y, z = x * 0.0, x * 0.0
    if D > 1:
        y = entry(scene.means, at, 1, D)
    if D > 2:
        z = entry(scene.means, at, 2, D)
    finite = tl.abs(x) + tl.abs(y) + tl.abs(z)
    for c in range(channels):
        finite += tl.abs(tl.load(scene.weights + at * channels + c).to(tl.float64))
    valid = definite & (finite < float("inf"))
    tl.store(prepared.valid + k, valid.to(tl.int8), mask=inside)
    alpha, beta, gamma = slopes
    ix, iy, iz = 1 / conditional[0], 1 / conditional[1], 1 / conditional[2]
    scale = scale_of(scene.widths, at, conditional, D, DENSITY, FACTORED)
    row = prepared.numbers + k * WIDTH
    tl.store(row, x, mask=inside)
    tl.store(row + 1, y, mask=inside)
    tl.store(row + 2, z, mask=inside)
    tl.store(row + 3, alpha, mask=inside)
    tl.store(row + 4, beta, mask=inside)
    tl.store(row + 5, gamma, mask=inside)
    tl.store(row + 6, ix, mask=inside)
    tl.store(row + 7, iy, mask=inside)
    tl.store(row + 8, iz, mask=inside)
    tl.store(row + 9, scale, mask=inside)
    spans = prepared.spans
    put_span(spans, k, count, inside, 0, x, along_axes[0], frame.width, cut, valid)
    put_span(spans, k, count, inside, 1, y, along_axes[1], frame.height, cut, valid)
    put_span(spans, k, count, inside, 2, z, along_axes[2], frame.depth, cut, valid)
    if AREA:
        slope = alpha * beta - gamma
        put_row_of_nodes(spans, k, count, inside, 0, ix, nodes.narrowest)
        if D > 1:
            put_row_of_nodes(spans, k, count, inside, 1, iy + beta * beta * ix, nodes.narrowest)
        if D > 2:
            precision = iz + alpha * alpha * iy + slope * slope * ix
            put_row_of_nodes(spans, k, count, inside, 2, precision, nodes.narrowest)
