"""Images of Gaussians: dense, by inverse covariances, with integrals over pixels by fine quadrature."""

import itertools
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from benchmarks.endurance.oracles import Known

SMALLEST = 1e-36  # of the peak; what is below may be drawn as 0, in float32
QUADRATURE = 1e-7  # of the peak, for pixels that integrate light: 1e-8 along each axis is promised
NODES = {1: 1, 2: 40, 3: 16}  # along each axis but the first


class Shape(NamedTuple):
    """Gaussians of peak 1 at pixels (..., n, p), how exact they can be, and their densities at the mean (..., n)."""

    values: np.ndarray
    scale: np.ndarray
    density: np.ndarray


def render(
    means: Any,
    weights: Any = None,
    *,
    covariances: Any = None,
    cholesky: Any = None,
    size: tuple[int, ...],
    amplitude: str = "density",
    compose: str = "sum",
    pixel: str = "point",
    tolerance: float = 1e-4,
) -> tuple[Known]:
    """The image; arguments as of `gaussgrad.render`."""
    d = len(size)
    factors = None if cholesky is None else lower(cholesky, d)
    matrices = symmetric(covariances, d) if factors is None else factors @ np.swapaxes(factors, -1, -2)
    shape = gaussians(means, matrices, factors, pixels(size), pixel)
    height = shape.density if amplitude == "density" else np.ones_like(shape.density)
    if weights is None:
        weights = np.ones(means.shape[:-1])
    channels = weights.ndim == means.ndim
    weights = np.swapaxes(weights if channels else weights[..., None], -1, -2)[..., None]  # (..., c, n, 1)
    height = height[..., None, :, None]  # (..., 1, n, 1)
    values = np.maximum(shape.values - tolerance, 0)[..., None, :, :] * height * weights
    scales = shape.scale[..., None, :, :] * height * np.abs(weights)
    least = SMALLEST if pixel == "point" else QUADRATURE
    floor = np.sum(least * height * np.abs(weights), axis=-2) + np.zeros(values.shape[-1])
    image, scale = COMPOSED[compose](values, scales)
    if compose == "union":
        scale, floor = scale + 1, floor * np.prod(np.maximum(1, np.abs(1 - values)), axis=-2)
    return (Known(*(_framed(each, size, channels) for each in (image, scale, floor))),)


def _framed(flat: np.ndarray, size: tuple[int, ...], channels: bool) -> np.ndarray:
    """(..., c, pixels) with the axes of the frame, and without that of the channels where there are none."""
    return flat.reshape(*flat.shape[: -1 if channels else -2], *size)


def pixels(size: tuple[int, ...]) -> np.ndarray:
    """The coordinates (p, d) of the pixels, x first."""
    return np.stack([axis.ravel() for axis in np.indices(size)][::-1], axis=-1).astype(float)


def symmetric(packed: np.ndarray, d: int) -> np.ndarray:
    """Matrices (..., d, d) of packed upper triangles."""
    matrices = np.empty((*packed.shape[:-1], d, d))
    for entry, (i, j) in enumerate(itertools.combinations_with_replacement(range(d), 2)):
        matrices[..., i, j] = matrices[..., j, i] = packed[..., entry]
    return matrices


def lower(packed: np.ndarray, d: int) -> np.ndarray:
    """Matrices (..., d, d) of packed lower triangles."""
    factors = np.zeros((*packed.shape[:-1], d, d))
    factors[..., *np.tril_indices(d)] = packed
    return factors


def gaussians(means: Any, matrices: Any, factors: Any, at: np.ndarray, pixel: str) -> Shape:
    """Shapes (..., n, p) of Gaussians with covariance matrices, or their lower factors, at points (p, d)."""
    d = at.shape[-1]
    offsets = at - means[..., None, :]  # (..., n, p, d)
    determinant = np.linalg.det(matrices) if factors is None else np.prod(np.linalg.diagonal(factors), axis=-1) ** 2
    density = np.broadcast_to((2 * np.pi) ** (-0.5 * d) / np.sqrt(determinant), means.shape[:-1])
    if factors is None:
        precisions = np.linalg.inv(matrices)
        kappa = conditions(matrices, precisions)
    else:
        inverse = np.linalg.inv(factors)
        precisions = np.swapaxes(inverse, -1, -2) @ inverse
        kappa = conditions_of_factors(factors)
    kappa = np.broadcast_to(kappa, means.shape[:-1])[..., None]  # (..., n, 1)
    if pixel == "area":
        values = means_over_pixels(offsets, matrices)
        return Shape(values, kappa * (values + 1e-2), density)
    q = np.einsum("...pi,...ij,...pj->...p", offsets, precisions, offsets)
    values = np.exp(-0.5 * np.maximum(q, 0))
    return Shape(values, kappa * (1 + q) * values, density)


def conditions(matrices: np.ndarray, precisions: np.ndarray) -> np.ndarray:
    """By how much a relative error of the entries of covariances grows in their inverses, (..., n)."""
    d = matrices.shape[-1]
    overlap = np.max(np.linalg.diagonal(matrices) * np.linalg.diagonal(precisions), axis=-1)  # 1 / (1 - correlation^2)
    return overlap ** (2 if d == 3 else 1)


def conditions_of_factors(factors: np.ndarray) -> np.ndarray:
    """The same of lower factors."""
    diagonal = np.linalg.diagonal(factors)
    return np.prod(np.sum(np.abs(factors), axis=-1) / diagonal, axis=-1) ** 2


def means_over_pixels(offsets: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Means of Gaussians of peak 1 over unit pixels (..., n, p): exact along x, by quadrature along the other axes."""
    d = offsets.shape[-1]
    nodes, shares = (row / 2 for row in np.polynomial.legendre.leggauss(NODES[d]))
    others = np.array(list(itertools.product(nodes, repeat=d - 1))).reshape(NODES[d] ** (d - 1), d - 1)  # (k, d-1)
    share = np.array([np.prod(each) for each in itertools.product(shares, repeat=d - 1)])
    rest = offsets[..., None, 1:] + others  # (..., n, p, k, d-1)
    if d == 1:
        form, centre, variance = 0.0, np.zeros(rest.shape[:-1]), matrices[..., 0, 0]
    else:
        precision = np.linalg.inv(matrices[..., 1:, 1:])
        slope = np.einsum("...i,...ij->...j", matrices[..., 0, 1:], precision)  # of the mean of x given the others
        form = np.einsum("...pki,...ij,...pkj->...pk", rest, precision, rest)
        centre = np.einsum("...pki,...i->...pk", rest, slope)
        variance = matrices[..., 0, 0] - np.einsum("...i,...i->...", slope, matrices[..., 0, 1:])
    stddev = np.sqrt(variance)[..., None, None]
    away = -np.abs(offsets[..., 0, None] - centre)
    along = np.sqrt(2 * np.pi) * stddev * (ndtr((away + 0.5) / stddev) - ndtr((away - 0.5) / stddev))
    return np.sum(share * np.exp(-0.5 * form) * along, axis=-1)


def _sum(values: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.sum(axis=-2), scales.sum(axis=-2)


def _max(values: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.max(axis=-2, initial=0), scales.max(axis=-2, initial=0)


def _union(values: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grown = np.prod(np.maximum(1, np.abs(1 - values)), axis=-2)
    return 1 - np.prod(1 - values, axis=-2), (scales.sum(axis=-2) + values.shape[-2]) * grown


COMPOSED = {"sum": _sum, "max": _max, "union": _union}


def render_impulses(means: Any, kernel: Any, weights: Any = None, *, size: int | tuple[int, ...]) -> tuple[Known]:
    """The image of impulses; arguments as of `gaussgrad.render_impulses`. Each is spread over its 2^d neighbours."""
    flat = not isinstance(size, tuple)
    frame = (size,) if flat else size
    means = means[..., None] if flat else means
    channels = weights is not None and weights.ndim == means.ndim
    weights = np.ones(means.shape[:-1]) if weights is None else weights
    weights = weights if channels else weights[..., None]
    batch = np.broadcast_shapes(means.shape[:-1], weights.shape[:-1])
    means = np.broadcast_to(means, (*batch, len(frame)))
    weights = np.broadcast_to(weights, (*batch, weights.shape[-1]))
    image = np.zeros((*batch[:-1], weights.shape[-1], *frame))
    scale = np.zeros_like(image)
    for place in np.ndindex(*batch):
        _spread(image[place[:-1]], scale[place[:-1]], means[place][::-1], kernel, weights[place])
    if not channels:
        image, scale = (each.reshape(*each.shape[: -1 - len(frame)], *frame) for each in (image, scale))
    return (Known(image, scale, SMALLEST),)


def _spread(image: Any, scale: Any, mean: np.ndarray, kernel: np.ndarray, weight: np.ndarray) -> None:
    """Add one impulse to an image (c, ...), axis by axis."""
    rows = []
    for length, taps, at in zip(image.shape[1:], kernel.shape, mean, strict=True):
        row = np.zeros((length, taps))
        if not -taps - 2 < at < length + taps + 2:
            return
        low = int(np.floor(at))
        for pixel, share in ((low, low + 1 - at), (low + 1, at - low)):
            for tap in range(taps):
                place = pixel + tap - (taps - 1) // 2
                if 0 <= place < length:
                    row[place, tap] += share
        rows.append(row)
    letters, taps = "abc"[: len(rows)], "xyz"[: len(rows)]
    pairs = ",".join(f"{a}{x}" for a, x in zip(letters, taps, strict=True))
    drawn = np.einsum(f"{pairs},{taps}->{letters}", *rows, kernel)
    sizes = np.einsum(f"{pairs},{taps}->{letters}", *((row > 0) + row for row in rows), np.abs(kernel))
    image += weight.reshape(-1, *(1,) * len(rows)) * drawn
    scale += np.abs(weight).reshape(-1, *(1,) * len(rows)) * sizes
