"""From rows of numbers to an image, written once for every framework."""

from typing import Any

import numpy as np

from gaussgrad import checks, covariance
from gaussgrad.checks import COVARIANCE_ENTRIES
from gaussgrad.coordinates import to_pixels
from gaussgrad.covariance import packing
from gaussgrad.dispatch import Unified, unify
from gaussgrad.layers.options import DrawingOptions, GaussianOptions, ImpulseOptions
from gaussgrad.layers.row_layout import cut_shape
from gaussgrad.ops.batching import device_of
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.render import render

LOWER_BY_ROWS = (0, 1, 3, 2, 4, 5)  # where the entries xx, yx, yy, zx, zy, zz of a factor stand in xx xy xz yy yz zz
DIAGONAL = {1: (0,), 2: (0, 2), 3: (0, 2, 5)}  # of a lower triangle by rows
HARMLESS = 40.0  # logarithms below have exponentials whose square float32 holds


def draw_gaussians(rows: Any, options: GaussianOptions, batched: bool | None) -> Any:
    """The image (b, *size), or (b, c, *size) of rows with weights, of rows (b, n, r); see `cut_shape` for others.

    Half precision is computed in float32 throughout: rounding between the steps would cost more than its digits.
    """
    unified, means, widths, weights = _open(rows, options, batched)
    if options.variance is not None:
        told = {"covariances": _fixed_covariance(unified, means, options.variance, options.layout.d)}
        means = to_pixels(means, size=options.size) if options.normalized else means
    else:
        told = _widths(unified, widths, options)
        if options.normalized:
            means, told = _in_pixels(means, told, options.size)
    image = render(means, weights=weights, size=options.size, backend=options.backend, **told, **options.drawing())
    return unified.restore(image)


def draw_impulses(rows: Any, options: ImpulseOptions, batched: bool | None) -> Any:
    """The image of rows, as of `draw_gaussians`."""
    unified, means, _, weights = _open(rows, options, batched)
    means = to_pixels(means, size=options.size) if options.normalized else means
    kernel = _constant(unified, options.kernel, means)
    return unified.restore(render_impulses(means, kernel, weights, size=options.size, backend=options.backend))


def _open(rows: Any, options: DrawingOptions, batched: bool | None) -> tuple[Unified, Any, Any, Any]:
    """The rows unified, and their parts: means (b, n, d), widths (b, n, k), weights (b, n, c) or None."""
    layout = options.layout
    unified = unify(rows=rows)
    (rows,) = unified.arrays
    given = tuple(rows.shape)
    shape = cut_shape(given, layout, batched)
    if shape is not given:
        rows = unified.namespace.reshape(rows, shape)
    first_weight = layout.length - layout.weights
    weights = rows[..., first_weight:] if layout.weights else None
    return unified, rows[..., : layout.d], rows[..., layout.d : first_weight], weights


def _constant(unified: Unified, numbers: list[Any], like: Any) -> Any:
    """An array of numbers of the dtype and on the device of another."""
    framework = unified.framework
    return framework.from_list(numbers, framework.dtype_name(like), like)


def _fixed_covariance(unified: Unified, means: Any, variance: float, d: int) -> Any:
    """The packed covariance (d(d+1)/2,) of all Gaussians."""
    return _constant(unified, [variance if i == j else 0.0 for i, j in packing.UPPER[d]], means)


def _widths(unified: Unified, widths: Any, options: GaussianOptions) -> dict[str, Any]:
    """The widths in the rows, in their units: covariances or cholesky (b, n, d(d+1)/2), as `render` takes them."""
    layout = options.layout
    isotropic = layout.widths == ("variance",)
    if options.parametrization == "cholesky":
        if isotropic:
            return {"covariances": covariance.isotropic(unified.namespace.exp(2 * widths[..., 0]), layout.d)}
        return {"cholesky": _factor(unified, widths, layout.d)}
    values = unified.framework.concrete(widths)
    if values is not None:
        _refuse_indefinite(values, isotropic)
    return {"covariances": covariance.isotropic(widths[..., 0], layout.d) if isotropic else widths}


def _in_pixels(means: Any, told: dict[str, Any], size: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    """Means and widths from normalised units."""
    means, widths = to_pixels(means, **told, size=size)
    return means, dict.fromkeys(told, widths)


def _factor(unified: Unified, widths: Any, d: int) -> Any:
    """Packed lower Cholesky factors (b, n, d(d+1)/2) by rows, as `gaussgrad.log_density` takes them.

    The widths hold logarithms on the diagonal; one whose exponential has no square in the dtype is refused.
    """
    xp = unified.namespace
    if d == 3:
        columns = [widths[..., place] for place in LOWER_BY_ROWS]
        widths = xp.stack(columns, axis=-1)
    values = unified.framework.concrete(widths)
    if values is not None and not np.abs(values).max(initial=0.0) < HARMLESS:
        packing.refuse_overflow("cholesky", values, 2, list(DIAGONAL[d]))  # squared, they are variances
    diagonal = xp.asarray([k in DIAGONAL[d] for k in range(len(COVARIANCE_ENTRIES[d]))], device=device_of(widths))
    logarithms = xp.where(diagonal, widths, xp.zeros_like(widths))  # an exponential of other entries may overflow
    return xp.where(diagonal, xp.exp(logarithms), widths)


def _refuse_indefinite(widths: np.ndarray, isotropic: bool) -> None:
    """Refuse variances and covariances that are not positive definite, and name the way out."""
    try:
        if isotropic:
            checks.positive("variance", widths[..., 0])
        else:
            checks.positive_definite("covariances", widths)
    except ValueError as error:
        cure = 'In this layer, parametrization="cholesky" takes any real numbers, such as raw outputs of a network.'
        raise ValueError(f"{error} {cure}") from None
