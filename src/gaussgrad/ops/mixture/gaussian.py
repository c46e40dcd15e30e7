"""Log densities of Gaussians in any number of dimensions, and of their mixtures: written once for every framework."""

import math
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import Unified, unify
from gaussgrad.ops.mixture import arguments
from gaussgrad.ops.mixture.reference import log_sum_exp

WIDTHS = ("covariances", "cholesky", "log_stddevs")


def log_density(points: Any, means: Any, covariances: Any = None, *, cholesky: Any = None) -> Any:
    """Log density of points under each of n Gaussians in d dimensions, differentiable to all arguments.

    Parameters
    ----------
    points : array (..., d)
        Where the densities are taken; d is any positive number.
    means : array (..., n, d)
        In the unit of the points.
    covariances : array (..., n, d(d+1)/2), optional
        Packed upper triangles by rows, [xx, xy, yy] in 2-D, positive definite. May have fewer leading axes than
        `means`, and an n axis of 1.
    cholesky : array (..., n, d(d+1)/2), optional
        In their place, packed lower Cholesky factors by rows, [xx, yx, yy] in 2-D, of positive diagonal: no digits are
        lost to the factorisation.

    Returns
    -------
    log_density : array (..., n)
        Natural logarithms, in the framework, dtype and device of the inputs.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite, what is not positive definite, none or both of
        `covariances` and `cholesky`.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    docs/mixtures.md, equation M1, after Bishop (2006), "Pattern recognition and machine learning", equation 2.43. The
    quadratic form is a sum of squares, so no density exceeds the one at the mean.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.log_density([1.0, 0.0], [[1.0, 0.0], [0.0, 0.0]], [1.0, 0.0, 1.0]).round(4).tolist()
    [-1.8379, -2.3379]
    """
    unified = unify(("covariances", "cholesky"), points=points, means=means, covariances=covariances, cholesky=cholesky)
    x, centres, packed, factor = unified.arrays
    n, d = _count_and_dimensions(centres)
    arguments.last_axes("points", x.shape, (d,), "(..., d)", f", as means are {d}-dimensional")
    name = _only("covariances", covariances=packed, cholesky=factor)
    given = packed if name == "covariances" else factor
    _check(unified, name, given, x, centres, n, d)
    return unified.restore(_log_density(unified.namespace, x[..., None, :] - centres, name, given))


def gaussian_mixture_log_density(
    points: Any,
    logits: Any,
    means: Any,
    covariances: Any = None,
    *,
    log_stddevs: Any = None,
    cholesky: Any = None,
) -> Any:
    """Log density of points under mixtures of Gaussians in d dimensions, differentiable to all arguments.

    Parameters
    ----------
    points : array (..., d)
        Where the density is taken; d is any positive number.
    logits : array (..., k)
        Weights of the components before the softmax. -infinity is weight 0, with gradient 0; not all of a point's.
    means : array (..., k, d)
        In the unit of the points.
    covariances, cholesky : array (..., k, d(d+1)/2), optional
        As for `log_density`.
    log_stddevs : array (..., k, d), optional
        In their place, logarithms of the standard deviations of components with diagonal covariance; of magnitude
        below 87 in float32, 708 in float64.

    Returns
    -------
    log_density : array (...)
        Natural logarithms, in the framework, dtype and device of the inputs.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite or out of range, what is not positive definite, a point all
        of whose logits are -infinity, none or several of `covariances`, `log_stddevs` and `cholesky`.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    docs/mixtures.md, equations M1 and M6, after Bishop (1994), "Mixture density networks", equations 22 and 23. For
    correlated components in 2-D, `mixture_log_density` is many times faster.

    Examples
    --------
    >>> import gaussgrad
    >>> value = gaussgrad.gaussian_mixture_log_density([0.0], [0.0], [[0.0]], log_stddevs=[[0.0]])  # 1 / sqrt(2 pi)
    >>> round(float(value), 4)
    -0.9189
    """
    unified = unify(
        WIDTHS, points=points, logits=logits, means=means, covariances=covariances, log_stddevs=log_stddevs,
        cholesky=cholesky,
    )  # fmt: skip
    x, weights, centres, packed, logarithms, factor = unified.arrays
    xp = unified.namespace
    n, d = _count_and_dimensions(centres)
    if arguments.component_count(weights) != n:
        wanted = f"of shape (..., k) = (..., {n}), as means have k = {n} components"
        raise ValueError(checks.complain("logits", wanted, f"shape {tuple(weights.shape)}"))
    arguments.last_axes("points", x.shape, (d,), "(..., d)", f", as means are {d}-dimensional")
    name = _only("covariances", covariances=packed, log_stddevs=logarithms, cholesky=factor)
    given = {"covariances": packed, "log_stddevs": logarithms, "cholesky": factor}[name]
    arguments.leading_axes({"points": 1, "logits": 1}, points=x, logits=weights)
    arguments.where_known(unified, arguments.refuse_logits, weights)
    _check(unified, name, given, x, centres, n, d)
    joint = weights + _log_density(xp, x[..., None, :] - centres, name, given)
    return unified.restore((log_sum_exp(xp, joint) - log_sum_exp(xp, weights))[..., 0])


def _count_and_dimensions(means: Any) -> tuple[int, int]:
    """The last two axes of the means, or an error."""
    if means.ndim < 2 or means.shape[-1] == 0:
        wanted = "of shape (..., n, d): Gaussians, then their coordinates"
        raise ValueError(checks.complain("means", wanted, f"shape {tuple(means.shape)}", "Add the missing axis."))
    return int(means.shape[-2]), int(means.shape[-1])


def _only(usual: str, **given: Any) -> str:
    """The name of the one array that is not None, or an error."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        wanted = f"given, or one of {', '.join(name for name in given if name != usual)} in its place"
        raise TypeError(checks.complain(usual, wanted, " and ".join(names) or "none of them"))
    return names[0]


def _check(unified: Unified, name: str, given: Any, points: Any, means: Any, n: int, d: int) -> None:
    """Refuse widths whose shape or values do not fit, and points and means that are not finite."""
    entries = d if name == "log_stddevs" else d * (d + 1) // 2
    checks.last_axis(name, given.shape, entries, f"of {entries} entries on its last axis, for {d}-D")
    if given.ndim > 1 and given.shape[-2] not in (1, n, None):
        raise ValueError(checks.complain(name, f"of n = {n} Gaussians, as means", f"shape {tuple(given.shape)}"))
    owners = {"points": 1, "means": 2, name: 2 if given.ndim > 1 else 1}
    arguments.leading_axes(owners, **{"points": points, "means": means, name: given})
    for argument, array in (("points", points), ("means", means)):
        arguments.where_known(unified, lambda values, argument=argument: checks.finite(argument, values), array)
    arguments.where_known(unified, lambda values: _check_widths(name, values, d), given)


def _check_widths(name: str, values: np.ndarray, d: int) -> None:
    if name == "log_stddevs":
        arguments.refuse_large(name, values, "They are logarithms: pass log(stddev).")
    elif name == "cholesky":
        checks.finite(name, values)
        places = [_lower(i, i) for i in range(d)]
        if np.any(values[..., places] <= 0):
            index = checks.first_offender(np.any(values[..., places] <= 0, axis=-1)) or ()
            got = f"{values[index].tolist()} at {name}[{', '.join(map(str, index))}]"
            raise ValueError(checks.complain(name, "of positive diagonal entries", got, "Use exp for them."))
    elif d <= 3:
        checks.positive_definite(name, values)
    else:
        checks.finite(name, values)
        _refuse_indefinite(name, values, d)


def _refuse_indefinite(name: str, packed: np.ndarray, d: int) -> None:
    """The same as `checks.positive_definite` beyond three dimensions."""
    matrices = packed[..., [_upper(min(i, j), max(i, j), d) for i in range(d) for j in range(d)]]
    lowest = np.linalg.eigvalsh(matrices.reshape(*packed.shape[:-1], d, d))[..., 0]
    index = checks.first_offender(lowest <= 0)
    if index is not None:
        got = f"a smallest eigenvalue of {lowest[index]:.3g} at {name}[{', '.join(map(str, index))}]"
        raise ValueError(checks.complain(name, "positive definite", got, "Pass cholesky= in its place."))


def _upper(i: int, j: int, d: int) -> int:
    """The place of entry (i, j), i <= j, in an upper triangle packed by rows."""
    return i * d - i * (i - 1) // 2 + j - i


def _lower(i: int, j: int) -> int:
    """The place of entry (i, j), i >= j, in a lower triangle packed by rows."""
    return i * (i + 1) // 2 + j


def _log_density(xp: Any, offsets: Any, name: str, widths: Any) -> Any:
    """Log densities (..., n) from the offsets (..., n, d) of points from means; equation M1."""
    d = offsets.shape[-1]
    if name == "log_stddevs":
        z = offsets * xp.exp(-widths)
        logarithm = xp.sum(widths, axis=-1)
    elif name == "covariances":
        z, logarithm = _eliminate(xp, offsets, widths)
    else:
        z, logarithm = _substitute(xp, offsets, widths)
    return -d / 2 * math.log(2 * math.pi) - logarithm - xp.sum(z * z, axis=-1) / 2


def _substitute(xp: Any, offsets: Any, cholesky: Any) -> tuple[Any, Any]:
    """L^-1 offset (..., n, d), and the logarithm of the determinant of L."""
    d = offsets.shape[-1]
    whitened: list[Any] = []
    logarithm = 0.0
    for i in range(d):
        rest = offsets[..., i]
        for j in range(i):
            rest = rest - cholesky[..., _lower(i, j)] * whitened[j]
        pivot = cholesky[..., _lower(i, i)]
        whitened.append(rest / pivot)
        logarithm = logarithm + xp.log(pivot)
    return xp.stack(whitened, axis=-1), logarithm


def _eliminate(xp: Any, offsets: Any, covariances: Any) -> tuple[Any, Any]:
    """The same, factoring covariances on the way, one coordinate after the other; NaN where not positive definite."""
    d = offsets.shape[-1]
    rows = [[covariances[..., _upper(i, j, d)] for j in range(i, d)] for i in range(d)]
    rest = [offsets[..., i] for i in range(d)]
    whitened: list[Any] = []
    logarithm = 0.0
    for i in range(d):
        pivot = xp.sqrt(rows[i][0])
        column = [entry / pivot for entry in rows[i][1:]]  # of L, below the pivot
        whitened.append(rest[i] / pivot)
        logarithm = logarithm + xp.log(pivot)
        for j in range(i + 1, d):
            rest[j] = rest[j] - column[j - i - 1] * whitened[i]
            rows[j] = [entry - column[j - i - 1] * column[m - i - 1] for m, entry in enumerate(rows[j], start=j)]
    return xp.stack(whitened, axis=-1), logarithm
