"""The forward kernel: each map is read once from memory, and then from the cache; equations 62 to 64.

The mean is found first, then what lies around it: sums of squares about any other place would lose the digits of
narrow maps. Vectors add up a few rows in the dtype of the images, float64 adds up these.
"""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.moments.cpu.light import holds_everywhere, largest, relative_exponential

ROWS = 16  # added up before float64 takes over


@simd.inlined
def shares_of_light(logits, at, pixels, top, inverse, lowest, shares, like):
    """Write the light of `pixels` logits to `shares`; whether all of it is a number."""
    held = simd.equal(like, like)
    for i in range(0, pixels, simd.width_of(like)):
        values = simd.load(logits, at + i, pixels - i, like)
        relative = values - top  # NaN of NaN, of infinity, and of -infinity everywhere
        held = simd.both(held, simd.equal(relative, relative))
        simd.store(shares, i, pixels - i, relative_exponential(values, top, inverse, lowest))
    return holds_everywhere(held, like)


@simd.inlined
def first_sums(light, at, height, width, middle_x, middle_y, like):
    """The sums of light, light (x - middle) and light (y - middle); whether none of it is negative or NaN."""
    number, lanes = simd.scalar_type(light), simd.width_of(like)
    held = simd.equal(like, like)
    mass = sum_x = sum_y = 0.0
    for first in range(0, height, ROWS):
        all_, all_x, all_y = simd.zero(like), simd.zero(like), simd.zero(like)
        for y in range(first, min(first + ROWS, height)):
            row = simd.zero(like)
            for x in range(0, width, lanes):
                value = simd.load(light, at + y * width + x, width - x, like)
                held = simd.both(held, simd.equal(simd.absolute(value), value))
                row = row + value
                all_x = simd.fused(value, like + number(x - middle_x), all_x)
            all_ = all_ + row
            all_y = simd.fused(row, simd.splat(number(y - middle_y), like), all_y)
        mass += np.float64(simd.total(all_))
        sum_x += np.float64(simd.total(all_x))
        sum_y += np.float64(simd.total(all_y))
    return mass, sum_x, sum_y, holds_everywhere(held, like)


@simd.inlined
def second_sums(light, at, height, width, base_x, part_x, base_y, part_y, like):
    """The sums of light times dx, dy, dx dx, dx dy and dy dy, with dx = (x - base) - part."""
    number, lanes = simd.scalar_type(light), simd.width_of(like)
    sum_x = sum_y = sum_xx = sum_xy = sum_yy = 0.0
    for first in range(0, height, ROWS):
        all_x, all_y, all_xx = simd.zero(like), simd.zero(like), simd.zero(like)
        all_xy, all_yy = simd.zero(like), simd.zero(like)
        for y in range(first, min(first + ROWS, height)):
            row, row_x = simd.zero(like), simd.zero(like)
            for x in range(0, width, lanes):
                value = simd.load(light, at + y * width + x, width - x, like)
                dx = (like + number(x - base_x)) - number(part_x)
                times_x = value * dx
                row = row + value
                row_x = row_x + times_x
                all_xx = simd.fused(times_x, dx, all_xx)
            dy = simd.splat(number((y - base_y) - part_y), like)
            times_y = row * dy
            all_x = all_x + row_x
            all_y = all_y + times_y
            all_xy = simd.fused(row_x, dy, all_xy)
            all_yy = simd.fused(times_y, dy, all_yy)
        sum_x += np.float64(simd.total(all_x))
        sum_y += np.float64(simd.total(all_y))
        sum_xx += np.float64(simd.total(all_xx))
        sum_xy += np.float64(simd.total(all_xy))
        sum_yy += np.float64(simd.total(all_yy))
    return sum_x, sum_y, sum_xx, sum_xy, sum_yy


@simd.kernel
def measure(start, stop, images, inverse, lowest, least, most, out, kept):
    """The moments of the maps [start, stop), each with its one owner; whether all have some.

    `inverse` is the inverse temperature, 0 where the images are light. A mass from `least` to `most` is one. `out`
    (b, 6) gets mass, mean and covariance. `kept` (b, 9) gets what the backward pass needs: the sum of the light; of
    the means along x and y the nearest integer and the rest, which has digits of its own; the covariance; and the
    largest logit.
    """
    height, width = images.shape[1:]
    pixels, kind = height * width, images.dtype
    flat = simd.address(images)
    like = simd.iota(flat)
    of_one_map = np.empty(pixels if inverse > 0 else 1, kind)
    shares = simd.address(of_one_map)
    all_fine = True
    for b in range(start, stop):
        light, at, top, fine = flat, b * pixels, kind.type(0), True
        if inverse > 0:
            top = largest(flat, at, pixels, like)
            fine = shares_of_light(flat, at, pixels, top, kind.type(inverse), lowest, shares, like)
            light, at = shares, 0
        middle_x, middle_y = width // 2, height // 2
        mass, sum_x, sum_y, is_light = first_sums(light, at, height, width, middle_x, middle_y, like)
        mean_x, mean_y = middle_x + sum_x / mass, middle_y + sum_y / mass
        base_x, base_y = np.rint(mean_x), np.rint(mean_y)
        part_x, part_y = kind.type(mean_x - base_x), kind.type(mean_y - base_y)
        sum_x, sum_y, sum_xx, sum_xy, sum_yy = second_sums(
            light, at, height, width, base_x, part_x, base_y, part_y, like
        )
        off_x, off_y = sum_x / mass, sum_y / mass  # what rounding left of the mean
        out[b, 0] = kind.type(1) if inverse > 0 else kind.type(mass)
        out[b, 1], out[b, 2] = base_x + (part_x + off_x), base_y + (part_y + off_y)
        out[b, 3] = max(sum_xx / mass - off_x * off_x, 0.0)
        out[b, 4] = sum_xy / mass - off_x * off_y
        out[b, 5] = max(sum_yy / mass - off_y * off_y, 0.0)
        kept[b, 0] = mass
        kept[b, 1], kept[b, 2] = base_x, part_x + off_x
        kept[b, 3], kept[b, 4] = base_y, part_y + off_y
        kept[b, 5], kept[b, 6], kept[b, 7], kept[b, 8] = out[b, 3], out[b, 4], out[b, 5], top
        all_fine = all_fine and fine and is_light and mass >= least and mass <= most
    simd.keep(of_one_map)
    return all_fine
