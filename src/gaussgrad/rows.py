"""Rows of numbers, one per Gaussian, cut into means, covariances and weights."""

from typing import Any

from gaussgrad import checks, dispatch


def from_rows(rows: Any, *, dimensions: int = 2) -> tuple[Any, Any, Any]:
    """Means, packed covariances and weights (None when absent) of rows such as [x, y, xx, xy, yy].

    Parameters
    ----------
    rows : array (..., n, r)
        2-D: [x, y, xx, xy, yy] or [x, y, xx, xy, yy, weight]. 1-D: [x, xx] or [x, xx, weight]. 3-D:
        [x, y, z, xx, xy, xz, yy, yz, zz], also with a weight. Pixels, and pixels squared.
    dimensions : {1, 2, 3}
        The number d of dimensions.

    Returns
    -------
    means : array (..., n, d)
    covariances : array (..., n, d(d+1)/2)
    weights : array (..., n) or None
        All differentiable in `rows`, and ready for `render`.

    Raises
    ------
    ValueError
        For rows of another length, values that are not finite, or covariances that are not positive definite.

    Examples
    --------
    >>> import gaussgrad
    >>> means, covariances, weights = gaussgrad.from_rows([[1.0, 0.0, 1.0, 0.0, 1.0]])
    >>> gaussgrad.render(means, covariances, weights, size=(1, 3), amplitude="peak", tolerance=0).round(3).tolist()
    [[0.607, 1.0, 0.607]]
    """
    d = checks.option("dimensions", dimensions, tuple(checks.COVARIANCE_ENTRIES))
    unified = dispatch.unify(rows=rows)
    (array,) = unified.arrays
    end = d + len(checks.COVARIANCE_ENTRIES[d])
    _check_length(array.shape, d, end)
    means, covariances = array[..., :d], array[..., d:end]
    weights = array[..., end] if array.shape[-1] > end else None
    _check_values(unified, array, covariances)
    restored = None if weights is None else unified.restore(weights)
    return unified.restore(means), unified.restore(covariances), restored


def _check_length(shape: tuple[int, ...], d: int, end: int) -> None:
    if len(shape) < 1 or shape[-1] not in (end, end + 1):
        names = ", ".join((*"xyz"[:d], *checks.COVARIANCE_ENTRIES[d]))
        wanted = f"of last axis {end} [{names}] or {end + 1} [{names}, weight] for dimensions={d}"
        raise ValueError(checks.complain("rows", wanted, f"shape {tuple(shape)}", _cure(shape)))


def _cure(shape: tuple[int, ...]) -> str:
    for d, entries in checks.COVARIANCE_ENTRIES.items():
        if shape and shape[-1] in (d + len(entries), d + len(entries) + 1):
            return f"Rows of {shape[-1]} are {d}-D: use dimensions={d}."
    return "Means alone need no rows: give them to render with covariance.isotropic."


def _check_values(unified: dispatch.Unified, rows: Any, covariances: Any) -> None:
    values, entries = (unified.framework.concrete(array) for array in (rows, covariances))
    if values is not None and entries is not None:
        checks.finite("rows", values)
        checks.positive_definite("covariances", entries)
