"""The shares of one sample along one axis: which bins it reaches, and the mass of each (docs/maths.md, equation 68).

The edges of an axis stand in a table with a vector of -infinity before them and of +infinity after them, so that a
vector can begin or end outside. Outermost bins that keep what falls outside have such edges themselves.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from gaussgrad import simd
from gaussgrad.ops.histogram.cpu.tails import density_and_tail

PAD = max(simd.LANES.values())  # entries before and after the edges, and places for bins beyond the last


class Axis(NamedTuple):
    """What a kernel knows of one of the three axes; addresses in the place of arrays, which Numba counts users of."""

    table: Any  # address of the edges, with the pads
    bins: Any
    low: Any  # the lower edge of even bins
    rate: Any  # even bins per unit; 0 where bins are uneven
    column: Any  # of the samples; negative where they have no such axis
    unbounded: Any  # whether it is one bin that holds everything


class Shares(NamedTuple):
    """The bins that a sample reaches along one axis: where they begin, how many they are, and addresses of numbers."""

    first: Any
    count: Any
    masses: Any
    by_place: Any  # the derivative of each mass to the sample, times the stddev
    by_width: Any  # the same to the stddev


@simd.inlined
def axis_of(edges, low, rate, column):
    """What a kernel knows of an axis whose edges, with the pads, are an array."""
    unbounded = edges.size == 2 * PAD + 2 and edges[PAD] == -np.inf and edges[PAD + 1] == np.inf
    return Axis(simd.address(edges), edges.size - 2 * PAD - 1, low, rate, column, unbounded)


@simd.inlined
def axes_of(edges, lows, rates, d):
    """The three axes z, y, x of samples with d coordinates."""
    return (
        axis_of(edges[0], lows[0], rates[0], d - 3),
        axis_of(edges[1], lows[1], rates[1], d - 2),
        axis_of(edges[2], lows[2], rates[2], d - 1),
    )


@simd.inlined
def rooms(scratch, row):
    """Addresses of three rows of scratch (9, longest + two vectors): what an unbounded axis gives stands in them."""
    scratch[row, 0], scratch[row + 1, 0], scratch[row + 2, 0] = 1.0, 0.0, 0.0
    return simd.address(scratch[row]), simd.address(scratch[row + 1]), simd.address(scratch[row + 2])


@simd.inlined
def bin_below(axis, place):
    """The last bin whose lower edge is at most `place`: -1 below all of them, the number of bins above."""
    table, bins = axis.table, axis.bins
    if axis.rate > 0.0:
        index = int(min(max((place - axis.low) * axis.rate, -1.0), bins + 0.0))
        while index >= 0 and simd.peek(table, PAD + index) > place:
            index -= 1
        while index < bins and simd.peek(table, PAD + index + 1) <= place:
            index += 1
        return index
    below, above = -1, bins + 1
    while above - below > 1:
        middle = (below + above) // 2
        if simd.peek(table, PAD + middle) <= place:
            below = middle
        else:
            above = middle
    return below


class Parts(NamedTuple):
    """Numbers of a vector of edges: the distribution function in two parts, and what its derivatives are made of."""

    step: Any
    tail: Any
    density: Any
    moment: Any


@simd.inlined
def parts_of(z, reach):
    """The numbers of edges z stddevs from the sample; the distribution function is the step and the signed tail."""
    nothing, size = simd.zero(z), simd.absolute(z)
    near = simd.greater(simd.splat(reach, z), size)
    density, tail = density_and_tail(simd.select(near, size, nothing))
    density, tail = simd.select(near, density, nothing), simd.select(near, tail, nothing)
    left = simd.greater(nothing, z)
    step = simd.select(left, nothing, simd.one(z))
    return Parts(step, simd.select(left, tail, nothing - tail), density, simd.select(near, z * density, nothing))


@simd.inlined
def between(below, parts):
    """The masses of the bins that end at the edges of a vector, which follows the vector `below`.

    Then their derivatives to the sample, times the stddev, and to the stddev.
    """
    steps = parts.step - simd.shifted(below.step, parts.step)
    masses = steps + (parts.tail - simd.shifted(below.tail, parts.tail))
    by_place = simd.shifted(below.density, parts.density) - parts.density
    return masses, by_place, simd.shifted(below.moment, parts.moment) - parts.moment


class Start(NamedTuple):
    """Where the bins of a sample begin along an axis."""

    place: Any
    inverse: Any  # of the stddev
    beyond: Any  # what no bin that it reaches lies above
    bin: Any
    few: Any  # whether a vector of float32 has as many lanes as there are bins


@simd.inlined
def start_of(axis, sample, stddev, reach):
    """Where a sample begins, whose coordinates and standard deviations stand at two addresses and places."""
    place, stddev = simd.peek(sample[0], sample[1] + axis.column), simd.peek(stddev[0], stddev[1] + axis.column)
    first, beyond = bin_below(axis, place - reach * stddev), place + reach * stddev
    end = PAD + first + 2 * simd.lanes_of(axis.table)
    return Start(place, 1.0 / stddev, beyond, first, not simd.peek(axis.table, end) < beyond)


@simd.inlined
def edges_after(axis, start, count):
    """A vector of upper edges, from that of bin `count` of a sample on: how many stddevs they are from it."""
    like = simd.iota(axis.table)
    edges = simd.load(axis.table, PAD + start.bin + 1 + count, simd.lanes_of(axis.table), like)
    return (edges - simd.splat(start.place, like)) * simd.splat(start.inverse, like)


@simd.inlined
def few_shares(axis, start, reach):
    """The masses of a sample's few bins in a vector of float32, and both their derivatives.

    Masses of few bins are not so small that the difference of two tails would lose digits.
    """
    z = simd.narrowed(edges_after(axis, start, 0), edges_after(axis, start, simd.lanes_of(axis.table)))
    return between(nothing_below(z), parts_of(z, np.float32(reach)))


@simd.inlined
def share_out(axis, sample, stddev, reach, single, out, derivatives):
    """The shares of a sample. Bins -1 and beyond the last are outside.

    `out` are three addresses with room for every bin and two vectors more. `single` allows `few_shares`.
    """
    if axis.unbounded:
        return Shares(0, 1, *out)
    start = start_of(axis, sample, stddev, reach)
    if single and start.few:
        put(few_shares(axis, start, reach), out, 0, derivatives)
        return Shares(start.bin, 2 * simd.lanes_of(axis.table), *out)
    return many_shares(axis, start, reach, out, derivatives)


@simd.inlined
def many_shares(axis, start, reach, out, derivatives):
    """The shares of a sample, in float64, however many they are."""
    below, count = nothing_below(simd.iota(axis.table)), 0
    while True:
        parts = parts_of(edges_after(axis, start, count), reach)
        put(between(below, parts), out, count, derivatives)
        below = parts
        count += simd.lanes_of(axis.table)
        if not simd.peek(axis.table, PAD + start.bin + count) < start.beyond:
            return Shares(start.bin, count, *out)


@simd.inlined
def nothing_below(like):
    """What stands below the first edge."""
    nothing = simd.zero(like)
    return Parts(nothing, nothing, nothing, nothing)


@simd.inlined
def put(shares, out, count, derivatives):
    """Write the masses of a vector of bins, and their derivatives."""
    store(out[0], count, shares[0])
    if derivatives:
        store(out[1], count, shares[1])
        store(out[2], count, shares[2])


def store(address, index, value):
    """Write a vector of either dtype to float64 (kernels only)."""
    raise NotImplementedError


@overload(store, jit_options=simd.INLINE)
def _store(address, index, value):
    if value.scalar == types.float64:
        return lambda address, index, value: simd.store(address, index, simd.width_of(value), value)

    def implementation(address, index, value):
        low, high = simd.widened_low(value), simd.widened_high(value)
        simd.store(address, index, simd.width_of(low), low)
        simd.store(address, index + simd.width_of(low), simd.width_of(high), high)

    return implementation
