"""One spot over several frames: linked to a track, and merged to one row."""

from typing import NamedTuple

import numpy as np

from gaussgrad import checks
from gaussgrad.spots.pairing import pairs_within
from gaussgrad.spots.tables import SpotTable


class Tracks(NamedTuple):
    """Spots over frames, in the order of their first frames.

    Examples
    --------
    >>> one = np.ones(2)
    >>> table = SpotTable(np.arange(2), np.ones((2, 2)), np.ones((2, 3)), one, one, np.ones((2, 2)), one, one)
    >>> link(table, distance=0.5).last_frame
    array([1])
    """

    spots: SpotTable  # (t,): the first frame of each, what its spots say together, and the errors of that
    last_frame: np.ndarray  # (t,)
    frames: np.ndarray  # (t,): how many frames show it
    track: np.ndarray  # (n,): for each spot that came, its row here


def link(table: SpotTable, *, distance: float, gap: int = 0) -> Tracks:
    """Spots that stay near from frame to frame as one each, with the mean of their places.

    In each frame the spots are paired with the tracks seen last at most `gap` + 1 frames before: as many pairs within
    the distance as can be, and of these the closest. Whoever finds no track begins one.

    Parameters
    ----------
    table : SpotTable
        In any order of frames.
    distance : number
        The largest from the last place of a track to its next, in the unit of the table, above 0.
    gap : integer
        How many frames in a row a track may miss, at least 0.

    Returns
    -------
    Tracks
        x and y are means weighted by 1 / error², plain where a spot of the track has no error; their errors are
        those of such a mean, which hold for a spot that does not move. Photons are summed; widths, background and
        deviance are plain means.

    Raises
    ------
    ValueError
        For a distance or gap out of range.

    Notes
    -----
    Kuhn (1955), "The Hungarian method for the assignment problem".

    Examples
    --------
    >>> frame, means, two = np.array([0, 1]), np.array([[5.0, 5.0], [5.3, 5.0]]), np.ones(2)
    >>> errors = np.array([[0.1, 0.1], [0.2, 0.1]])
    >>> found = link(SpotTable(frame, means, np.ones((2, 3)), two, two, errors, two, two), distance=1.0)
    >>> found.spots.means.round(2), found.spots.mean_stddevs.round(3), found.spots.photons, found.frames
    (array([[5.06, 5. ]]), array([[0.089, 0.071]]), array([2.]), array([2]))
    """
    checks.number("distance", distance, "a finite number above 0", 1e-300)
    if checks.number("gap", gap, "an integer of at least 0", 0) != int(gap):
        raise ValueError(checks.complain("gap", "an integer of at least 0", repr(gap)))
    track = _tracks(np.asarray(table.frame), np.asarray(table.means), distance, int(gap))
    return _merged(table, track)


def _tracks(frame: np.ndarray, means: np.ndarray, distance: float, gap: int) -> np.ndarray:
    """The number of the track of each spot, (n,), ascending by first frames."""
    track = np.full(len(frame), -1, dtype=np.int64)
    order = np.argsort(frame, kind="stable")
    numbers, starts = np.unique(frame[order], return_index=True)
    open_ones, count = np.zeros(0, dtype=np.int64), 0  # the last spot of each track that may go on
    for number, spots in zip(numbers, np.split(order, starts[1:]), strict=True):
        open_ones = open_ones[frame[open_ones] >= number - 1 - gap]
        before, now = pairs_within(means[open_ones], means[spots], distance).T
        track[spots[now]] = track[open_ones[before]]
        new = spots[track[spots] < 0]
        track[new] = count + np.arange(len(new))
        count += len(new)
        open_ones = np.concatenate([np.delete(open_ones, before), spots])
    return track


def _merged(table: SpotTable, track: np.ndarray) -> Tracks:
    order = np.lexsort((table.frame, track))
    frames = np.bincount(track)
    first = np.cumsum(frames) - frames  # of each track, in the order

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values[order], first, axis=0) if len(first) else values[:0]

    def mean(values: np.ndarray) -> np.ndarray:
        return total(values) / frames.reshape(-1, *[1] * (values.ndim - 1))

    errors = table.mean_stddevs
    sure = np.isfinite(errors) & (errors > 0)
    told = total(~sure) == 0  # (t, 2): of every spot of a track
    information = total(np.where(sure, errors, 1.0) ** -2.0)
    weighted = total(table.means * np.where(sure, errors, 1.0) ** -2.0) / information
    spots = SpotTable(
        table.frame[order][first],
        np.where(told, weighted, mean(table.means)),
        mean(table.covariances),
        total(table.photons),
        mean(table.background),
        np.where(told, information**-0.5, np.nan),
        np.sqrt(total(table.photons_stddev**2)),
        mean(table.deviance),
    )
    return Tracks(spots, table.frame[order][first + frames - 1], frames, track)
