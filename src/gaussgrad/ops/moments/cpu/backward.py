"""The backward kernel: along a row, the gradient of a pixel is a polynomial of degree two in its x; equation 65."""

import numpy as np

from gaussgrad import simd
from gaussgrad.ops.moments.cpu.light import relative_exponential


@simd.kernel
def spread(start, stop, grad, kept, images, inverse, lowest, gradient):
    """The gradients of the maps [start, stop), each with its one owner; `kept` and `inverse` as of `measure`."""
    height, width = images.shape[1:]
    kind = images.dtype
    flat, out = simd.address(images), simd.address(gradient)
    like = simd.iota(flat)
    lanes = simd.width_of(like)
    for b in range(start, stop):
        at_mass, at_x, at_y = np.float64(grad[b, 0, 0]), np.float64(grad[b, 1, 0]), np.float64(grad[b, 2, 0])
        at_xx, at_xy, at_yy = np.float64(grad[b, 3, 0]), np.float64(grad[b, 4, 0]), np.float64(grad[b, 5, 0])
        xx, xy, yy = np.float64(kept[b, 5]), np.float64(kept[b, 6]), np.float64(kept[b, 7])
        base_x, part_x, top = kept[b, 1], kept[b, 2], kept[b, 8]
        scale = 1.0 / np.float64(kept[b, 0])
        if inverse > 0:
            at_mass, scale = 0.0, scale * inverse
        mean_part = at_xx * xx + at_xy * xy + at_yy * yy
        square = kind.type(at_xx * scale)
        for y in range(height):
            dy = (y - np.float64(kept[b, 3])) - np.float64(kept[b, 4])
            slope = simd.splat(kind.type((at_x + at_xy * dy) * scale), like)
            height_ = simd.splat(kind.type(at_mass + (dy * (at_y + at_yy * dy) - mean_part) * scale), like)
            place = (b * height + y) * width
            for x in range(0, width, lanes):
                dx = (like + kind.type(x - base_x)) - part_x
                value = simd.fused(simd.fused(dx, simd.splat(square, like), slope), dx, height_)
                if inverse > 0:
                    logits = simd.load(flat, place + x, width - x, like)
                    value = value * relative_exponential(logits, top, kind.type(inverse), lowest)
                simd.store(out, place + x, width - x, value)
