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
    parents,
    bins,
    frame,
    n,
    count,
    tiles,
    NESTED: tl.constexpr,
    D: tl.constexpr,
    TX: tl.constexpr,
    TY: tl.constexpr,
    TZ: tl.constexpr,
    FACTOR: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """List the Gaussians of one tile of one batch item.

    With NESTED it looks at those that `parents` list for the tile FACTOR times as long on each side around it, else,
    and where that list is full, at all.
    """
    program = tl.program_id(0).to(tl.int64)
    item = program // tiles
    x, y, z = corner((program % tiles).to(tl.int32), frame, TX, TY, TZ)
    parent, listed, total = item, 0, n
    if NESTED:
        across, down = tl.cdiv(frame.width, FACTOR * TX), tl.cdiv(frame.height, FACTOR * TY)
        around = x // (FACTOR * TX) + across * (y // (FACTOR * TY) + down * (z // (FACTOR * TZ)))
        parent = item * (across * down * tl.cdiv(frame.depth, FACTOR * TZ)) + around
        known = tl.load(parents.counts + parent)
        listed = tl.where(known <= parents.capacity, known, 0)
        total = tl.where(known <= parents.capacity, known, n)
    found = 0
    for start in range(0, total, BLOCK):
        i = start + tl.arange(0, BLOCK)
        inside = i < total
        if NESTED:
            i = tl.load(parents.members + parent * parents.capacity + i, mask=i < listed, other=i)
        hit = touches(spans, item * n + i, count, x, y, z, inside, D, TX, TY, TZ) & inside
        place = found + tl.cumsum(hit.to(tl.int32), 0) - 1
        tl.store(bins.members + program * bins.capacity + place, i, mask=hit & (place < bins.capacity))
        found += tl.sum(hit.to(tl.int32), 0)
    tl.store(bins.counts + program, found)
