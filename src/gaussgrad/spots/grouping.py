"""Groups of spots that overlap, and so are fitted together."""

import numpy as np

LINKED = 4.5  # stddevs: farther apart, spots hardly tell of each other
LARGEST = 60  # spots: the time of a fit grows with the cube
TIGHTER = 0.8


def grouped(means: np.ndarray, frame: np.ndarray, stddev: float) -> np.ndarray:
    """The number of its group, from 0, for each spot with mean (n, 2) in a frame (n,).

    Groups above LARGEST spots are linked more tightly; the light of the others is then known, not fitted.
    """
    labels = np.zeros(len(means), dtype=np.int64)
    pending, reach, made = np.arange(len(means)), LINKED * stddev, 0
    while len(pending):
        found = _linked(means[pending], frame[pending], reach)
        sizes = np.bincount(found)
        small = sizes[found] <= LARGEST
        _, labels_here = np.unique(found[small], return_inverse=True)
        labels[pending[small]] = made + labels_here
        made += int(labels_here.max(initial=-1)) + 1
        pending, reach = pending[~small], reach * TIGHTER
    return labels


def _linked(means: np.ndarray, frame: np.ndarray, reach: float) -> np.ndarray:
    """Connected components of spots that are at most `reach` apart."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    apart = np.column_stack([means, 10 * reach * frame])
    pairs = cKDTree(apart).query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(means),) * 2)
    return connected_components(links, directed=False)[1].astype(np.int64)
