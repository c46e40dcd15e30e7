"""Spots over frames: linked where they stay, and freed from the drift of the sample."""

import numpy as np
import pytest

from gaussgrad.spots import SpotTable, drift, link
from gaussgrad.spots.pairing import pairs_within


def table_of(frame, means, error=0.1):
    n = len(frame)
    errors = np.broadcast_to(np.asarray(error, dtype=float).reshape(-1, 1), (n, 2))
    return SpotTable(frame, means, np.ones((n, 3)), np.full(n, 100.0), np.ones(n), errors, np.full(n, 3.0), np.ones(n))


def test_pairs_are_as_many_as_can_be_and_of_these_the_closest():
    rng = np.random.default_rng(3)
    for n, m in ((7, 5), (0, 4), (6, 6)):
        points, others = rng.uniform(0, 6, (n, 2)), rng.uniform(0, 6, (m, 2))
        pairs = pairs_within(points, others, 1.5)
        apart = np.linalg.norm(points[:, None] - others, axis=-1)
        most, least = best(apart, 1.5, 0, frozenset())
        assert len(pairs) == most
        assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == most
        assert np.sum(apart[tuple(pairs.T)] ** 2) == pytest.approx(least)


def test_one_more_pair_outweighs_a_closer_one():
    points, others = np.array([[0.0, 0.0], [1.4, 0.0]]), np.array([[-1.4, 0.0], [0.05, 0.0]])
    assert pairs_within(points, others, 1.5).tolist() == [[0, 0], [1, 1]]


def best(apart, distance, row, taken):
    """By trying all: the largest number of pairs, and the least sum of squares with so many."""
    if row == len(apart):
        return 0, 0.0
    found = [best(apart, distance, row + 1, taken)]
    for column in range(apart.shape[1]):
        if column not in taken and apart[row, column] <= distance:
            count, total = best(apart, distance, row + 1, taken | {column})
            found.append((count + 1, total + apart[row, column] ** 2))
    return min(found, key=lambda each: (-each[0], each[1]))


@pytest.mark.parametrize(("gap", "tracks"), [(0, 5), (1, 4), (2, 3)])
def test_a_spot_that_stays_is_one_track_across_gaps_no_longer_than_allowed(gap, tracks):
    frame = np.array([6, 0, 1, 3, 8, 0, 1])  # in any order; gaps of one frame and of two
    places = np.array([[9.0, 9.0]] * 5 + [[20.0, 9.0]] * 2)
    places[4] = (14.0, 9.0)  # too far
    found = link(table_of(frame, places), distance=1.0, gap=gap)
    expected = {0: [1, 1, 1, 2, 2], 1: [1, 1, 2, 3], 2: [1, 2, 4]}[gap]
    assert len(found.frames) == tracks
    assert sorted(found.frames) == expected
    assert (np.diff(found.spots.frame) >= 0).all()
    assert found.frames.sum() == len(frame)


def test_the_merged_place_is_as_sure_as_its_error_says():
    rng, n, length = np.random.default_rng(5), 2000, 4
    frame = np.tile(np.arange(length), n)
    places = np.repeat(np.stack(np.divmod(np.arange(n), 50), axis=1) * 10.0, length, axis=0)
    errors = rng.choice([0.1, 0.4], n * length)
    means = places + rng.normal(size=places.shape) * errors[:, None]
    found = link(table_of(frame, means, errors), distance=5.0)
    assert (found.frames == length).all()
    order = np.argsort(found.track, kind="stable")[::length]
    pulls = (found.spots.means - places[order]) / found.spots.mean_stddevs
    assert np.std(pulls) == pytest.approx(1.0, abs=0.04)  # 4,000 numbers: three standard errors
    np.testing.assert_allclose(found.spots.photons, 100.0 * length)
    np.testing.assert_allclose(found.spots.photons_stddev, 3.0 * np.sqrt(length))


def test_a_track_with_a_spot_without_error_has_the_plain_mean_and_none():
    found = link(table_of(np.arange(2), np.array([[1.0, 1.0], [2.0, 1.0]]), [0.1, np.nan]), distance=2.0)
    np.testing.assert_allclose(found.spots.means, [[1.5, 1.0]])
    assert np.isnan(found.spots.mean_stddevs).all()


def moving(path, *, emitters=150, frames=300, each=6, error=0.05, seed=0):
    """Spots of emitters that blink, on a sample that moves along a path of the time from 0 to 1."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(frames), each)
    places = rng.uniform(3, 61, (emitters, 2))[rng.integers(0, emitters, len(frame))]
    true = np.stack(path(np.arange(frames) / frames), axis=1)
    means = places + true[frame] + rng.normal(0, error, (len(frame), 2))
    return table_of(frame, means, error), true - true[0]


@pytest.mark.parametrize(
    "path",
    [lambda t: (9 * t**1.5, -7 * np.sin(2.5 * t)), lambda t: (0.3 * np.sin(6 * t), 0 * t), lambda t: (0 * t, 0 * t)],
    ids=["far", "to and fro", "none"],
)
def test_what_is_left_of_a_drift_is_small_against_the_errors_of_spots(path):
    table, true = moving(path)
    found = drift(table)
    np.testing.assert_array_equal(found.shifts[0], 0)
    left = found.shifts - true
    assert (
        np.sqrt(np.mean((left - left.mean(axis=0)) ** 2)) < 0.2 * 0.05
    )  # a fifth of an error; the correlation alone leaves twice as much
    corrected, still = found.corrected(table).means, table.means - true[table.frame]
    assert np.std(corrected - still, axis=0).max() < 0.2 * 0.05


def test_the_unit_of_a_table_changes_no_drift():
    table, _ = moving(lambda t: (2 * t, -t), frames=100)
    np.testing.assert_allclose(drift(table.times(107.0)).shifts / 107.0, drift(table).shifts, atol=1e-6)


def test_a_table_that_tells_no_drift_is_refused():
    table, _ = moving(lambda t: (t, t), emitters=100_000, frames=100)
    with pytest.raises(ValueError, match="of spots that come back, so that most pairs of segments agree"):
        drift(table)
    with pytest.raises(ValueError, match="with errors above 0 for x and y; got none"):
        drift(table._replace(mean_stddevs=np.full_like(table.means, np.nan)))
    with pytest.raises(ValueError, match="at least 100 spots"):
        drift(table.chosen(np.arange(50)))
    with pytest.raises(ValueError, match="segment must be an integer of at least 1; got 0"):
        drift(table, segment=0)
    with pytest.raises(ValueError, match="gap must be an integer of at least 0; got -1"):
        link(table, distance=1.0, gap=-1)
