"""The shares of one sample along one axis: which bins it reaches, and the mass of each (docs/maths.md, equation 71).

The edges of an axis stand in a table with a vector of -infinity before them and of +infinity after them, so that a
vector can begin or end outside. Outermost bins that keep what falls outside have such edges themselves.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

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


@njit(**simd.INLINE)
def axis_of(edges, low, rate, column):
    """What a kernel knows of an axis whose edges, with the pads, are an array."""
    unbounded = edges.size == 2 * PAD + 2 and edges[PAD] == -np.inf and edges[PAD + 1] == np.inf
    return Axis(simd.address(edges), edges.size - 2 * PAD - 1, low, rate, column, unbounded)


@njit(**simd.INLINE)
def axes_of(edges, lows, rates, d):
    """The three axes z, y, x of samples with d coordinates."""
    return (
        axis_of(edges[0], lows[0], rates[0], d - 3),
        axis_of(edges[1], lows[1], rates[1], d - 2),
        axis_of(edges[2], lows[2], rates[2], d - 1),
    )


@njit(**simd.INLINE)
def rooms(scratch, row):
    """Addresses of three rows of scratch (9, longest + two vectors): what an unbounded axis gives stands in them."""
    scratch[row, 0], scratch[row + 1, 0], scratch[row + 2, 0] = 1.0, 0.0, 0.0
    return simd.address(scratch[row]), simd.address(scratch[row + 1]), simd.address(scratch[row + 2])


@njit(**simd.INLINE)
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


@njit(**simd.INLINE)
def share_out(axis, sample, stddev, reach, out, derivatives):
    """The shares of a sample, whose coordinates and standard deviations stand at two addresses and places.

    `out` are three addresses with room for every bin and two vectors more.

    Each mass is that between the tails at its two edges: where both lie on one side of the sample their difference, and
    with both taken away from 1 in the bin that holds it. Bins -1 and beyond the last are outside.
    """
    masses, by_place, by_width = out
    if axis.unbounded:
        return Shares(0, 1, masses, by_place, by_width)
    place, stddev = simd.peek(sample[0], sample[1] + axis.column), simd.peek(stddev[0], stddev[1] + axis.column)
    table = axis.table
    like = simd.iota(table)
    nothing, unit, lanes = simd.zero(like), simd.one(like), simd.lanes_of(table)
    first = bin_below(axis, place - reach * stddev)
    beyond = place + reach * stddev
    at, inverse, farthest = simd.splat(place, like), simd.splat(1.0 / stddev, like), simd.splat(reach, like)
    last_step, last_tail, last_density, last_moment = nothing, nothing, nothing, nothing
    count = 0
    while True:
        z = (simd.load(table, PAD + first + 1 + count, lanes, like) - at) * inverse
        size = simd.absolute(z)
        near = simd.greater(farthest, size)
        density, tail = density_and_tail(simd.select(near, size, nothing))
        density, tail = simd.select(near, density, nothing), simd.select(near, tail, nothing)
        left = simd.greater(nothing, z)
        step = simd.select(left, nothing, unit)  # the distribution function is the step and the signed tail
        tail = simd.select(left, tail, nothing - tail)
        mass = (step - simd.shifted(last_step, step)) + (tail - simd.shifted(last_tail, tail))
        simd.store(masses, count, lanes, mass)
        last_step, last_tail = step, tail
        if derivatives:
            moment = simd.select(near, z * density, nothing)
            simd.store(by_place, count, lanes, simd.shifted(last_density, density) - density)
            simd.store(by_width, count, lanes, simd.shifted(last_moment, moment) - moment)
            last_density, last_moment = density, moment
        count += lanes
        if not simd.peek(table, PAD + first + count) < beyond:
            break
    return Shares(first, count, masses, by_place, by_width)
