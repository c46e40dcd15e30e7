"""The backward kernel: each sample collects its gradient from the bins that it reaches."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.histogram.cpu.axes import PAD, axes_of, rooms, share_out


@simd.inlined
def pull_of_row(grad, row, shares):
    """The upstream gradient along a row of bins, by the masses there and by both their derivatives."""
    like, lanes = simd.iota(grad), simd.lanes_of(grad)
    by_mass, by_place, by_width = simd.zero(like), simd.zero(like), simd.zero(like)
    for i in range(0, shares.count, lanes):
        upstream = simd.load(grad, row + shares.first + i, lanes, like)
        by_mass = simd.fused(upstream, simd.load(shares.masses, i, lanes, like), by_mass)
        by_place = simd.fused(upstream, simd.load(shares.by_place, i, lanes, like), by_place)
        by_width = simd.fused(upstream, simd.load(shares.by_width, i, lanes, like), by_width)
    return simd.total(by_mass), simd.total(by_place), simd.total(by_width)


@simd.inlined
def three(shares, index):
    """The mass of a bin and its derivatives."""
    at = index - shares.first
    return simd.peek(shares.masses, at), simd.peek(shares.by_place, at), simd.peek(shares.by_width, at)


@simd.inlined
def pull_of_all(grad, first, height, width, depth, z, y, x):
    """The upstream gradient by the mass in all bins, and by its derivatives along z, y and x: to place, then width."""
    pull = 0.0
    place_z, place_y, place_x = 0.0, 0.0, 0.0
    width_z, width_y, width_x = 0.0, 0.0, 0.0
    for k in range(max(z.first, 0), min(z.first + z.count, depth)):
        mass_z, moved_z, widened_z = three(z, k)
        for j in range(max(y.first, 0), min(y.first + y.count, height)):
            mass_y, moved_y, widened_y = three(y, j)
            of_mass, of_place, of_width = pull_of_row(grad, first + (k * height + j) * width + 1, x)
            both = mass_z * mass_y
            pull += both * of_mass
            place_x += both * of_place
            width_x += both * of_width
            place_y += mass_z * moved_y * of_mass
            width_y += mass_z * widened_y * of_mass
            place_z += moved_z * mass_y * of_mass
            width_z += widened_z * mass_y * of_mass
    return pull, (place_z, place_y, place_x), (width_z, width_y, width_x)


@simd.kernel
def gradients(
    start,
    stop,
    block,
    blocks,
    grad,
    samples,
    stddevs,
    weights,
    edges,
    lows,
    rates,
    reach,
    single,
    grad_samples,
    grad_stddevs,
    grad_weights,
):
    """Gradients of the samples in the blocks [start, stop); equations 70 and 71.

    `grad` (b, z, y, 1 + x + PAD) is 0 outside of the bins. Those of a stddev or weight that samples share are
    (b, blocks, ...): each block adds up its own. The rest is as for `count_samples`.
    """
    _, depth, height, width = grad.shape
    _, n, d = samples.shape
    axis_z, axis_y, axis_x = axes_of(edges, lows, rates, d)
    scratch = np.zeros((9, max(depth, height, width) + 2 * PAD))  # vectors go past what an unbounded axis writes
    of_z, of_y, of_x = rooms(scratch, 0), rooms(scratch, 3), rooms(scratch, 6)
    places, widths, shares = simd.address(samples), simd.address(stddevs), simd.address(weights)
    upstream = simd.address(grad)
    each_stddev, each_weight = stddevs.shape[1] > 1, weights.shape[1] > 1
    for owner in range(start, stop):
        b, part = owner // blocks, owner % blocks
        if not each_stddev:
            grad_stddevs[b, part] = 0.0
        if not each_weight:
            grad_weights[b, part] = 0.0
        for item in range(part * block, min((part + 1) * block, n)):
            sample = places, (b * n + item) * d
            stddev = widths, (b * n + item) * d if each_stddev else b * d
            weight = simd.peek(shares, b * n + item if each_weight else b)
            z = share_out(axis_z, sample, stddev, reach, single, of_z, True)
            y = share_out(axis_y, sample, stddev, reach, single, of_y, True)
            x = share_out(axis_x, sample, stddev, reach, single, of_x, True)
            pull, by_place, by_width = pull_of_all(upstream, b * depth * height * width, height, width, depth, z, y, x)
            if each_weight:
                grad_weights[b, item] = pull
            else:
                grad_weights[b, part] += pull
            for column in range(d):
                scale = weight / simd.peek(stddev[0], stddev[1] + column)
                grad_samples[b, item, column] = scale * by_place[3 - d + column]
                if each_stddev:
                    grad_stddevs[b, item, column] = scale * by_width[3 - d + column]
                else:
                    grad_stddevs[b, part, column] += scale * by_width[3 - d + column]
    simd.keep(scratch)
