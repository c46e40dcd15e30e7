"""The forward kernel: each block of samples fills a histogram of its own."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.histogram.cpu.axes import PAD, axes_of, few_shares, many_shares, rooms, share_out, start_of


@simd.inlined
def add_columns(cells, first, frame, z, y, weight, masses):
    """Add a vector of bins along x, with the bins along z and y, to the cells from the place `first` on."""
    depth, height, width, one_axis = frame
    if one_axis:  # as most often
        add(cells, first, weight, masses)
        return
    for k in range(max(z.first, 0), min(z.first + z.count, depth)):
        of_plane = weight * simd.peek(z.masses, k - z.first)
        for j in range(max(y.first, 0), min(y.first + y.count, height)):
            add(cells, first + (k * height + j) * width, of_plane * simd.peek(y.masses, j - y.first), masses)


@simd.inlined
def add(cells, at, share, masses):
    """Add a share of the masses."""
    lanes = simd.width_of(masses)
    so_far = simd.load(cells, at, lanes, masses)
    simd.store(cells, at, lanes, simd.fused(simd.splat(share, masses), masses, so_far))


@simd.kernel
def count_samples(start, stop, block, samples, stddevs, weights, edges, lows, rates, reach, single, partial):
    """The histograms (b, blocks, z, y, 1 + x + PAD) of the blocks [start, stop), in float64; equation 69.

    Along x, place 0 and those from the last bin on hold what falls outside. `edges`, `lows` and `rates` are of the
    three axes, see `Axis`; the first ones hold everything in one bin where samples have fewer. Stddevs (b, 1, d) or
    (b, n, d), weights (b, 1) or (b, n).
    """
    _, blocks, depth, height, width = partial.shape
    _, n, d = samples.shape
    axis_z, axis_y, axis_x = axes_of(edges, lows, rates, d)
    scratch = np.zeros((9, max(depth, height, width) + 2 * PAD))  # vectors go past what an unbounded axis writes
    of_z, of_y, of_x = rooms(scratch, 0), rooms(scratch, 3), rooms(scratch, 6)
    places, widths, shares = simd.address(samples), simd.address(stddevs), simd.address(weights)
    each_stddev, each_weight = stddevs.shape[1] > 1, weights.shape[1] > 1
    cells = simd.address(partial)
    frame = depth, height, width, axis_z.unbounded and axis_y.unbounded
    like, lanes = simd.iota(cells), simd.lanes_of(cells)
    for owner in range(start, stop):
        b, part = owner // blocks, owner % blocks
        partial[b, part] = 0.0
        for item in range(part * block, min((part + 1) * block, n)):
            sample = places, (b * n + item) * d
            stddev = widths, (b * n + item) * d if each_stddev else b * d
            weight = simd.peek(shares, b * n + item if each_weight else b)
            z = share_out(axis_z, sample, stddev, reach, single, of_z, False)
            y = share_out(axis_y, sample, stddev, reach, single, of_y, False)
            begin = start_of(axis_x, sample, stddev, reach)
            at = owner * depth * height * width + 1 + begin.bin
            if single and begin.few:
                masses, _, _ = few_shares(axis_x, begin, reach)
                add_columns(cells, at, frame, z, y, weight, simd.widened_low(masses))
                add_columns(cells, at + lanes, frame, z, y, weight, simd.widened_high(masses))
            else:
                x = many_shares(axis_x, begin, reach, of_x, False)
                for i in range(0, x.count, lanes):
                    add_columns(cells, at + i, frame, z, y, weight, simd.load(x.masses, i, lanes, like))
    simd.keep(scratch)
