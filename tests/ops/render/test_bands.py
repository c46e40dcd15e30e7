"""Bands share an image out between threads; where one begins changes no bit."""

import numpy as np
import pytest

import gaussgrad
from gaussgrad import parallel
from gaussgrad.ops.render.cpu.bands import bands_of_rows, members_of_bands, touch_rows
from gaussgrad.ops.render.cpu.visits import BLOCK_ROWS, plan_visits

BATCH, N, BANDS = 3, 37, 5


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


def reach_of(size, rng):
    """The rows of Gaussians in and around a frame, with a few far off it, by the kernel and by the definition."""
    d, squared = len(size), 9.0
    means = rng.uniform(-40, np.add(size[::-1], 40), (BATCH, N, d)).astype(np.float32)
    means[:, :4] = [[-1e30], [1e30], [-3], [0]]
    variances = rng.uniform(0.1, 60, (BATCH, N, d))
    covariances = np.zeros((BATCH, N, d * (d + 1) // 2), np.float32)
    covariances[..., {1: [0], 2: [0, 2], 3: [0, 3, 5]}[d]] = variances
    reach = np.empty((BATCH * N, 2), np.int32)
    frame = (1,) * (3 - d) + size
    touch_rows(0, BATCH * N, means, covariances, None, frame, (squared, 0.0, np.float32(0), np.float32(0)), reach)
    half = np.sqrt(squared * variances)
    low = np.clip(np.ceil(means - half), 0, size[::-1])
    high = np.clip(np.floor(means + half) + 1, 0, size[::-1])
    return reach.reshape(BATCH, N, 2), low.astype(int), high.astype(int)


def test_gaussians_reach_the_rows_of_their_ellipses(rng):
    reach, low, high = reach_of((150, 40), rng)
    inside = low[..., 1] < high[..., 1]
    assert 0 < inside.sum() < BATCH * N
    np.testing.assert_array_equal(reach[inside], np.stack([low, high], axis=-1)[inside, 1])
    assert (reach[~inside, 0] == reach[~inside, 1]).all()
    assert (reach >= 0).all()
    assert (reach <= 150).all()


def test_gaussians_of_volumes_reach_from_their_first_row_to_their_last(rng):
    (_, height, _), (reach, low, high) = (7, 40, 20), reach_of((7, 40, 20), rng)
    inside = (low[..., 1:] < high[..., 1:]).all(axis=-1)
    first, last = low[..., 2] * height + low[..., 1], (high[..., 2] - 1) * height + high[..., 1]
    np.testing.assert_array_equal(reach[inside], np.stack([first, last], axis=-1)[inside])
    assert (reach[~inside, 0] == reach[~inside, 1]).all()


def test_bands_have_the_gaussians_that_touch_them_in_order(rng):
    reach, _, _ = reach_of((150, 40), rng)
    offsets, members = members_of_bands(reach.reshape(-1, 2), BATCH, bands_of_rows(150, BANDS), BANDS)
    starts = 150 * np.arange(BANDS + 1) // BANDS
    for band in range(BATCH * BANDS):
        (first, last), rows = (starts[band % BANDS], starts[band % BANDS + 1]), reach[band // BANDS]
        wanted = np.flatnonzero((rows[:, 0] < rows[:, 1]) & (rows[:, 0] < last) & (rows[:, 1] > first))
        np.testing.assert_array_equal(members[offsets[band] : offsets[band + 1]], wanted)


def test_visits_cover_each_gaussian_once_in_blocks_whose_slots_follow_each_other(rng):
    reach, _, _ = reach_of((150, 40), rng)
    reach[1, 5] = 3, 149
    visits, slots = plan_visits(reach.reshape(-1, 2), BATCH, bands_of_rows(150, BANDS), BANDS)
    for k, (first, last) in enumerate(reach.reshape(-1, 2)):
        blocks = visits[visits[:, 0] == k]
        np.testing.assert_array_equal(blocks[:, 1], np.arange(first, max(last, first + 1), BLOCK_ROWS))
        np.testing.assert_array_equal(blocks[:, 2], [*blocks[1:, 1], last])
        assert (blocks[:, 3] == -1).all() if len(blocks) == 1 else (np.diff(blocks[:, 3]) == 1).all()
    np.testing.assert_array_equal(np.sort(visits[visits[:, 3] >= 0, 3]), np.arange(slots))
    assert slots
    middles = visits[:, 0] // N * 150 + np.minimum(149, reach.reshape(-1, 2).sum(axis=1)[visits[:, 0]] // 2)
    assert (np.diff(bands_of_rows(150, BANDS)[middles % 150] + BANDS * (middles // 150)) >= 0).all()
