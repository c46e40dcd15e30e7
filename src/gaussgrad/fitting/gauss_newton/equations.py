"""The damped Gauss-Newton equations of the Gaussians of one image, solved by conjugate gradients, inside kernels.

The matrix is J^T J with the sums over pixels replaced by integrals (overlaps.py). A product with it needs the overlaps
of pairs of Gaussians alone, since their profiles are the same in all channels.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from gaussgrad import simd
from gaussgrad.fitting.gauss_newton.overlaps import BLOCK, PROFILES, Plane, add_blocks

SHAPE = 5  # numbers of mean and factor: along, across, p, q, r
RIDGE = 1e-3  # of the mean diagonal, added to each entry: holds what no pixel sees
LEAST_OVERLAP, COARSER = 1e-3, 4.0  # that counts, and the factor on it where there is no memory for so many
MOST_ITERATIONS = 12
ENOUGH = 1e-3  # of the squared residual of the equations that may be left


FIELDS = 9  # of numbers of the Gaussians, in this order:
RIGHT, FREE = 0, 1  # the right side of the equations; 1 where a number may move, and 0 elsewhere
DAMPING, INVERSE = 2, 3  # what is added to the diagonal; the inverse of the sum
STEP, RESIDUAL, SCALED, DIRECTION, PRODUCT = 4, 5, 6, 7, 8


class Memory(NamedTuple):
    """Of one thread, flat arrays. A row holds a number of each of the n Gaussians, padded to whole vectors."""

    plane: Any  # NUMBERS rows, see `Plane`
    weights: Any  # c rows
    drawn: Any  # (c, PROFILES) rows: how much of each profile is drawn in each channel
    products: Any  # and its integral with each profile
    fields: Any  # (FIELDS, SHAPE + c) rows
    first: Any  # (n + 1,): the first block of each Gaussian
    tiles: Any  # (most,): its neighbours in each block, counted in vectors
    blocks: Any  # (most * BLOCK * lanes,)


# The functions of fields take all of them and which: views of arrays cost more, also to compile.
@simd.inner
def _dot(fields, size, a, b):
    """The sum of the products of two fields."""
    fields_ = simd.address(fields)
    order = simd.iota(fields_)
    lanes, value = simd.lanes_of(fields_), simd.zero(order)
    for k in range(0, size, lanes):
        one = simd.load(fields_, a * size + k, lanes, order)
        value = simd.fused(one, simd.load(fields_, b * size + k, lanes, order), value)
    return np.float64(simd.total(value))


@simd.inner
def _add(fields, size, a, scale, b, out):
    """out = a + scale b."""
    fields_ = simd.address(fields)
    order = simd.iota(fields_)
    lanes, number = simd.lanes_of(fields_), simd.scalar_type(fields_)
    factor = simd.splat(number(scale), order)
    for k in range(0, size, lanes):
        one, other = simd.load(fields_, a * size + k, lanes, order), simd.load(fields_, b * size + k, lanes, order)
        simd.store(fields_, out * size + k, lanes, simd.fused(factor, other, one))


@simd.inner
def _multiply(fields, size, a, b, out):
    """out = a b, number by number."""
    fields_ = simd.address(fields)
    order = simd.iota(fields_)
    lanes = simd.lanes_of(fields_)
    for k in range(0, size, lanes):
        one, other = simd.load(fields_, a * size + k, lanes, order), simd.load(fields_, b * size + k, lanes, order)
        simd.store(fields_, out * size + k, lanes, one * other)


@simd.inner
def _draw(fields, size, weights, padded, drawn):
    """How much of each profile the direction draws in each channel."""
    fields_, weights_, drawn_ = simd.address(fields), simd.address(weights), simd.address(drawn)
    order = simd.iota(fields_)
    lanes, start = simd.lanes_of(fields_), DIRECTION * size
    for channel in range(len(weights) // padded):
        out, own = channel * PROFILES * padded, start + (SHAPE + channel) * padded
        for k in range(0, padded, lanes):
            weight = simd.load(weights_, channel * padded + k, lanes, order)
            simd.store(drawn_, out + k, lanes, simd.load(fields_, own + k, lanes, order))
            for slot in range(SHAPE):
                value = weight * simd.load(fields_, start + slot * padded + k, lanes, order)
                simd.store(drawn_, out + (1 + slot) * padded + k, lanes, value)


@simd.inner
def _draw_transposed(products, weights, padded, fields, size):
    """The product, of the integrals with each profile: the transpose of `_draw`."""
    products_, weights_, fields_ = simd.address(products), simd.address(weights), simd.address(fields)
    order = simd.iota(products_)
    lanes, channels, start = simd.lanes_of(products_), len(weights) // padded, PRODUCT * size
    for k in range(0, padded, lanes):
        for slot in range(SHAPE):
            value = simd.zero(order)
            for channel in range(channels):
                weight = simd.load(weights_, channel * padded + k, lanes, order)
                at = (channel * PROFILES + 1 + slot) * padded + k
                value = simd.fused(weight, simd.load(products_, at, lanes, order), value)
            simd.store(fields_, start + slot * padded + k, lanes, value)
        for channel in range(channels):
            value = simd.load(products_, channel * PROFILES * padded + k, lanes, order)
            simd.store(fields_, start + (SHAPE + channel) * padded + k, lanes, value)


@simd.inner
def _integrate(drawn, n, padded, first, tiles, blocks, products):
    """The integrals of what is drawn with each profile of each Gaussian."""
    drawn_, blocks_ = simd.address(drawn), simd.address(blocks)
    order = simd.iota(blocks_)
    lanes = simd.lanes_of(blocks_)
    row = PROFILES * lanes
    for start in range(0, len(drawn), PROFILES * padded):
        for i in range(n):
            s0 = simd.zero(order)
            s1, s2, s3, s4, s5 = s0, s0, s0, s0, s0
            for k in range(first[i], first[i + 1]):
                at, block = start + tiles[k] * lanes, k * BLOCK * lanes
                for column in range(PROFILES):
                    value = simd.load(drawn_, at + column * padded, lanes, order)
                    entry = block + column * lanes
                    s0 = simd.fused(simd.load(blocks_, entry, lanes, order), value, s0)
                    s1 = simd.fused(simd.load(blocks_, entry + row, lanes, order), value, s1)
                    s2 = simd.fused(simd.load(blocks_, entry + 2 * row, lanes, order), value, s2)
                    s3 = simd.fused(simd.load(blocks_, entry + 3 * row, lanes, order), value, s3)
                    s4 = simd.fused(simd.load(blocks_, entry + 4 * row, lanes, order), value, s4)
                    s5 = simd.fused(simd.load(blocks_, entry + 5 * row, lanes, order), value, s5)
            at = start + i
            products[at], products[at + padded] = simd.total(s0), simd.total(s1)
            products[at + 2 * padded], products[at + 3 * padded] = simd.total(s2), simd.total(s3)
            products[at + 4 * padded], products[at + 5 * padded] = simd.total(s4), simd.total(s5)


@simd.inner
def _fill_overlaps(n, padded, least, plane, first, tiles, blocks):
    """Fill in the blocks of overlaps of at least so much, or of more where there is no memory for so many."""
    plane_, blocks_ = simd.address(plane), simd.address(blocks)
    rows = Plane(plane_, padded)
    filled = -1
    while filled < 0:
        filled = 0
        for i in range(n):
            first[i] = filled
            filled = add_blocks(i, rows, n, least, tiles, blocks_, filled, len(tiles))
            if filled < 0:
                break
        least *= COARSER
    first[n] = filled


@simd.inner
def _fill_diagonal(n, padded, size, damping, memory):
    """Fill in the damping of each number, and the inverse of the damped diagonal."""
    plane, weights, fields = memory.plane, memory.weights, memory.fields
    mean, count = 0.0, 0.0
    for i in range(n):
        area, square = math.pi * np.float64(plane[2 * padded + i]) * np.float64(plane[4 * padded + i]), 0.0
        area *= np.float64(plane[5 * padded + i]) ** 2
        for at in range(i, len(weights), padded):
            square += np.float64(weights[at]) ** 2
        for row in range(size // padded):
            own = area * (square * (0.5 if row < 2 else 0.25 if row == 3 else 0.75) if row < SHAPE else 1.0)
            at = row * padded + i
            fields[INVERSE * size + at] = own  # until the ridge is known
            mean += own * fields[FREE * size + at]
            count += fields[FREE * size + at]
    ridge = RIDGE * mean / max(count, 1.0) + 1e-30
    for row in range(size // padded):
        for at in range(row * padded, row * padded + n):
            own = np.float64(fields[INVERSE * size + at])
            fields[DAMPING * size + at] = damping * (own + ridge)
            fields[INVERSE * size + at] = 1 / (own + damping * (own + ridge))


@simd.inner
def solve(n, padded, damping, memory):
    """Fill in the step that leaves a small residual of the equations; how far the squared error falls by it.

    `memory` holds the Gaussians, which numbers are free, and the right side, 0 for the others. Conjugate gradients with
    the diagonal as preconditioner: Hestenes and Stiefel (1952).
    """
    fields = memory.fields
    size = len(fields) // FIELDS
    _fill_overlaps(n, padded, LEAST_OVERLAP, memory.plane, memory.first, memory.tiles, memory.blocks)
    _fill_diagonal(n, padded, size, damping, memory)
    for at in range(size):
        fields[STEP * size + at] = 0
        fields[RESIDUAL * size + at] = fields[RIGHT * size + at]
    _multiply(fields, size, INVERSE, RESIDUAL, DIRECTION)
    left = _dot(fields, size, RESIDUAL, DIRECTION)
    enough = ENOUGH * left
    for _ in range(MOST_ITERATIONS):
        if not left > enough:
            break
        _draw(fields, size, memory.weights, padded, memory.drawn)
        _integrate(memory.drawn, n, padded, memory.first, memory.tiles, memory.blocks, memory.products)
        _draw_transposed(memory.products, memory.weights, padded, fields, size)
        _multiply(fields, size, DAMPING, DIRECTION, SCALED)
        _add(fields, size, PRODUCT, 1.0, SCALED, PRODUCT)
        _multiply(fields, size, PRODUCT, FREE, PRODUCT)
        curvature = _dot(fields, size, DIRECTION, PRODUCT)
        if not curvature > 0:  # overlaps that are left out may make it negative
            break
        _add(fields, size, STEP, left / curvature, DIRECTION, STEP)
        _add(fields, size, RESIDUAL, -left / curvature, PRODUCT, RESIDUAL)
        _multiply(fields, size, INVERSE, RESIDUAL, SCALED)
        old, left = left, _dot(fields, size, RESIDUAL, SCALED)
        _add(fields, size, SCALED, left / old, DIRECTION, DIRECTION)
    _multiply(fields, size, DAMPING, STEP, SCALED)
    return _dot(fields, size, STEP, RIGHT) + _dot(fields, size, STEP, RESIDUAL) + _dot(fields, size, STEP, SCALED)
