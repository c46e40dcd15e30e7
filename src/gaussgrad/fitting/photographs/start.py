"""Where Gaussians begin: at the structure of an image, and where what is drawn differs from it most."""

import math

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # means (n, 2), factors (n, 3) and weights (n, c)

STRUCTURE = 0.7  # of the Gaussians begin in proportion to the gradient of the image, the others anywhere
WIDTH = 0.55  # of the distance between neighbours, where they stand as densely
NARROWEST = 0.6  # pixels, that a Gaussian begins with
WIDEST = 1.3  # of the distance between neighbours, if all stood evenly
SHARE = 0.5  # of a pixel's value, which the neighbours share
CORRECTION = 0.3  # of what is missing at a pixel, since neighbours correct it too


def by_structure(image: np.ndarray, mask: np.ndarray, n: int, generator: np.random.Generator) -> Arrays:
    """Means (n, 2), factors (n, 3) and weights (n, c) for an image (c, h, w); none where the mask (h, w) is 0."""
    grey = image.mean(axis=0)
    steepness = np.zeros_like(grey)
    for axis in (0, 1):
        if grey.shape[axis] > 1:
            steepness += np.gradient(grey, axis=axis) ** 2
    steepness, even = np.sqrt(steepness) * mask, mask / max(mask.sum(), 1)
    total = float(steepness.sum(dtype=np.float64))
    share = STRUCTURE * steepness / total + (1 - STRUCTURE) * even if total > 0 else even
    return _at(share, SHARE * image, n, n, generator)


def by_error(residual: np.ndarray, n: int, together: int, generator: np.random.Generator) -> Arrays:
    """The same for n new Gaussians, by what is drawn less the image (c, h, w), 0 where nothing is known.

    They are as wide as if `together` Gaussians were to stand by the error: narrower than those before them.
    """
    energy = np.einsum("chw,chw->hw", residual, residual)
    for axis in (0, 1):  # the mean of 3 x 3 pixels
        energy = energy + _shifted(energy, 1, axis) + _shifted(energy, -1, axis)
    total = float(energy.sum(dtype=np.float64))
    share = energy / total if total > 0 else np.full_like(energy, 1 / energy.size)
    return _at(share, -CORRECTION * residual, n, together, generator)


def _at(share: np.ndarray, values: np.ndarray, n: int, together: int, generator: np.random.Generator) -> Arrays:
    """Round Gaussians at pixels chosen by their shares (h, w), anywhere within these, of the values (c, h, w) there."""
    bins = np.cumsum(share.reshape(-1), dtype=np.float64)
    spread = (np.arange(n) + generator.uniform(size=n)) / n * bins[-1]  # one in each n-th of the sum
    chosen = np.minimum(np.searchsorted(bins, spread, side="right"), bins.size - 1)
    rows, columns = np.divmod(chosen, share.shape[1])
    means = np.stack((columns, rows), axis=1) + generator.uniform(-0.5, 0.5, (n, 2))
    density = together * share.reshape(-1)[chosen].astype(np.float64)
    widest = max(NARROWEST, WIDEST * math.sqrt(share.size / together))
    widths = np.clip(WIDTH / np.sqrt(np.maximum(density, 1e-12)), NARROWEST, widest)
    factors = np.stack((widths, np.zeros(n), widths), axis=1)
    weights = values.reshape(len(values), -1)[:, chosen].T
    return means.astype(np.float32), factors.astype(np.float32), weights.astype(np.float32)


def _shifted(image: np.ndarray, by: int, axis: int) -> np.ndarray:
    """The image moved by one pixel along an axis; the edge is repeated."""
    edge = np.take(image, [0] if by > 0 else [-1], axis=axis)
    inside = np.take(image, range(image.shape[axis] - 1) if by > 0 else range(1, image.shape[axis]), axis=axis)
    return np.concatenate((edge, inside) if by > 0 else (inside, edge), axis=axis)
