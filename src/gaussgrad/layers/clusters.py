"""A starting point for mixtures: k-means of the targets, by SciPy."""

from dataclasses import dataclass

import numpy as np

from gaussgrad.checks import complain, finite

MOST_POINTS = 20_000  # k-means of more changes the start by less than training does in a step
FIRST_WEIGHTS = 0.1  # of the usual scale of a dense layer's: the features move the first mixture only a little
ATTEMPTS = 8  # from different random centres: one of them often ends with two centres in one cluster
LEAST_VARIANCE = 1e-4  # of that of all points


@dataclass(frozen=True)
class Start:
    """Logits (k,), means and log stddevs (k, d), and atanh correlations (k,) of the first two coordinates."""

    logits: np.ndarray
    means: np.ndarray
    log_stddevs: np.ndarray
    atanh_correlations: np.ndarray

    def numbers(self, *, with_correlations: bool) -> np.ndarray:
        """All of them in one row, in the order of a layer's numbers."""
        last = [self.atanh_correlations] if with_correlations else []
        return np.concatenate([self.logits, self.means.ravel(), self.log_stddevs.ravel(), *last])


def start_of_mixture(points: np.ndarray, components: int, dimensions: int, seed: int) -> Start:
    """The mixture whose components are the k-means clusters of points (n, d), widths drawn towards their average.

    A cluster of n points counts as n + d + 1, the additional ones spread as the clusters are on average: those of few
    points, or of points on a line, get a width too.
    """
    if points.ndim != 2 or points.shape[1] != dimensions:
        wanted = f"of shape (n, {dimensions})"
        raise ValueError(complain("points", wanted, f"shape {points.shape}", "Use reshape."))
    finite("points", points)
    distinct = len(np.unique(points, axis=0))
    if distinct < components or distinct < 2:
        raise ValueError(complain("points", f"at least {max(components, 2)} different ones", f"{distinct}"))
    rng = np.random.default_rng(seed)
    if len(points) > MOST_POINTS:
        points = points[rng.choice(len(points), MOST_POINTS, replace=False)]
    scale = points.std(axis=0)
    scale[scale == 0] = 1  # a coordinate that never changes
    centres, labels = _k_means(points / scale, components, rng)
    d = points.shape[1]
    counts = np.bincount(labels, minlength=components)
    within = (points / scale - centres[labels])[:, :, None]
    scatter = np.zeros((components, d, d))
    np.add.at(scatter, labels, within * np.swapaxes(within, 1, 2))
    average = scatter.sum(axis=0) / len(points) + np.eye(d) * LEAST_VARIANCE  # where every cluster is a point
    covariances = (scatter + (d + 1) * average) / (counts + d + 1)[:, None, None]
    stddevs = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    correlations = covariances[:, 0, min(1, d - 1)] / stddevs[:, 0] / stddevs[:, min(1, d - 1)] if d > 1 else 0 * counts
    return Start(np.log(counts), centres * scale, np.log(stddevs * scale), np.arctanh(correlations))


def _k_means(points: np.ndarray, components: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres (k, d) and labels (n,) of the closest of several attempts."""
    try:
        from scipy.cluster.vq import kmeans2
    except ModuleNotFoundError:
        raise ModuleNotFoundError("start_from needs SciPy for its k-means: pip install scipy") from None
    attempts = [kmeans2(points, components, seed=rng, minit="++", missing="raise") for _ in range(ATTEMPTS)]
    return min(attempts, key=lambda attempt: float(np.sum((points - attempt[0][attempt[1]]) ** 2)))
