"""Which Gaussians touch which tile: lists of fixed capacity, in the order of the Gaussians, so without atomics."""

import triton
import triton.language as tl


@triton.jit
def touches(spans, g, count, x, y, z, inside, D: tl.constexpr, TX: tl.constexpr, TY: tl.constexpr, TZ: tl.constexpr):
    """Whether the box of the Gaussian g meets the tile whose first pixel is (x, y, z)."""
    found = (tl.load(spans + g, mask=inside, other=0) < x + TX) & (tl.load(spans + count + g, mask=inside, other=0) > x)
    if D > 1:
        below = tl.load(spans + 2 * count + g, mask=inside, other=0) < y + TY
        found = found & below & (tl.load(spans + 3 * count + g, mask=inside, other=0) > y)
    if D > 2:
        behind = tl.load(spans + 4 * count + g, mask=inside, other=0) < z + TZ
        found = found & behind & (tl.load(spans + 5 * count + g, mask=inside, other=0) > z)
    return found


@triton.jit
def corner(tile, frame, TX: tl.constexpr, TY: tl.constexpr, TZ: tl.constexpr):
    """The first pixel (x, y, z) of a tile; tiles are counted as pixels are."""
    across, down = tl.cdiv(frame.width, TX), tl.cdiv(frame.height, TY)
    return tile % across * TX, tile // across % down * TY, tile // across // down * TZ


@triton.jit
def collect(
    spans,
    bins,
    frame,
    n,
    count,
    tiles,
    D: tl.constexpr,
    TX: tl.constexpr,
    TY: tl.constexpr,
    TZ: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """List the Gaussians of one tile of one batch item."""
    program = tl.program_id(0).to(tl.int64)
    first = program // tiles * n
    x, y, z = corner((program % tiles).to(tl.int32), frame, TX, TY, TZ)
    found = 0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        hit = touches(spans, first + i, count, x, y, z, i < n, D, TX, TY, TZ) & (i < n)
        place = found + tl.cumsum(hit.to(tl.int32), 0) - 1
        tl.store(bins.members + program * bins.capacity + place, i, mask=hit & (place < bins.capacity))
        found += tl.sum(hit.to(tl.int32), 0)
    tl.store(bins.counts + program, found)
