"""Pairs of near points, each point in one pair at most: as many as can be, and of these the closest."""

import numpy as np


def pairs_within(points: np.ndarray, others: np.ndarray, distance: float) -> np.ndarray:
    """Indices (pairs, 2) of points (n, 2) and others (m, 2) at most this distance apart.

    Only points with a neighbour in common compete, so each group of them is assigned by itself.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    n, m = len(points), len(others)
    if not n or not m:
        return np.zeros((0, 2), dtype=np.int64)
    near = KDTree(points).query_ball_point(others, distance, return_sorted=True)
    rows = np.concatenate([np.asarray(each, dtype=np.int64) for each in near])
    columns = np.repeat(np.arange(m), [len(each) for each in near])
    graph = coo_array((np.ones(len(rows)), (rows, n + columns)), shape=(n + m, n + m))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    edges = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    pairs = []
    for edge in edges:
        if len(edge) == 1:
            pairs.append((rows[edge[0]], columns[edge[0]]))
        elif len(edge):
            (first, row), (second, column) = (np.unique(of[edge], return_inverse=True) for of in (rows, columns))
            squares = np.sum((points[rows[edge]] - others[columns[edge]]) ** 2, axis=1) / distance**2
            costs = np.zeros((len(first), len(second)))
            # One more pair within the distance outweighs all that the distances of the others can gain.
            costs[row, column] = squares / (1 + min(costs.shape)) - 1
            chosen = linear_sum_assignment(costs)
            kept = costs[chosen] < 0
            pairs += zip(first[chosen[0][kept]], second[chosen[1][kept]], strict=True)
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
