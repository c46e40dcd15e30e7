"""Normalised coordinates, [-1, 1] between the outer edges of the frame, to and from pixels."""

from typing import Any

from gaussgrad import checks
from gaussgrad.covariance import packing
from gaussgrad.dispatch import Unified, unify


def to_pixels(means: Any, covariances: Any = None, *, cholesky: Any = None, size: tuple[int, ...]) -> Any:
    """Means, and covariances or Cholesky factors when given, in pixels from normalised units.

    Along an axis of L pixels, pixel = (normalised + 1) L / 2 - 1/2: -1 and +1 lie at the outer edges of the frame,
    half a pixel outside the outer pixel centres. A covariance scales with the product of the two axes' L / 2, a
    row of a Cholesky factor with the L / 2 of its axis.

    Parameters
    ----------
    means : array (..., d)
        Normalised (x,), (x, y) or (x, y, z).
    covariances : array (..., d(d+1)/2), optional
        Packed, positive definite, in normalised units.
    cholesky : array (..., d(d+1)/2), optional
        In place of `covariances`: packed lower Cholesky factors by rows, of positive diagonal.
    size : tuple of int
        (width,), (height, width) or (depth, height, width).

    Returns
    -------
    means : array (..., d)
        In pixels. Differentiable in `means`.
    covariances : array (..., d(d+1)/2)
        Only when `covariances` are given; in pixels squared. Differentiable in `covariances`.
    cholesky : array (..., d(d+1)/2)
        Only when `cholesky` is given; in pixels. Differentiable in `cholesky`.

    Raises
    ------
    ValueError
        For shapes that disagree with `size`, values that are not finite, covariances that are not positive definite, or
        a Cholesky factor whose diagonal is not positive.
    TypeError
        For both `covariances` and `cholesky`.

    Notes
    -----
    docs/maths.md, equations 37 and 38. This is `align_corners=False` of torch.nn.functional.grid_sample.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.to_pixels([[-1.0, 0.0]], size=(4, 10)).tolist()
    [[-0.5, 1.5]]
    """
    unified, means, covariances, cholesky, halves = _open(means, covariances, cholesky, size)
    xp = unified.namespace
    moved = [(means[..., i] + 1) * half - 0.5 for i, half in enumerate(halves)]
    return _close(unified, packing.stack(xp, moved), _scaled(xp, covariances, cholesky, halves))


def to_normalized(means: Any, covariances: Any = None, *, cholesky: Any = None, size: tuple[int, ...]) -> Any:
    """Means, and covariances or Cholesky factors when given, in normalised units; the inverse of `to_pixels`.

    Along an axis of L pixels, normalised = (2 pixel + 1) / L - 1.

    Parameters
    ----------
    means : array (..., d)
        (x,), (x, y) or (x, y, z) in pixels.
    covariances : array (..., d(d+1)/2), optional
        Packed, positive definite, in pixels squared.
    cholesky : array (..., d(d+1)/2), optional
        In place of `covariances`: packed lower Cholesky factors by rows, of positive diagonal, in pixels.
    size : tuple of int
        (width,), (height, width) or (depth, height, width).

    Returns
    -------
    means : array (..., d)
        Normalised. Differentiable in `means`.
    covariances : array (..., d(d+1)/2)
        Only when `covariances` are given; in normalised units. Differentiable in `covariances`.
    cholesky : array (..., d(d+1)/2)
        Only when `cholesky` is given; in normalised units. Differentiable in `cholesky`.

    Raises
    ------
    ValueError
        For shapes that disagree with `size`, values that are not finite, covariances that are not positive definite, or
        a Cholesky factor whose diagonal is not positive.
    TypeError
        For both `covariances` and `cholesky`.

    Notes
    -----
    docs/maths.md, equations 37 and 38.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.to_normalized([[-0.5, 1.5]], size=(4, 10)).tolist()
    [[-1.0, 0.0]]
    """
    unified, means, covariances, cholesky, halves = _open(means, covariances, cholesky, size)
    xp = unified.namespace
    moved = [(means[..., i] + 0.5) / half - 1 for i, half in enumerate(halves)]
    scales = [1 / half for half in halves]
    return _close(unified, packing.stack(xp, moved), _scaled(xp, covariances, cholesky, scales))


def _open(
    means: Any, covariances: Any, cholesky: Any, size: tuple[int, ...]
) -> tuple[Unified, Any, Any, Any, list[float]]:
    """The arguments unified and checked, and half the length of each axis in the order x, y, z."""
    size = checks.image_size(size)
    if covariances is not None or cholesky is not None:
        checks.given_widths(covariances, cholesky)
    unified = unify(("covariances", "cholesky"), means=means, covariances=covariances, cholesky=cholesky)
    means, covariances, cholesky = unified.arrays
    d = len(size)
    coordinates = ", ".join("xyz"[:d])
    checks.last_axis("means", means.shape, d, f"of shape (..., {d}), the last axis ({coordinates}), for size={size}")
    packing.check_values(unified, "means", means, checks.finite)
    if covariances is not None:
        checks.packed_covariances("covariances", covariances.shape, d)
        packing.check_values(unified, "covariances", covariances, checks.positive_definite)
    if cholesky is not None:
        checks.dimensions_of_factors(cholesky.shape, d)
        packing.check_factors(unified, cholesky, d)
    return unified, means, covariances, cholesky, [length / 2 for length in reversed(size)]


def _scaled(xp: Any, covariances: Any, cholesky: Any, scales: list[float]) -> Any:
    """The covariances or Cholesky factors in the new unit, or None where neither is given."""
    d = len(scales)
    if covariances is not None:
        entries = [covariances[..., k] * (scales[i] * scales[j]) for k, (i, j) in enumerate(packing.UPPER[d])]
    elif cholesky is not None:
        entries = [cholesky[..., k] * scales[i] for k, (i, _) in enumerate(packing.LOWER[d])]
    else:
        return None
    return packing.stack(xp, entries)


def _close(unified: Unified, means: Any, widths: Any) -> Any:
    means = unified.restore(means)
    return means if widths is None else (means, unified.restore(widths))
