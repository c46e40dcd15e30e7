"""The backward kernel: each Gaussian adds up its own gradient, over windows that begin at the corner of its box."""

import triton
import triton.language as tl

from gaussgrad.ops.render.triton.drawing import MAX, SCALE, SUM, WIDTH, addresses, pixels, tolerance_of
from gaussgrad.ops.render.triton.records import MOMENTS
from gaussgrad.ops.render.triton.shapes import moments_at_pixels, moments_over_pixels, place, residuals

FIRST_LEVEL = tl.constexpr(MOMENTS)


@triton.jit
def value_gradient(canvas, at, inside, shape, level, index, MODE: tl.constexpr):
    """The gradient of the loss to the values level * shape of one Gaussian, (C, pixels)."""
    above = tl.load(canvas.out + at, mask=inside, other=0.0)
    if MODE == SUM:
        return above
    mark = tl.load(canvas.marks + at, mask=inside, other=0)
    if MODE == MAX:
        return tl.where(mark == index, above, 0.0)
    others = tl.load(canvas.image + at, mask=inside, other=1.0)
    left = 1.0 - level[:, None] * shape[None, :]
    full = left == 0.0
    alone = tl.where(mark == 1, others, 0.0)
    shared = tl.where(mark == 0, others / tl.where(full, 1.0, left), 0.0)
    return above * tl.where(full, alone, shared)


@triton.jit
def total_of(pixels_of):
    """The sum over the pixels, in float64."""
    return tl.sum(pixels_of.to(tl.float64), 0)


@triton.jit
def add_up(
    weights,
    prepared,
    nodes,
    canvas,
    frame,
    cut,
    partial,
    n,
    count,
    channels,
    MODE: tl.constexpr,
    AREA: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
    C: tl.constexpr,
    TX: tl.constexpr,
    TY: tl.constexpr,
    TZ: tl.constexpr,
):
    """Sum r, the gradient to -q/2, its moments in the residuals (equations 16-17), and the gradients to the levels.

    A program takes every SPLITS-th window of a Gaussian, and writes its sums to `partial`
    (SPLITS, MOMENTS + channels, b * n).
    """
    kind: tl.constexpr = canvas.out.dtype.element_ty
    program = tl.program_id(0).to(tl.int64)
    g, split = program // SPLITS, (program % SPLITS).to(tl.int32)
    spans, index = prepared.spans, (g % n).to(tl.int32)
    x_low, x_high = tl.load(spans + g), tl.load(spans + count + g)
    y_low, y_high = tl.load(spans + 2 * count + g), tl.load(spans + 3 * count + g)
    z_low, z_high = tl.load(spans + 4 * count + g), tl.load(spans + 5 * count + g)
    across, down = tl.cdiv(x_high - x_low, TX), tl.cdiv(y_high - y_low, TY)
    windows = across * down * tl.cdiv(z_high - z_low, TZ)
    i, j, k = pixels(TX, TY, TZ)
    tolerance, lowest = tolerance_of(cut, kind), tl.cast(cut.lowest, kind)
    scale = tl.load(prepared.numbers + g * WIDTH + SCALE)
    nothing = tl.zeros((TX * TY * TZ,), kind)
    m, mx, my, mz, mxx = nothing, nothing, nothing, nothing, nothing
    mxy, mxz, myy, myz, mzz = nothing, nothing, nothing, nothing, nothing
    sums = partial + split.to(tl.int64) * (FIRST_LEVEL + channels) * count + g
    for block in range(0, channels, C):
        channel = block + tl.arange(0, C).to(tl.int64)
        known = channel < channels
        level = tl.load(weights + g * channels + channel, mask=known, other=0.0).to(tl.float64)
        level = (level * scale).to(kind)
        to_level = tl.zeros((C, TX * TY * TZ), kind)
        for window in range(split, windows, SPLITS):
            x = x_low + window % across * TX
            y = y_low + window // across % down * TY
            z = z_low + window // across // down * TZ
            geometry = place(prepared.numbers, g, x, y, z, kind)
            ex, ey, ez = residuals(geometry, i.to(kind), j.to(kind), k.to(kind), D)
            if AREA:
                found = moments_over_pixels(ex, ey, ez, geometry, g, spans, count, nodes, lowest, D)
            else:
                found = moments_at_pixels(ex, ey, ez, geometry, lowest, D)
            above_tolerance = found[0] > tolerance
            shape = tl.where(above_tolerance, found[0] - tolerance, 0.0)
            inside = (x + i < x_high) & (y + j < y_high) & (z + k < z_high)
            at = addresses(g // n * channels + channel, x + i, y + j, z + k, frame)
            inside = inside[None, :] & known[:, None]
            above = value_gradient(canvas, at, inside, shape, level, index, MODE)
            to_level += above * shape[None, :]
            r = tl.where(above_tolerance, tl.sum(above * level[:, None], 0), 0.0)
            m += r * found[0]
            mx += r * found[1]
            mxx += r * found[4]
            if D > 1:
                my += r * found[2]
                mxy += r * found[5]
                myy += r * found[7]
            if D > 2:
                mz += r * found[3]
                mxz += r * found[6]
                myz += r * found[8]
                mzz += r * found[9]
        tl.store(sums + (FIRST_LEVEL + channel) * count, tl.sum(to_level.to(tl.float64), 1), mask=known)
    tl.store(sums, total_of(m))
    tl.store(sums + count, total_of(mx))
    tl.store(sums + 4 * count, total_of(mxx))
    if D > 1:
        tl.store(sums + 2 * count, total_of(my))
        tl.store(sums + 5 * count, total_of(mxy))
        tl.store(sums + 7 * count, total_of(myy))
    if D > 2:
        tl.store(sums + 3 * count, total_of(mz))
        tl.store(sums + 6 * count, total_of(mxz))
        tl.store(sums + 8 * count, total_of(myz))
        tl.store(sums + 9 * count, total_of(mzz))
