"""The forward kernel: each block of samples fills a histogram of its own."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.histogram.cpu.axes import PAD, axes_of, rooms, share_out


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
    cells_of_all = simd.address(partial)
    like, lanes = simd.iota(cells_of_all), simd.lanes_of(cells_of_all)
    for owner in range(start, stop):
        b, part = owner // blocks, owner % blocks
        partial[b, part] = 0.0
        cells = owner * depth * height * width
        for item in range(part * block, min((part + 1) * block, n)):
            sample = places, (b * n + item) * d
            stddev = widths, (b * n + item) * d if each_stddev else b * d
            weight = simd.peek(shares, b * n + item if each_weight else b)
            z = share_out(axis_z, sample, stddev, reach, single, of_z, False)
            y = share_out(axis_y, sample, stddev, reach, single, of_y, False)
            x = share_out(axis_x, sample, stddev, reach, single, of_x, False)
            for k in range(max(z.first, 0), min(z.first + z.count, depth)):
                of_plane = weight * simd.peek(z.masses, k - z.first)
                for j in range(max(y.first, 0), min(y.first + y.count, height)):
                    share = simd.splat(of_plane * simd.peek(y.masses, j - y.first), like)
                    row = cells + (k * height + j) * width + 1 + x.first
                    for i in range(0, x.count, lanes):
                        so_far = simd.load(cells_of_all, row + i, lanes, like)
                        mass = simd.load(x.masses, i, lanes, like)
                        simd.store(cells_of_all, row + i, lanes, simd.fused(share, mass, so_far))
    simd.keep(scratch)
