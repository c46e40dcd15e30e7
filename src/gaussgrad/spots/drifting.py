"""How far a sample moved between frames, told by its spots."""

from typing import NamedTuple

import numpy as np

from gaussgrad import checks
from gaussgrad.spots.drawing import draw
from gaussgrad.spots.tables import SpotTable

MOST_SEGMENTS = 20
FEWEST_SPOTS = 100  # of a segment, where the length is ours to choose
GRID = 512  # pixels of the pictures that are correlated, at most
MOST_PAIRS = 400_000
STEPS = 12  # of each pass over the pairs
REACH = 3.0  # standard deviations up to which two spots may be one
AGREEING = 2.0  # pixels of the pictures between what two segments say and what all say
STIFFNESS = 1e-6  # of the bending of the curve, over the weight of all pairs: for stretches without spots


class Drift(NamedTuple):
    """Where the sample is in each frame, against the first.

    Examples
    --------
    >>> one = np.ones(1)
    >>> table = SpotTable(np.array([4]), np.ones((1, 2)), np.ones((1, 3)), one, one, np.ones((1, 2)), one, one)
    >>> Drift(np.array([3, 4]), np.array([[0.0, 0.0], [0.25, -0.5]])).corrected(table).means
    array([[0.75, 1.5 ]])
    """

    frame: np.ndarray  # (f,): from the first frame with a spot to the last
    shifts: np.ndarray  # (f, 2): along x and y, in the unit of the table; 0 in the first

    def corrected(self, table: SpotTable) -> SpotTable:
        """The table as if nothing had moved since the first frame; beyond the ends the drift stays as it is there."""
        rows = np.clip(table.frame - self.frame[0], 0, len(self.frame) - 1)
        return table._replace(means=table.means - self.shifts[rows])


def drift(table: SpotTable, *, segment: int | None = None) -> Drift:
    """How the sample moved between frames, as a smooth curve, from the spots that come back to their places.

    Pictures of segments of the frames, all with all, give a start that may be many pixels long (redundant
    cross-correlation). Then the curve moves so that pairs of spots overlap most, each as wide as it is uncertain.

    Parameters
    ----------
    table : SpotTable
        In any unit and order, with the errors of its means; spots without are moved along, and tell nothing.
    segment : integer, optional
        How many frames a piece of the curve, a cubic spline, lasts. By default so many that it has 100 spots or more
        and there are at most 20 pieces.

    Returns
    -------
    Drift
        The shifts of each frame. Subtract them, as `Drift.corrected` does.

    Raises
    ------
    ValueError
        For a table without errors or spots, a segment out of range, or frames whose spots have nothing in common.

    Notes
    -----
    Wang et al. (2014), "Localization events-based sample drift correction for localization microscopy with redundant
    cross-correlation algorithm"; Cnossen et al. (2021), "Drift correction in localization microscopy using entropy
    minimization", for pairs of spots weighted by their overlap.

    Examples
    --------
    >>> rng, n = np.random.default_rng(0), 2000
    >>> frame = np.arange(n) // 10
    >>> places = rng.uniform(0, 60, (40, 2))[rng.integers(0, 40, n)]
    >>> means = places + 0.01 * frame[:, None] + rng.normal(0, 0.05, (n, 2))
    >>> none, errors = np.full(n, np.nan), np.full((n, 2), 0.05)
    >>> found = drift(SpotTable(frame, means, np.full((n, 3), np.nan), none, none, errors, none, none))
    >>> bool(np.abs(found.shifts[-1] - 1.99).max() < 0.03)
    True
    """
    errors = table.mean_stddevs
    sure = (np.isfinite(errors) & (errors > 0)).all(axis=1)
    if not sure.any():
        raise ValueError(checks.complain("table", "of spots with errors above 0 for x and y", "none"))
    used = table.chosen(sure)
    first, last = int(used.frame.min()), int(used.frame.max())
    count = _segments(last - first + 1, len(used.frame), segment)
    frames = np.arange(first, last + 1)
    curve = _curve(frames, count)
    if count == 1 and segment is None and len(used.frame) < FEWEST_SPOTS:
        got = f"{len(used.frame)}"
        raise ValueError(checks.complain("table", f"of at least {FEWEST_SPOTS} spots, unless segment is given", got))
    spread = float(np.median(used.mean_stddevs))
    numbers = np.zeros((curve.shape[1], 2))
    if count > 1:
        numbers, bin_width = _start(used, curve, first, count, spread)
    for blur in (bin_width / 2, 0.0) if count > 1 else (2 * spread, 0.0):
        numbers = _refined(used, curve, first, numbers, spread, blur)
    shifts = curve @ numbers
    return Drift(frames, shifts - shifts[0])


def _segments(frames: int, spots: int, segment: int | None) -> int:
    """How many."""
    if segment is None:
        return max(1, min(MOST_SEGMENTS, spots // FEWEST_SPOTS, frames // 2))
    return max(1, round(frames / checks.count("segment", segment)))


def _curve(frames: np.ndarray, count: int) -> np.ndarray:
    """Cubic B-splines (f, count + 3) at the frames."""
    from scipy.interpolate import BSpline

    inner = np.linspace(frames[0], max(frames[-1], frames[0] + 1), count + 1)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    return BSpline.design_matrix(frames.astype(np.float64), knots, 3).toarray()


def _start(used: SpotTable, curve: np.ndarray, first: int, count: int, spread: float) -> tuple[np.ndarray, float]:
    """Coefficients (count + 3, 2) from the correlation of all segments with all, and the width of a pixel of these."""
    from scipy.optimize import least_squares

    corner = used.means.min(axis=0)
    extent = np.maximum(used.means.max(axis=0) - corner, 1e-300)
    bin_width = max(2 * spread, float(extent.max()) / GRID)
    segment = np.minimum((used.frame - first) * count // len(curve), count - 1)
    present = np.unique(segment)
    size = (int(extent[1] / bin_width) + 2, int(extent[0] / bin_width) + 2)
    moved = used.moved(0, tuple(-corner))
    spectra = [_spectrum(moved.chosen(segment == one), size, bin_width) for one in present]
    rows, columns = np.triu_indices(len(present), 1)
    peaks = [_peak(spectra[i], spectra[j]) for i, j in zip(rows, columns, strict=True)]
    apart = np.array(peaks).reshape(-1, 2)  # bins
    places = np.zeros((len(present), 2))
    for axis in range(2):
        found = least_squares(
            lambda d, axis=axis: d[columns] - d[rows] - apart[:, axis], places[:, axis], loss="soft_l1", f_scale=0.5
        )
        places[:, axis] = found.x
    agree = np.mean(np.abs(places[columns] - places[rows] - apart).max(axis=1, initial=0.0) < AGREEING)
    if len(rows) and agree < 0.5:
        got = f"{agree:.0%} of them"
        raise ValueError(checks.complain("table", "of spots that come back, so that most pairs of segments agree", got))
    middle = np.array([used.frame[segment == one].mean() for one in present])
    at = np.array([np.interp(middle, np.arange(first, first + len(curve)), basis) for basis in curve.T]).T
    bending = np.diff(np.eye(curve.shape[1]), 2, axis=0)
    equations = np.concatenate([at, 0.05 * bending])
    wanted = np.concatenate([places * bin_width, np.zeros((len(bending), 2))])
    return np.linalg.lstsq(equations, wanted, rcond=None)[0], bin_width


def _spectrum(spots: SpotTable, size: tuple[int, int], bin_width: float) -> np.ndarray:
    from scipy import fft

    # The middle of the first pixel of the picture is the corner of the table.
    placed = spots.times(1 / bin_width)
    picture = draw(placed, size=size, widths=1.0)
    return fft.rfft2(picture - picture.mean(), [fft.next_fast_len(2 * axis, real=True) for axis in size])


def _peak(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far (x, y) the second picture is moved against the first, in pixels, between them by a parabola."""
    from scipy import fft

    together = fft.irfft2(np.conj(one) * other)
    place = np.unravel_index(int(np.argmax(together)), together.shape)
    shift = np.empty(2)
    for axis, at in enumerate(place):
        length = together.shape[axis]
        line = np.take(together, [at - 1, at, at + 1], axis=axis, mode="wrap")
        low, top, high = np.take(line, place[1 - axis], axis=1 - axis)
        bend = low - 2 * top + high
        between = 0.5 * (low - high) / bend if bend < 0 else 0.0
        shift[1 - axis] = (at if at <= length // 2 else at - length) + between
    return shift


def _refined(
    used: SpotTable, curve: np.ndarray, first: int, numbers: np.ndarray, spread: float, blur: float
) -> np.ndarray:
    """Coefficients that make spots overlap more: each step is a fit to the distances of pairs, weighted by overlap."""
    from scipy import sparse

    rows = used.frame - first
    one, other = _pairs(used.means - (curve @ numbers)[rows], rows, REACH * np.hypot(blur, np.sqrt(2) * spread))
    apart = used.means[other] - used.means[one]
    variances = used.mean_stddevs[one] ** 2 + used.mean_stddevs[other] ** 2 + blur**2
    basis = sparse.csr_array(curve)
    equations = basis[rows[other]] - basis[rows[one]]
    bending = np.diff(np.eye(curve.shape[1]), 2, axis=0)
    for _ in range(STEPS):
        left = apart - equations @ numbers
        overlap = np.exp(-0.5 * np.sum(left**2 / variances, axis=1)) / np.sqrt(np.prod(variances, axis=1))
        step = np.zeros_like(numbers)
        for axis in range(2):
            weights = overlap / variances[:, axis]
            total = float(weights.sum())
            weighted = equations.multiply(weights[:, None]).tocsr()
            matrix = (equations.T @ weighted).toarray() + STIFFNESS * total * bending.T @ bending
            step[:, axis] = np.linalg.lstsq(matrix, weighted.T @ left[:, axis], rcond=1e-10)[0]
        numbers = numbers + step
    return numbers


def _pairs(means: np.ndarray, rows: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Two spots of different frames within reach, by index; of too many, those of a part of the spots."""
    from scipy.spatial import KDTree

    chosen = np.arange(len(means))
    tree = KDTree(means)
    count = (tree.count_neighbors(tree, reach) - len(means)) // 2
    if count > MOST_PAIRS:
        share = np.sqrt(MOST_PAIRS / count)
        chosen = np.sort(np.random.default_rng(0).permutation(len(means))[: int(share * len(means))])
        tree = KDTree(means[chosen])
    pairs = chosen[tree.query_pairs(reach, output_type="ndarray")]
    pairs = pairs[rows[pairs[:, 0]] != rows[pairs[:, 1]]]
    return pairs[:, 0], pairs[:, 1]
