"""The backward kernel: each sample collects its gradient from the bins that it reaches."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.histogram.cpu.axes import PAD, axes_of, few_shares, many_shares, rooms, share_out, start_of


@simd.inlined
def loaded(address, index, like):
    """A whole vector."""
    return simd.load(address, index, simd.width_of(like), like)


@simd.inlined
def three(shares, index):
    """The mass of a bin and its derivatives."""
    at = index - shares.first
    return simd.peek(shares.masses, at), simd.peek(shares.by_place, at), simd.peek(shares.by_width, at)


@simd.inlined
def pull_of_columns(grad, first, frame, z, y, x, so_far):
    """What a vector of bins along x, with the bins along z and y, adds to the pulls; `first` is the place of the first.

    `x` holds the masses and both their derivatives. Pulls are the upstream gradient by the mass in all bins, by its
    derivatives to the place along z, y and x, then by those to the stddev; lane by lane.
    """
    depth, height, width, one_axis = frame
    mass, moved, widened = x
    if one_axis:  # as most often: nothing to multiply by
        of_mass, _, _, of_place, _, _, of_width = so_far
        upstream = loaded(grad, first, mass)
        of_mass, of_place = simd.fused(upstream, mass, of_mass), simd.fused(upstream, moved, of_place)
        return of_mass, so_far[1], so_far[2], of_place, so_far[4], so_far[5], simd.fused(upstream, widened, of_width)
    by_mass = simd.zero(mass)
    moved_z, moved_y, widened_z, widened_y = by_mass, by_mass, by_mass, by_mass
    for k in range(max(z.first, 0), min(z.first + z.count, depth)):
        of_z = three(z, k)
        for j in range(max(y.first, 0), min(y.first + y.count, height)):
            of_y = three(y, j)
            upstream = loaded(grad, first + (k * height + j) * width, mass)
            by_mass = simd.fused(upstream, simd.splat(of_z[0] * of_y[0], mass), by_mass)
            moved_y = simd.fused(upstream, simd.splat(of_z[0] * of_y[1], mass), moved_y)
            widened_y = simd.fused(upstream, simd.splat(of_z[0] * of_y[2], mass), widened_y)
            moved_z = simd.fused(upstream, simd.splat(of_z[1] * of_y[0], mass), moved_z)
            widened_z = simd.fused(upstream, simd.splat(of_z[2] * of_y[0], mass), widened_z)
    return (
        simd.fused(by_mass, mass, so_far[0]),
        simd.fused(moved_z, mass, so_far[1]),
        simd.fused(moved_y, mass, so_far[2]),
        simd.fused(by_mass, moved, so_far[3]),
        simd.fused(widened_z, mass, so_far[4]),
        simd.fused(widened_y, mass, so_far[5]),
        simd.fused(by_mass, widened, so_far[6]),
    )


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
    one_axis = axis_z.unbounded and axis_y.unbounded
    frame, lanes, nothing = (depth, height, width, one_axis), simd.lanes_of(upstream), simd.zero(simd.iota(upstream))
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
            pulls = nothing, nothing, nothing, nothing, nothing, nothing, nothing
            begin = start_of(axis_x, sample, stddev, reach)
            at = b * depth * height * width + 1 + begin.bin
            if single and begin.few:
                few = few_shares(axis_x, begin, reach)
                low = simd.widened_low(few[0]), simd.widened_low(few[1]), simd.widened_low(few[2])
                high = simd.widened_high(few[0]), simd.widened_high(few[1]), simd.widened_high(few[2])
                pulls = pull_of_columns(upstream, at, frame, z, y, low, pulls)
                pulls = pull_of_columns(upstream, at + lanes, frame, z, y, high, pulls)
            else:
                x = many_shares(axis_x, begin, reach, of_x, True)
                for i in range(0, x.count, lanes):
                    own = loaded(x.masses, i, nothing), loaded(x.by_place, i, nothing), loaded(x.by_width, i, nothing)
                    pulls = pull_of_columns(upstream, at + i, frame, z, y, own, pulls)
            pull = simd.total(pulls[0])
            by_place, by_width = (0.0, 0.0, simd.total(pulls[3])), (0.0, 0.0, simd.total(pulls[6]))
            if not one_axis:
                by_place = simd.total(pulls[1]), simd.total(pulls[2]), by_place[2]
                by_width = simd.total(pulls[4]), simd.total(pulls[5]), by_width[2]
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
