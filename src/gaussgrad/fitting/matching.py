"""Match sets one to one at the least cost, by SciPy's Hungarian algorithm."""

from typing import Any

import numpy as np
import torch

from gaussgrad import checks
from gaussgrad.fitting.point_losses import check_sets


def match(costs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the pairs with the smallest sum of costs; each row and column is in one pair at most.

    Parameters
    ----------
    costs : tensor (..., n, m)
        Finite costs of pairing row i with column j.

    Returns
    -------
    rows, columns : tensors (..., min(n, m)), int64
        Pairs, ascending by row. Not differentiable; the costs at these places are.

    Raises
    ------
    ValueError
        For costs that are not finite, or too few axes.
    ModuleNotFoundError
        Without SciPy.

    Notes
    -----
    Kuhn (1955), "The Hungarian method for the assignment problem"; `scipy.optimize.linear_sum_assignment`, whose time
    grows with the cube of the smaller side.

    Examples
    --------
    >>> import torch
    >>> rows, columns = match(torch.tensor([[4.0, 1.0], [2.0, 0.0]]))
    >>> rows.tolist(), columns.tolist()
    ([0, 1], [1, 0])
    """
    values = costs.detach().cpu().double().numpy()
    if values.ndim < 2:
        raise ValueError(checks.complain("costs", "of shape (..., n, m)", f"shape {values.shape}"))
    checks.finite("costs", values)
    assign = _linear_sum_assignment()
    pairs = np.zeros((*values.shape[:-2], 2, min(values.shape[-2:])), dtype=np.int64)
    for index in np.ndindex(values.shape[:-2]):
        pairs[index] = assign(values[index])
    rows, columns = torch.from_numpy(pairs).to(costs.device).unbind(-2)
    return rows, columns


def matched_distance(points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean squared distance of points and targets matched one to one so that it is least.

    Parameters
    ----------
    points : tensor (..., n, d)
    targets : tensor (..., m, d)
        n and m may differ; points of the larger set that are left over do not count.

    Returns
    -------
    loss : tensor (...)
        Squared unit of the points; 0 for empty sets. Differentiable in both: a loss for networks that predict sets in
        any order.

    Raises
    ------
    ValueError
        For shapes that disagree, or points that are not finite.
    ModuleNotFoundError
        Without SciPy.

    Notes
    -----
    Carion et al. (2020), "End-to-end object detection with transformers", equations 1 and 2.

    Examples
    --------
    >>> import torch
    >>> matched_distance(torch.tensor([[0.0, 0.0], [5.0, 0.0]]), torch.tensor([[5.0, 1.0], [0.0, 0.0]])).item()
    0.5
    """
    check_sets(points, targets)
    costs = (points[..., :, None, :] - targets[..., None, :, :]).square().sum(-1)
    rows, columns = match(costs)
    if rows.shape[-1] == 0:
        return points.sum(dim=(-2, -1)) * 0.0
    chosen = torch.take_along_dim(costs, rows[..., None], dim=-2)
    return torch.take_along_dim(chosen, columns[..., None], dim=-1)[..., 0].mean(-1)


def _linear_sum_assignment() -> Any:
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as error:
        cure = "Use: python -m pip install scipy"
        raise ModuleNotFoundError(f"matching needs the package scipy. {cure}", name="scipy") from error
    return linear_sum_assignment
