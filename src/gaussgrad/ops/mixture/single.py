"""Densities of bivariate Gaussians from raw correlations, with the derivatives of their logarithms."""

import math
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.dispatch import unify
from gaussgrad.ops.mixture import arguments


def bivariate_density(x: Any, mean: Any, stddev: Any, correlation: Any, *, derivatives: bool = False) -> Any:
    """Densities of each point under each of its m bivariate Gaussians, with derivatives of their logarithms if wanted.

    Parameters
    ----------
    x : array (n, 1, 2)
        Points; more leading axes are welcome, and all leading axes broadcast.
    mean : array (n, m, 2)
        In the unit of the points.
    stddev : array (n, m, 2)
        Standard deviations along x and y, positive.
    correlation : array (n, m, 1)
        In (-1, 1).
    derivatives : bool
        Whether to return the derivatives too.

    Returns
    -------
    density : array (n, m)
        The densities; 0 where they leave the dtype.
    derivatives : tuple of arrays (n, m, 2), (n, m, 2), (n, m, 1)
        Only with `derivatives=True`: of the **logarithm** of the density, to the mean, to the **logarithm** of the
        standard deviations, and to the **inverse hyperbolic tangent** of the correlation.

    Raises
    ------
    ValueError
        For shapes that disagree, a stddev that is not positive, a correlation that is not inside (-1, 1).
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    The densities are differentiable to all arguments, the derivatives too. docs/mixtures.md, equations M2 to M5; they
    are Graves (2013), "Generating sequences with recurrent neural networks", equations 24, 25 and 31 to 36, in a form
    without cancellation. What a correlation near 1 has lost by rounding no formula brings back: pass the value before
    tanh to `mixture_log_density`.

    Examples
    --------
    >>> import gaussgrad
    >>> density, (to_mean, _, _) = gaussgrad.bivariate_density(
    ...     [[[1.0, 0.0]]], [[[0.0, 0.0]]], [[[1.0, 1.0]]], [[[0.0]]], derivatives=True
    ... )
    >>> density.round(4).tolist(), to_mean.tolist()
    ([[0.0965]], [[[1.0, 0.0]]])
    """
    derivatives = checks.option("derivatives", derivatives, (False, True))
    unified = unify(x=x, mean=mean, stddev=stddev, correlation=correlation)
    xp = unified.namespace
    points, centres, widths, rho = unified.arrays
    _check_shapes(points, centres, widths, rho)
    arguments.where_known(unified, _check_values, points, centres, widths, rho)
    rho = rho[..., 0]
    o = (points - centres) / widths
    o_x, o_y = o[..., 0], o[..., 1]
    one = xp.ones_like(rho)
    sign = xp.where(rho >= 0, one, -one)
    missing = 1 - sign * rho  # exact from a correlation of 1/2 on
    q = xp.sqrt(missing * (1 + sign * rho))
    d = ((o_y - sign * o_x) + sign * missing * o_x) / q
    density = xp.exp(-(o_x * o_x + d * d) / 2) / q / (2 * math.pi) / widths[..., 0] / widths[..., 1]
    if not derivatives:
        return unified.restore(density)
    along_y = d / q
    along = xp.stack([o_x - rho * along_y, along_y], axis=-1)
    turn = rho + o_x * d * q - rho * d * d
    gradients = (along / widths, o * along - 1, turn[..., None])
    return unified.restore(density), tuple(unified.restore(gradient) for gradient in gradients)


def _check_shapes(x: Any, mean: Any, stddev: Any, correlation: Any) -> None:
    for name, array, last in (("x", x, 2), ("mean", mean, 2), ("stddev", stddev, 2), ("correlation", correlation, 1)):
        if array.ndim < 2 or array.shape[-1] != last:
            letters = "(n, 1, 2)" if name == "x" else f"(n, m, {last})"
            got = f"shape {tuple(array.shape)}"
            raise ValueError(checks.complain(name, f"of shape {letters}", got, f"Write {name}[..., None, :]."))
    arguments.leading_axes(
        dict.fromkeys(("x", "mean", "stddev", "correlation"), 1), x=x, mean=mean, stddev=stddev, correlation=correlation
    )


def _check_values(x: np.ndarray, mean: np.ndarray, stddev: np.ndarray, correlation: np.ndarray) -> None:
    checks.finite("x", x)
    checks.finite("mean", mean)
    cure = "Pass its logarithm to mixture_log_density, which takes any number."
    _refuse("stddev", stddev, stddev <= 0, "positive", cure)
    cure = "Pass atanh(correlation), the value before tanh, to mixture_log_density."
    _refuse("correlation", correlation, np.abs(correlation) >= 1, "inside (-1, 1)", cure)


def _refuse(argument: str, values: np.ndarray, bad: np.ndarray, wanted: str, cure: str) -> None:
    checks.finite(argument, values)
    index = checks.first_offender(bad)
    if index is not None:
        got = f"{values[index]} at {argument}[{', '.join(map(str, index))}]"
        raise ValueError(checks.complain(argument, wanted, got, cure))
