"""Histograms of Gaussian samples in 40 digits, by the difference of error functions, and their derivatives."""

from itertools import pairwise
from typing import Any

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 40


def masses(place: Any, stddev: Any, edges: Any, edge: str) -> list[tuple[Any, Any, Any]]:
    """For each bin the mass of a sample, and its derivatives to the sample and to the stddev; numbers are exact."""
    place, stddev = mp.mpf(float(place)), mp.mpf(float(stddev))
    rows = []
    for number, value in enumerate(edges):
        open_end = edge == "keep" and number in (0, len(edges) - 1)
        z = (mp.mpf(float(value)) - place) / stddev
        if open_end or abs(z) > 60:
            rows.append((mp.mpf(number > 0 if open_end else z > 0), mp.mpf(0), mp.mpf(0)))
        else:
            density = mp.npdf(z)
            rows.append((mp.erfc(-z / mp.sqrt(2)) / 2, -density / stddev, -z * density / stddev))
    return [tuple(b - a for a, b in zip(low, high, strict=True)) for low, high in pairwise(rows)]


def histogram(samples: Any, stddevs: Any, weights: Any, edges: Any, edge: str, upstream: Any) -> tuple[Any, ...]:
    """Counts, and the gradients of their sum times `upstream` to samples (n, d), stddevs (n, d) and weights (n,)."""
    n, d = np.shape(samples)
    shape = tuple(len(axis) - 1 for axis in edges)
    counts = np.zeros(shape, dtype=object)
    of_samples, of_stddevs = np.zeros((n, d)), np.zeros((n, d))
    of_weights, upstream = np.zeros(n), np.vectorize(mp.mpf, otypes=[object])(upstream)
    for i in range(n):
        weight = mp.mpf(float(weights[i]))
        parts = [np.array(masses(samples[i][a], stddevs[i][a], edges[a], edge), dtype=object) for a in range(d)]
        whole = outer([part[:, 0] for part in parts])
        counts = counts + weight * whole
        of_weights[i] = float(np.sum(whole * upstream))
        for a in range(d):
            for column, result in ((1, of_samples), (2, of_stddevs)):
                moved = outer([part[:, column if other == a else 0] for other, part in enumerate(parts)])
                result[i, a] = float(weight * np.sum(moved * upstream))
    return counts.astype(float), of_samples, of_stddevs, of_weights


def outer(rows: Any) -> np.ndarray:
    """The products of one entry per axis."""
    result = np.array(mp.mpf(1), dtype=object)
    for row in rows:
        result = result[..., None] * row
    return result
