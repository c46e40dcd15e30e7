"""Histograms of Gaussians, mutual information, and the moments of maps."""

from typing import Any

import numpy as np
from scipy.special import ndtr

from benchmarks.endurance.oracles import Known

LETTERS = "abc"


def edges_of(bins: Any, ends: Any, d: int) -> list[np.ndarray]:
    """The edges of each axis; `bins` and `ends` as `gaussgrad.histogram` takes them for (..., n, d)."""
    if ends is None:
        return [np.asarray(edges, float) for edges in bins]
    counts = bins if isinstance(bins, list) else [bins] * d
    return [np.linspace(low, high, count + 1) for count, (low, high) in zip(counts, ends, strict=True)]


def histogram(
    samples: Any, bins: Any, range: Any = None, *, stddev: Any, weights: Any = None, density: bool = False,
    edge: str = "drop",
) -> tuple:  # fmt: skip
    """Counts; arguments as of `gaussgrad.histogram`, with a stddev that broadcasts."""
    if not isinstance((bins if range is None else range)[0], (list, tuple)):  # one axis, which samples do not have
        samples, stddev = samples[..., None], np.asarray(stddev)[..., None]
        bins, range = [bins], None if range is None else [range]
    d = samples.shape[-1]
    edges = edges_of(bins, range, d)
    masses, sizes = [], []
    for axis, row in enumerate(edges):
        each, size = _masses(samples[..., axis], np.broadcast_to(stddev, samples.shape)[..., axis], row, edge)
        masses.append(each)
        sizes.append(size)
    weights = np.ones(samples.shape[:-1]) if weights is None else weights
    letters = LETTERS[:d]
    rule = ",".join(["...n", *(f"...n{letter}" for letter in letters)]) + f"->...{letters}"
    counts = np.einsum(rule, weights, *masses)
    scale = np.einsum(rule, np.abs(weights), *sizes)
    if not density:
        return (Known(counts, scale, 1e-36),)
    own = tuple(np.arange(-d, 0))
    total = counts.sum(axis=own, keepdims=True)
    volume = np.einsum(",".join(letters) + f"->{letters}", *(np.diff(row) for row in edges))
    share = counts / total
    grown = scale / np.abs(total) + np.abs(share) * scale.sum(axis=own, keepdims=True) / np.abs(total)
    return (Known(share / volume, grown / volume, 1e-30),)


def _masses(places: np.ndarray, stddev: np.ndarray, edges: np.ndarray, edge: str) -> tuple[np.ndarray, np.ndarray]:
    """The mass (..., n, bins) between edges, each by the tail that does not cancel; and how exact it can be."""
    z = (edges - places[..., None]) / stddev[..., None]
    low, high = z[..., :-1].copy(), z[..., 1:].copy()
    if edge == "keep":
        low[..., 0], high[..., -1] = -np.inf, np.inf
    flip = low > 0
    near, far = np.where(flip, -low, high), np.where(flip, -high, low)
    mass = ndtr(near) - ndtr(far)
    reach = (np.abs(edges).max() + np.abs(places)) / stddev  # rounding of edge minus place, in stddevs
    steps = [np.minimum(np.abs(each), 40) for each in (low, high)]
    slopes = sum(np.exp(-0.5 * each**2) * (1 + each) for each in steps)
    return mass, mass + slopes * (1 + reach[..., None])


def mutual_information(a: Any, b: Any, bins: Any, range: Any = None, *, stddev: Any) -> tuple:
    pairs = np.stack([a, b], axis=-1)
    counts = bins if isinstance(bins, list) else [bins, bins]
    ends = None if range is None else (range if np.ndim(range) == 2 else [range, range])
    ((joint, scale, _),) = histogram(pairs, counts, ends, stddev=np.asarray(stddev) + np.zeros(2), edge="keep")
    total = joint.sum(axis=(-2, -1), keepdims=True)
    p, moved = joint / total, (scale / total)
    product = p.sum(axis=-1, keepdims=True) * p.sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / product), 0.0)
    sizes = np.where(p > 0, moved * (2 + np.abs(np.log(np.where(p > 0, p, 1)))), moved) + np.abs(terms) + p
    return (Known(terms.sum(axis=(-2, -1)), sizes.sum(axis=(-2, -1)) * 4, 1e-30),)


def moments(images: Any, *, softmax: float | None = None, coordinates: str = "pixel") -> tuple:
    """Mass, mean and covariance of maps (..., h, w)."""
    height, width = images.shape[-2:]
    light = images
    grown = 1.0
    if softmax is not None:
        top = images.max(axis=(-2, -1), keepdims=True)
        light = np.exp((images - top) / softmax)
        light = light / light.sum(axis=(-2, -1), keepdims=True)
        below = np.where(np.isfinite(images), top - images, 0) / softmax
        grown = 1 + np.sum(light * below, axis=(-2, -1))
    mass = light.sum(axis=(-2, -1))
    y, x = np.indices((height, width)).astype(float)
    share = light / mass[..., None, None]
    mean = np.stack([(share * x).sum(axis=(-2, -1)), (share * y).sum(axis=(-2, -1))], axis=-1)
    from_x, from_y = x - mean[..., 0, None, None], y - mean[..., 1, None, None]
    rows = [(share * p * q).sum(axis=(-2, -1)) for p, q in ((from_x, from_x), (from_x, from_y), (from_y, from_y))]
    size = np.array([width, height], float)
    own = np.array([width, np.sqrt(width * height), height]) ** 2
    covariance = np.stack(rows, axis=-1)
    if coordinates == "normalized":
        mean, covariance = (2 * mean + 1) / size - 1, covariance * 4 / np.array([width**2, width * height, height**2])
        size, own = np.ones(2), np.full(3, 4.0)
    grown = np.asarray(grown)[..., None]
    return (
        Known(mass, mass * grown[..., 0]),
        Known(mean, size * grown + np.zeros_like(mean)),
        Known(covariance, own * grown + np.zeros_like(covariance)),
    )
