"""The forward kernel: a tile of one image in registers, onto which the Gaussians that touch it are drawn in order."""

import triton
import triton.language as tl

from gaussgrad.ops.render.triton.binning import corner, touches
from gaussgrad.ops.render.triton.records import NUMBERS
from gaussgrad.ops.render.triton.shapes import mean_over_pixels, place, profile, residuals

MODES = {"sum": 0, "max": 1, "union": 2}
SUM, MAX, UNION = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
SCALE = tl.constexpr(9)
WIDTH = tl.constexpr(NUMBERS)


@triton.jit
def pixels(TX: tl.constexpr, TY: tl.constexpr, TZ: tl.constexpr):
    """The coordinates (i, j, k) of the pixels of a window, flat."""
    flat = tl.arange(0, TX * TY * TZ)
    return flat % TX, flat // TX % TY, flat // (TX * TY)


@triton.jit
def addresses(plane, x, y, z, frame):
    """Where the pixels (x, y, z) stand in planes: (planes, pixels), of 64 bits."""
    rows = z.to(tl.int64) * frame.height + y
    return (plane.to(tl.int64) * frame.depth * frame.height * frame.width)[:, None] + (rows * frame.width + x)[None, :]


@triton.jit
def tolerance_of(cut, kind: tl.constexpr):
    """What is taken off the shape."""
    return (tl.cast(cut.tolerance, tl.float64) + tl.cast(cut.rest, tl.float64)).to(kind)


@triton.jit
def draw(
    weights,
    prepared,
    fine,
    bins,
    nodes,
    canvas,
    frame,
    cut,
    n,
    count,
    channels,
    tiles,
    MODE: tl.constexpr,
    AREA: tl.constexpr,
    BINNED: tl.constexpr,
    D: tl.constexpr,
    C: tl.constexpr,
    TX: tl.constexpr,
    TY: tl.constexpr,
    TZ: tl.constexpr,
):
    """Draw one tile of C channels of one image; NaN where a Gaussian of the image is not valid."""
    kind: tl.constexpr = canvas.out.dtype.element_ty
    program = tl.program_id(0).to(tl.int64)
    blocks = tl.cdiv(channels, C)
    b, tile = program // (tiles * blocks), (program % tiles).to(tl.int32)
    channel = (program // tiles % blocks).to(tl.int32) * C + tl.arange(0, C)
    x, y, z = corner(tile, frame, TX, TY, TZ)
    i, j, k = pixels(TX, TY, TZ)
    tolerance, lowest = tolerance_of(cut, kind), tl.cast(cut.lowest, kind)
    listed, total = False, n
    if BINNED:
        found = tl.load(bins.counts + b * tiles + tile)
        listed = found <= bins.capacity
        total = tl.where(listed, found, n)
    image = tl.full((C, TX * TY * TZ), 1.0 if MODE == UNION else 0.0, kind)
    marks = tl.full((C, TX * TY * TZ), -1 if MODE == MAX else 0, tl.int32)
    for turn in range(total):
        index = turn
        if BINNED:
            index = tl.load(bins.members + (b * tiles + tile) * bins.capacity + turn, mask=listed, other=turn)
        g = b * n + index
        if touches(prepared.spans, g, count, x, y, z, True, D, TX, TY, TZ):
            geometry = place(prepared.numbers, g, x, y, z, kind)
            ex, ey, ez = residuals(geometry, i.to(kind), j.to(kind), k.to(kind), D)
            if AREA:
                shape = mean_over_pixels(ex, ey, ez, geometry, g, prepared.spans, count, nodes, lowest, D)
            else:
                shape = profile(ex, ey, ez, geometry, lowest, D)
            shape = tl.where(shape > tolerance, shape - tolerance, 0.0)
            level = tl.load(weights + g * channels + channel, mask=channel < channels, other=0.0).to(tl.float64)
            level = (level * tl.load(prepared.numbers + g * WIDTH + SCALE)).to(kind)
            value = level[:, None] * shape[None, :]
            if MODE == SUM:
                image += value
            elif MODE == MAX:
                marks = tl.where(value > image, index, marks)
                image = tl.where(value > image, value, image)
            else:
                left = 1.0 - value
                marks += tl.where(left == 0.0, 1, 0)
                image = tl.where(left == 0.0, image, image * left)
    invalid = tl.load(fine + b) == 0
    inside = (x + i < frame.width) & (y + j < frame.height) & (z + k < frame.depth)
    inside = inside[None, :] & (channel < channels)[:, None]
    at = addresses(b * channels + channel, x + i, y + j, z + k, frame)
    nothing = float("nan")
    if MODE == UNION:
        whole = tl.where(marks == 0, 1.0 - image, 1.0)
        tl.store(canvas.out + at, tl.where(invalid, nothing, whole), mask=inside)
        tl.store(canvas.image + at, tl.where(invalid, nothing, image), mask=inside)
    else:
        tl.store(canvas.out + at, tl.where(invalid, nothing, image), mask=inside)
    if MODE != SUM:
        tl.store(canvas.marks + at, marks, mask=inside)
