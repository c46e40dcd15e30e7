"""The damped Gauss-Newton equations of the Gaussians of one image, solved by conjugate gradients, inside kernels.

The matrix is J^T J with the sums over pixels replaced by integrals (overlaps.py). A product with it needs the overlaps
of pairs of Gaussians alone, since their profiles are the same in all channels.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gaussgrad import simd
from gaussgrad.fitting.gauss_newton.overlaps import BLOCK, PROFILES, Plane, add_blocks

SHAPE = 5  # numbers of mean and factor: along, across, p, q, r
RIDGE = 1e-3  # of the mean diagonal, added to each entry: holds what no pixel sees
LEAST_OVERLAP, COARSER = 1e-3, 4.0  # that counts, and the factor on it where there is no memory for so many
MOST_ITERATIONS = 12
ENOUGH = 1e-3  # of the squared residual of the equations that may be left


class Memory(NamedTuple):
    """Of one thread, flat. A field holds SHAPE + c rows of a number of each of the n Gaussians, padded to vectors."""

    plane: Any  # x, y, a, b and c in rows
    weights: Any  # c rows
    drawn: Any  # (c, PROFILES) rows: how much of each profile is drawn in each channel
    products: Any  # and its integral with each profile
    right: Any  # fields from here on: the right side,
    free: Any  # 1 where a number may move, else 0,
    damping: Any
    inverse: Any  # and that of the damped diagonal
    step: Any
    residual: Any
    preconditioned: Any
    direction: Any
    product: Any
    first: Any  # (n + 1,): the first block of each Gaussian
    tiles: Any  # (most,): its neighbours in each block, counted in vectors
    blocks: Any  # (most * BLOCK * lanes,)


@njit(**simd.INNER)
def _dot(a, b):
    """The sum of the products of two fields."""
    a_, b_ = simd.address(a), simd.address(b)
    order = simd.iota(a_)
    lanes, value = simd.lanes_of(a_), simd.zero(order)
    for k in range(0, len(a), lanes):
        value = simd.fused(simd.load(a_, k, lanes, order), simd.load(b_, k, lanes, order), value)
    return np.float64(simd.total(value))


@njit(**simd.INNER)
def _add(a, scale, b, out):
    """out = a + scale b."""
    a_, b_, out_ = simd.address(a), simd.address(b), simd.address(out)
    order = simd.iota(a_)
    lanes, number = simd.lanes_of(a_), simd.scalar_type(a_)
    factor = simd.splat(number(scale), order)
    for k in range(0, len(a), lanes):
        simd.store(out_, k, lanes, simd.fused(factor, simd.load(b_, k, lanes, order), simd.load(a_, k, lanes, order)))


@njit(**simd.INNER)
def _multiply(a, b, out):
    """out = a b, number by number."""
    a_, b_, out_ = simd.address(a), simd.address(b), simd.address(out)
    order = simd.iota(a_)
    lanes = simd.lanes_of(a_)
    for k in range(0, len(a), lanes):
        simd.store(out_, k, lanes, simd.load(a_, k, lanes, order) * simd.load(b_, k, lanes, order))


@njit(**simd.INNER)
def _draw(direction, weights, padded, drawn):
    """How much of each profile a direction draws in each channel."""
    direction_, weights_, drawn_ = simd.address(direction), simd.address(weights), simd.address(drawn)
    order = simd.iota(direction_)
    lanes = simd.lanes_of(direction_)
    for channel in range(len(weights) // padded):
        out = channel * PROFILES * padded
        for k in range(0, padded, lanes):
            weight = simd.load(weights_, channel * padded + k, lanes, order)
            simd.store(drawn_, out + k, lanes, simd.load(direction_, (SHAPE + channel) * padded + k, lanes, order))
            for slot in range(SHAPE):
                value = weight * simd.load(direction_, slot * padded + k, lanes, order)
                simd.store(drawn_, out + (1 + slot) * padded + k, lanes, value)


@njit(**simd.INNER)
def _draw_transposed(products, weights, padded, product):
    """The numbers of Gaussians of integrals with their profiles: the transpose of `_draw`."""
    products_, weights_, product_ = simd.address(products), simd.address(weights), simd.address(product)
    order = simd.iota(products_)
    lanes, channels = simd.lanes_of(products_), len(weights) // padded
    for k in range(0, padded, lanes):
        for slot in range(SHAPE):
            value = simd.zero(order)
            for channel in range(channels):
                weight = simd.load(weights_, channel * padded + k, lanes, order)
                at = (channel * PROFILES + 1 + slot) * padded + k
                value = simd.fused(weight, simd.load(products_, at, lanes, order), value)
            simd.store(product_, slot * padded + k, lanes, value)
        for channel in range(channels):
            value = simd.load(products_, channel * PROFILES * padded + k, lanes, order)
            simd.store(product_, (SHAPE + channel) * padded + k, lanes, value)


@njit(**simd.INNER)
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


@njit(**simd.INNER)
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


@njit(**simd.INNER)
def _fill_diagonal(n, padded, damping, memory):
    """Fill in the damping of each number, and the inverse of the damped diagonal."""
    plane, weights, free = memory.plane, memory.weights, memory.free
    rows, mean, count = len(free) // padded, 0.0, 0.0
    for i in range(n):
        area, square = math.pi * np.float64(plane[2 * padded + i]) * np.float64(plane[4 * padded + i]), 0.0
        for at in range(i, len(weights), padded):
            square += np.float64(weights[at]) ** 2
        for row in range(rows):
            own = area
            if row < SHAPE:
                own *= square * (0.5 if row < 2 else 0.25 if row == 3 else 0.75)
            at = row * padded + i
            memory.inverse[at] = own  # for now
            mean += own * free[at]
            count += free[at]
    ridge = RIDGE * mean / max(count, 1.0) + 1e-30
    for row in range(rows):
        for at in range(row * padded, row * padded + n):
            own = np.float64(memory.inverse[at])
            memory.damping[at] = damping * (own + ridge)
            memory.inverse[at] = 1 / (own + damping * (own + ridge))


@njit(**simd.INNER)
def solve(n, padded, damping, memory):
    """Fill in the step by which the equations fall to a small residual; how far the squared error falls by it.

    `memory` holds the Gaussians, the right side, 0 where a number may not move, and which those are.
    """
    right, free, step, residual = memory.right, memory.free, memory.step, memory.residual
    direction, product, preconditioned = memory.direction, memory.product, memory.preconditioned
    _fill_overlaps(n, padded, LEAST_OVERLAP, memory.plane, memory.first, memory.tiles, memory.blocks)
    _fill_diagonal(n, padded, damping, memory)
    step[:] = 0
    residual[:] = right
    _multiply(memory.inverse, residual, direction)
    size = _dot(residual, direction)
    least = ENOUGH * size
    for _ in range(MOST_ITERATIONS):
        if not size > least:
            break
        _draw(direction, memory.weights, padded, memory.drawn)
        _integrate(memory.drawn, n, padded, memory.first, memory.tiles, memory.blocks, memory.products)
        _draw_transposed(memory.products, memory.weights, padded, product)
        _multiply(memory.damping, direction, preconditioned)
        _add(product, 1.0, preconditioned, product)
        _multiply(product, free, product)
        curvature = _dot(direction, product)
        if not curvature > 0:  # overlaps that are left out may make it negative
            break
        _add(step, size / curvature, direction, step)
        _add(residual, -size / curvature, product, residual)
        _multiply(memory.inverse, residual, preconditioned)
        old, size = size, _dot(residual, preconditioned)
        _add(preconditioned, size / old, direction, direction)
    _multiply(memory.damping, step, preconditioned)
    return _dot(step, right) + _dot(step, residual) + _dot(step, preconditioned)
