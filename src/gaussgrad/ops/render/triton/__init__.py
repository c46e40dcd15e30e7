"""The kernels of the renderer for GPUs: tensors in, tensors out, the work split into tiles and Gaussians.

Nothing here waits for the device: what is launched depends on shapes and options alone, so that calls can be captured
into graphs. What is not positive definite gives NaN in the whole image, and in its gradients.
"""

import functools
import math
from typing import Any, NamedTuple

import torch
import triton

from gaussgrad.launching import on_tensors
from gaussgrad.ops.render import quadrature
from gaussgrad.ops.render.triton.binning import collect
from gaussgrad.ops.render.triton.drawing import MODES, draw
from gaussgrad.ops.render.triton.finishing import finish
from gaussgrad.ops.render.triton.gradients import add_up
from gaussgrad.ops.render.triton.preparing import prepare
from gaussgrad.ops.render.triton.records import (
    MOMENTS,
    NUMBERS,
    SPANS,
    Bins,
    Canvas,
    Cut,
    Frame,
    Nodes,
    Prepared,
    Scene,
)

__all__ = ["backward", "forward", "forward_if_valid", "valid"]

TILES = {1: (256, 1, 1), 2: (16, 16, 1), 3: (8, 8, 4)}  # pixels along x, y and z
SMALL = 32  # pixels: an image no larger is one tile
MOST_CHANNELS = 4  # of a tile
BLOCK = 128  # Gaussians of a program that looks at each once
BLOCK_OF_BINS = 512
UNLISTED = 32  # Gaussians that every tile looks at itself
LEAST_CAPACITY = 512  # of the list of a tile
NESTED, NESTED_FROM = 8, 2**24  # tiles along each axis that share a list, from so many pairs of tiles and Gaussians on
PROGRAMS = 4096  # that fill a GPU: fewer Gaussians than that are summed by several programs each
MOST_SPLITS = 64
LOWEST = {torch.float32: -87.3, torch.float64: -708.3}  # exponents below these give no normal number
PADS = {"point": 0.0, "area": 0.5}

Tensor = torch.Tensor


class Plan(NamedTuple):
    """What a call launches, from shapes and options alone."""

    frame: Frame
    cut: Cut
    mode: int
    density: bool
    factored: bool
    area: bool
    dimensions: int
    items: int
    n: int
    gaussians: int  # of all batch items
    channels: int
    channels_at_once: int
    tile: dict[str, int]
    tiles: int  # of an image
    splits: int  # of a Gaussian


def plan(means: Tensor, weights: Tensor, options: dict[str, Any]) -> Plan:
    size = tuple(options["size"])
    frame = Frame(*(1,) * (3 - len(size)), *size)
    items, n, channels = weights.shape
    tile = _tile(frame, len(size))
    tiles = _count_tiles(frame, tile)
    splits = min(tiles, MOST_SPLITS, max(1, PROGRAMS // max(1, items * n)))
    return Plan(
        frame,
        _cut(float(options["tolerance"]), options["pixel"], means.dtype),
        MODES[options["compose"]],
        options["amplitude"] == "density",
        options["form"] == "cholesky",
        options["pixel"] == "area",
        len(size),
        items,
        n,
        items * n,
        channels,
        min(MOST_CHANNELS, triton.next_power_of_2(max(1, channels))),
        dict(zip(("TX", "TY", "TZ"), tile, strict=True)),
        tiles,
        splits,
    )


def _count_tiles(frame: Frame, tile: tuple[int, ...]) -> int:
    return math.prod(triton.cdiv(length, side) for length, side in zip(reversed(frame), tile, strict=True))


def _tile(frame: Frame, dimensions: int) -> tuple[int, ...]:
    if dimensions == 2 and max(frame) <= SMALL:
        return triton.next_power_of_2(frame.width), triton.next_power_of_2(frame.height), 1
    return TILES[dimensions]


def _cut(tolerance: float, pixel: str, dtype: torch.dtype) -> Cut:
    """Gaussians end where the shape falls to the tolerance, or below every normal number."""
    lowest = LOWEST[dtype]
    squared = min(-2 * lowest, -2 * math.log(tolerance)) if tolerance > 0 else -2 * lowest
    rounded = torch.tensor(tolerance, dtype=torch.float32).item()
    return Cut(squared, PADS[pixel], rounded, tolerance - rounded, lowest)


@functools.lru_cache(16)
def _nodes(device: torch.device) -> Nodes:
    """The tables on a device: copied there once, before any graph is captured."""
    tables = quadrature.NARROWEST, quadrature.COUNTS.astype("int32"), quadrature.PLACES, quadrature.SHARES
    return Nodes(*(torch.tensor(table, device=device) for table in tables))


def _prepare(scene: Scene, p: Plan) -> tuple[Prepared, Tensor]:
    """What is known of each Gaussian, and whether all of each batch item are valid, (b,) int8."""
    new = scene.means.new_empty
    prepared = Prepared(
        new((p.gaussians, NUMBERS), dtype=torch.float64),
        new((SPANS, p.gaussians), dtype=torch.int32),
        new((p.gaussians,), dtype=torch.int8),
    )
    prepare[(triton.cdiv(p.gaussians, BLOCK),)](
        scene,
        prepared,
        p.frame,
        p.cut,
        _nodes(scene.means.device),
        p.gaussians,
        p.channels,
        D=p.dimensions,
        DENSITY=p.density,
        FACTORED=p.factored,
        AREA=p.area,
        BLOCK=BLOCK,
    )
    return prepared, prepared.valid.view(p.items, p.n).all(1).to(torch.int8)


def _bins(prepared: Prepared, p: Plan) -> Bins:
    """The lists of the tiles; none where an image is one tile or has few Gaussians.

    Many tiles do not each look at many Gaussians, but at the list of a larger tile around them.
    """
    new = prepared.spans.new_empty
    nothing = Bins(new(1), new(1), 0)
    if p.tiles == 1 or p.n <= UNLISTED:
        return nothing
    if p.tiles * p.n <= NESTED_FROM:
        return _collect(prepared, p, p.tile, nothing)
    large = {side: NESTED * pixels for side, pixels in p.tile.items()}
    return _collect(prepared, p, p.tile, _collect(prepared, p, large, nothing))


def _collect(prepared: Prepared, p: Plan, tile: dict[str, int], parents: Bins) -> Bins:
    """The lists of tiles of this size, from those of the larger ones around them if there are any."""
    tiles = _count_tiles(p.frame, tuple(tile.values()))
    capacity = _capacity(p.n, tiles)
    new = prepared.spans.new_empty
    bins = Bins(new((p.items * tiles, capacity)), new(p.items * tiles), capacity)
    collect[(p.items * tiles,)](
        prepared.spans,
        parents,
        bins,
        p.frame,
        p.n,
        p.gaussians,
        tiles,
        NESTED=parents.capacity > 0,
        D=p.dimensions,
        FACTOR=NESTED,
        BLOCK=BLOCK_OF_BINS,
        **tile,
    )
    return bins


def _capacity(n: int, tiles: int) -> int:
    """How many Gaussians the list of a tile holds: many times its share of them."""
    return min(n, max(LEAST_CAPACITY, 16 * n // tiles))


@on_tensors
def valid(means: Tensor, widths: Tensor, weights: Tensor, *, threads: int = 1, **options: Any) -> bool:
    """Whether every value is finite, every covariance positive definite, and every factor's diagonal positive.

    This waits for the device.
    """
    return bool(_prepare(Scene(means, widths, weights), plan(means, weights, options))[1].all())


@on_tensors
def forward(
    means: Tensor, widths: Tensor, weights: Tensor, *, threads: int, **options: Any
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The image (b, c, pixels), and `saved`: for max the winners, for union the products and the zero factors."""
    p = plan(means, weights, options)
    prepared, fine = _prepare(Scene(means, widths, weights), p)
    bins = _bins(prepared, p)
    shape = (p.items, p.channels, math.prod(p.frame))
    out = means.new_empty(shape)
    image = means.new_empty(shape) if p.mode == MODES["union"] else out
    marks = means.new_empty(shape if p.mode != MODES["sum"] else (1,), dtype=torch.int32)
    draw[(p.items * triton.cdiv(p.channels, p.channels_at_once) * p.tiles,)](
        weights,
        prepared,
        fine,
        bins,
        _nodes(means.device),
        Canvas(image, marks, out),
        p.frame,
        p.cut,
        p.n,
        p.gaussians,
        p.channels,
        p.tiles,
        MODE=p.mode,
        AREA=p.area,
        BINNED=bins.capacity > 0,
        D=p.dimensions,
        C=p.channels_at_once,
        **p.tile,
    )
    if p.mode == MODES["sum"]:
        return out, ()
    return out, (marks,) if p.mode == MODES["max"] else (image, marks)


def forward_if_valid(
    means: Any, widths: Any, weights: Any, *, threads: int, **options: Any
) -> tuple[Tensor, tuple[Tensor, ...]] | None:
    """The same; None where a value is not valid, for which it waits."""
    if not valid(means, widths, weights, threads=threads, **options):
        return None
    return forward(means, widths, weights, threads=threads, **options)


@on_tensors
def backward(
    grad: Tensor,
    saved: tuple[Tensor, ...],
    means: Tensor,
    widths: Tensor,
    weights: Tensor,
    *,
    threads: int,
    **options: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of means, widths and weights."""
    p = plan(means, weights, options)
    scene = Scene(means, widths, weights)
    prepared, fine = _prepare(scene, p)
    marks = saved[-1] if saved else means.new_empty(1, dtype=torch.int32)
    product = saved[0] if p.mode == MODES["union"] else grad
    partial = means.new_empty((p.splits, MOMENTS + p.channels, p.gaussians), dtype=torch.float64)
    gradients = Scene(*map(torch.empty_like, scene))
    add_up[(p.gaussians * p.splits,)](
        weights,
        prepared,
        _nodes(means.device),
        Canvas(product, marks, grad),
        p.frame,
        p.cut,
        partial,
        p.n,
        p.gaussians,
        p.channels,
        MODE=p.mode,
        AREA=p.area,
        SPLITS=p.splits,
        D=p.dimensions,
        C=p.channels_at_once,
        **p.tile,
    )
    finish[(triton.cdiv(p.gaussians, BLOCK),)](
        scene,
        prepared,
        fine,
        partial,
        gradients,
        p.n,
        p.gaussians,
        p.channels,
        D=p.dimensions,
        DENSITY=p.density,
        FACTORED=p.factored,
        SPLITS=p.splits,
        BLOCK=BLOCK,
    )
    return tuple(gradients)
