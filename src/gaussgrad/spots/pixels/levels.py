"""The background of frames: means of blocks, and straight lines from the middle of one block to the next."""

import numpy as np

from gaussgrad import simd


@simd.kernel
def mean_blocks(start, stop, data, light, used, rows, columns, levels):
    """Fill levels (f, len(rows) - 1, len(columns) - 1) with the means of data - light between these edges.

    Pixels that are not used do not count, unless a block has no others.
    """
    for f in range(start, stop):
        for i in range(len(rows) - 1):
            for j in range(len(columns) - 1):
                total, known, unknown, count = 0.0, 0, 0.0, 0
                for y in range(rows[i], rows[i + 1]):
                    for x in range(columns[j], columns[j + 1]):
                        rest = data[f, y, x] - light[f, y, x]
                        if used[f, y, x]:
                            total += rest
                            known += 1
                        else:
                            unknown += rest
                            count += 1
                levels[f, i, j] = total / known if known else unknown / count


@simd.kernel
def spread(start, stop, levels, down, across, level):
    """Fill level (f, h, w) from those of blocks; `down` and `across` are records `Lines` of rows and columns."""
    height, width = level.shape[1:]
    blocks = np.empty(levels.shape[2])
    last_row, last_column = levels.shape[1] - 1, levels.shape[2] - 1
    for f in range(start, stop):
        for y in range(height):
            above, below = down.first[y], min(down.first[y] + 1, last_row)
            for j in range(len(blocks)):
                blocks[j] = (1 - down.part[y]) * levels[f, above, j] + down.part[y] * levels[f, below, j]
            for x in range(width):
                left = across.first[x]
                right, part = min(left + 1, last_column), across.part[x]
                level[f, y, x] = (1 - part) * blocks[left] + part * blocks[right]
