"""The score test for one more spot at each pixel of frames, as `evidence.scores` states it."""

import math

import numpy as np

from gaussgrad import simd

LEAST_VARIANCE = 1e-6  # photons²
LEAST_WEIGHT = 1e-12  # of all pixels around a place
LEAST_KNOWN = 1e-3  # share of the information of a spot that is left where a place is judged
WEIGHTS, SQUARES, WEIGHT_SUMS, RESIDUALS, RESIDUAL_SUMS, SEEN = range(6)  # what is summed around each pixel


@simd.inner
def _add(scale, row, out):
    for x in range(len(out)):
        out[x] += scale * row[x]


@simd.inner
def _fill_weights(data, total, noise, used, gaussian, weights, residuals, known):
    """Of a row: 1 / variance and weighted residuals, both 0 where a pixel is not used."""
    for x in range(len(data)):
        variance = noise[x] if gaussian else total[x] + noise[x]
        weights[x] = 1 / max(variance, LEAST_VARIANCE) if used[x] else 0.0
        residuals[x] = weights[x] * (data[x] - total[x])
        known[x] = 1.0 if used[x] else 0.0


@simd.inner
def _fill_column_sums(y, weights, residuals, known, along_y, kinds, margin, sums):
    """Sums along y (6, w + 2 margin) around a row; the margin on both sides stays 0."""
    radius = len(along_y) // 2
    height, width = weights.shape
    sums[:] = 0
    for k in range(max(y - radius, 0), min(y + radius + 1, height)):
        share = along_y[k - y + radius]
        _add(share, weights[k], sums[WEIGHTS, margin : margin + width])
        _add(share * share, weights[k], sums[SQUARES, margin : margin + width])
        _add(1.0, weights[k], sums[WEIGHT_SUMS, margin : margin + width])
        _add(share, residuals[k], sums[RESIDUALS, margin : margin + width])
        _add(1.0, residuals[k], sums[RESIDUAL_SUMS, margin : margin + width])
        if kinds > SEEN:
            _add(share * share, known[k], sums[SEEN, margin : margin + width])


@simd.inner
def _fill_sums(sums, along_x, kinds, around):
    """Sums (6, w) around the pixels of a row, from those along y."""
    width = around.shape[1]
    around[:] = 0
    for k in range(len(along_x)):
        share = along_x[k]
        _add(share, sums[WEIGHTS, k : k + width], around[WEIGHTS])
        _add(share * share, sums[SQUARES, k : k + width], around[SQUARES])
        _add(1.0, sums[WEIGHT_SUMS, k : k + width], around[WEIGHT_SUMS])
        _add(share, sums[RESIDUALS, k : k + width], around[RESIDUALS])
        _add(1.0, sums[RESIDUAL_SUMS, k : k + width], around[RESIDUAL_SUMS])
        if kinds > SEEN:
            _add(share * share, sums[SEEN, k : k + width], around[SEEN])


@simd.inner
def _fill_scores(around, least_seen, kinds, field):
    """Of a row; 0 where too little is known of a spot there."""
    for x in range(len(field)):
        share = around[WEIGHTS, x] / max(around[WEIGHT_SUMS, x], LEAST_WEIGHT)
        alone = around[SQUARES, x]
        information = alone - share * around[WEIGHTS, x]
        # A pixel is judged by what lies around it: dark ones elsewhere, whose weights are large, must not silence it.
        sure = alone > 0 and information > LEAST_KNOWN * alone
        if kinds > SEEN:
            sure = sure and around[SEEN, x] > least_seen
        strength = around[RESIDUALS, x] - share * around[RESIDUAL_SUMS, x]
        field[x] = strength / math.sqrt(information) if sure else 0.0


@simd.kernel
def score_frames(start, stop, frames, along_x, along_y, gaussian, field):
    """Fill the field (f, h, w) of the frames [start, stop) of a record `Frames`; shares are (2 radius + 1,)."""
    height, width = field.shape[1:]
    margin = len(along_x) // 2
    weights, residuals, known = np.empty((height, width)), np.empty((height, width)), np.empty((height, width))
    sums, around = np.empty((6, width + 2 * margin)), np.empty((6, width))
    least_seen = LEAST_KNOWN * np.sum(along_x**2) * np.sum(along_y**2)
    for f in range(start, stop):
        for y in range(height):
            _fill_weights(
                frames.data[f, y], frames.total[f, y], frames.noise[y], frames.used[f, y], gaussian,
                weights[y], residuals[y], known[y],
            )  # fmt: skip
        kinds = SEEN if frames.used[f].all() else SEEN + 1
        for y in range(height):
            _fill_column_sums(y, weights, residuals, known, along_y, kinds, margin, sums)
            _fill_sums(sums, along_x, kinds, around)
            _fill_scores(around, least_seen, kinds, field[f, y])
