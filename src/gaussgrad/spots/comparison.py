"""How well spots agree with those that are known: matched one to one, counted and measured."""

import math
from dataclasses import dataclass

import numpy as np

from gaussgrad import checks
from gaussgrad.spots.pairing import pairs_within


@dataclass(frozen=True)
class Comparison:
    """Counts and distances; NaN where nothing tells them.

    Examples
    --------
    >>> Comparison(matched=8, spurious=1, missed=1, rmse=0.1, pull_mean=0.0, pull_stddev=1.0).jaccard
    0.8
    """

    matched: int
    spurious: int  # found, but not there
    missed: int  # there, but not found
    rmse: float  # of the distances of pairs
    pull_mean: float  # of the errors of x and y, each in its standard errors
    pull_stddev: float
    bound: float = math.nan  # the RMSE that the standard errors of the pairs expect

    @property
    def rmse_over_bound(self) -> float:
        """1 where the errors are as large as the table says; errors of `find` are the Cramér-Rao bound."""
        return self.rmse / self.bound

    def efficiency(self, pixel_size: float = 1.0) -> float:
        """Jaccard index and RMSE in one number, in percent: 100 for all spots found without error; it may be negative.

        Of Sage et al. (2019): 100 - sqrt((100 - 100 · jaccard)² + (α · RMSE)²) with the RMSE in nm and, for lateral
        places, α = 1 per nm.

        Parameters
        ----------
        pixel_size : number
            Nanometres of the unit of the means, above 0.

        Examples
        --------
        >>> found = Comparison(matched=8, spurious=1, missed=1, rmse=0.15, pull_mean=0.0, pull_stddev=1.0)
        >>> found.efficiency(pixel_size=100.0)
        75.0
        """
        checks.number("pixel_size", pixel_size, "a finite number of nm above 0", 1e-300)
        return 100 - math.hypot(100 - 100 * self.jaccard, self.rmse * pixel_size)

    @property
    def jaccard(self) -> float:
        """matched / (matched + spurious + missed)."""
        return _share(self.matched, self.matched + self.spurious + self.missed)

    @property
    def precision(self) -> float:
        """The share of the found spots that are there."""
        return _share(self.matched, self.matched + self.spurious)

    @property
    def recall(self) -> float:
        """The share of the spots there that are found."""
        return _share(self.matched, self.matched + self.missed)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def compare(
    frame: np.ndarray,
    means: np.ndarray,
    true_frame: np.ndarray,
    true_means: np.ndarray,
    *,
    tolerance: float,
    mean_stddevs: np.ndarray | None = None,
) -> Comparison:
    """Found spots beside true ones: as many pairs within a distance as can be, and of these the closest.

    Parameters
    ----------
    frame, true_frame : arrays (n,), (m,)
        The frame of each spot; only spots of one frame are paired.
    means, true_means : arrays (n, 2), (m, 2)
        x and y.
    tolerance : number
        The largest distance of a pair, in the units of the means, above 0.
    mean_stddevs : array (n, 2), optional
        Standard errors of the means found; without them there are no pulls and no bound.

    Returns
    -------
    Comparison
        Counts, Jaccard index, precision, recall, RMSE, efficiency, pulls and bound.

    Notes
    -----
    Kuhn (1955), "The Hungarian method for the assignment problem"; Sage et al. (2019), "Super-resolution fight club",
    for the measures.

    Examples
    --------
    >>> import numpy
    >>> frame, truth = numpy.zeros(2, int), numpy.array([[5.0, 5.0], [20.0, 9.0]])
    >>> found = compare(frame, truth + (0.3, 0.4), frame, truth, tolerance=2.5)
    >>> found.jaccard, round(found.rmse, 3)
    (1.0, 0.5)
    """
    checks.number("tolerance", tolerance, "a finite number above 0", 1e-300)
    pairs = _pairs(frame, means, true_frame, true_means, tolerance)
    apart = means[pairs[:, 0]] - true_means[pairs[:, 1]]
    rmse = math.sqrt(np.mean(np.sum(apart**2, axis=1))) if len(pairs) else math.nan
    pulls, bound = np.full(1, math.nan), math.nan
    if mean_stddevs is not None and len(pairs):
        stddevs = np.asarray(mean_stddevs)[pairs[:, 0]]
        pulls, bound = apart / stddevs, math.sqrt(np.mean(np.sum(stddevs**2, axis=1)))
    matched = len(pairs)
    counts = (matched, len(frame) - matched, len(true_frame) - matched)
    return Comparison(*counts, rmse, float(np.mean(pulls)), float(np.std(pulls)), bound)


def _pairs(
    frame: np.ndarray, means: np.ndarray, true_frame: np.ndarray, true_means: np.ndarray, tolerance: float
) -> np.ndarray:
    """Indices (pairs, 2) of found and true spots."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for number in np.intersect1d(frame, true_frame):
        found, true = np.flatnonzero(frame == number), np.flatnonzero(true_frame == number)
        near = pairs_within(means[found], true_means[true], tolerance)
        pairs.append(np.column_stack([found[near[:, 0]], true[near[:, 1]]]))
    return np.concatenate(pairs)
