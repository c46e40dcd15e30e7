"""From rows of numbers to an image, written once for every framework."""

from typing import Any

import numpy as np

from gaussgrad import checks, covariance
from gaussgrad.coordinates import to_pixels
from gaussgrad.covariance import packing
from gaussgrad.dispatch import Unified, unify
from gaussgrad.layers.options import DrawingOptions, GaussianOptions, ImpulseOptions
from gaussgrad.layers.raw_factors import factors_of_raw, means_in_sight
from gaussgrad.layers.row_layout import RowLayout, cut_shape
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.render import render


def draw_gaussians(rows: Any, options: GaussianOptions, batched: bool | None) -> Any:
    """The image (b, *size), or (b, c, *size) of rows with weights, of rows (b, n, r); see `cut_shape` for others.

    With a map for each Gaussian it is (b, n, *size).
    Half precision is computed in float32 throughout: rounding between the steps would cost more than its digits.
    """
    unified, means, widths, weights = _open(rows, options, batched)
    means, told = _in_pixels(unified, means, widths, options)
    if options.each:
        means, told = _alone(means), {name: _alone(array) for name, array in told.items()}
    image = render(means, weights=weights, size=options.size, backend=options.backend, **told, **options.drawing())
    return unified.restore(image)


def _alone(array: Any) -> Any:
    """Numbers (..., n, k) of n Gaussians as those of n sets of one; what all share stays."""
    return array[..., None, :] if len(array.shape) > 1 else array


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
    packing.check_values(unified, "rows", rows, checks.finite)  # bounds would hide what is infinite
    shape = cut_shape(tuple(rows.shape), layout, batched)
    if len(shape) != len(rows.shape):  # torch.compile compares no tuples by `is`
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


def _in_pixels(unified: Unified, means: Any, widths: Any, options: GaussianOptions) -> tuple[Any, dict[str, Any]]:
    """Means in pixels, and covariances or cholesky as `render` takes them."""
    d = options.layout.d
    if options.variance is None and options.parametrization == "covariance":
        covariances = _covariances(unified, widths, options.layout)
        if options.normalized:
            means, covariances = to_pixels(means, covariances, size=options.size)
        return means, {"covariances": covariances}
    means = to_pixels(means, size=options.size) if options.normalized else means
    if options.variance is not None:
        return means, {"covariances": _fixed_covariance(unified, means, options.variance, d)}
    return means_in_sight(unified.namespace, means, options), {"cholesky": factors_of_raw(unified, widths, options)}


def _covariances(unified: Unified, widths: Any, layout: RowLayout) -> Any:
    """The packed covariances (b, n, d(d+1)/2) of rows that hold a variance or all entries, in their units."""
    isotropic = layout.widths == ("variance",)
    values = unified.framework.concrete(widths)
    if values is not None:
        _refuse_indefinite(values, isotropic)
    return covariance.isotropic(widths[..., 0], layout.d) if isotropic else widths


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
