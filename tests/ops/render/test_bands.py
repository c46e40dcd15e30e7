"""Bands share an image out between threads; where one begins changes no bit."""

import numpy as np
import pytest

import gaussgrad
from gaussgrad import parallel


@pytest.mark.parametrize(
    ("size", "n", "dtype", "pixel"),
    [
        ((5000,), 200, "float32", "area"),
        ((150, 40), 1000, "float64", "point"),
        ((5, 40, 20), 1000, "float64", "point"),
    ],
)
def test_wide_gaussians_are_drawn_the_same_in_any_bands(size, n, dtype, pixel, rng, monkeypatch):
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    d = len(size)
    means, weights = rng.uniform(-2, np.add(size[::-1], 2), (n, d)), rng.uniform(0.1, 0.4, (n, 2))
    means[::2] /= 9  # near 0, where coordinates have most digits
    roots = np.zeros((n, d, d))
    roots[(slice(None), *np.tril_indices(d))] = rng.uniform(1, 400 if d == 1 else 9, (n, d * (d + 1) // 2))
    covariances = gaussgrad.covariance.from_matrix(roots @ roots.transpose(0, 2, 1))
    arrays = [array.astype(dtype) for array in (means, covariances, weights)]
    alone = gaussgrad.render(*arrays, size=size, amplitude="peak", pixel=pixel, threads=1)
    for threads in (3, 7):
        found = gaussgrad.render(*arrays, size=size, amplitude="peak", pixel=pixel, threads=threads)
        np.testing.assert_array_equal(found, alone)
