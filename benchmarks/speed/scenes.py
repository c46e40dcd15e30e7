"""What is drawn: seeded scenes, and how much work each is. Needs NumPy only, for the peers' environment uses it too."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

THREE_SIGMA = 0.0111  # the tolerance whose cut is at three standard deviations
DEFAULT = 1e-4  # the default tolerance of gaussgrad.render
PIXELS_PER_GAUSSIAN = 768 * 512 / 10_000  # the density of Gaussians at which scaling is measured


@dataclass(frozen=True, eq=False)
class Scene:
    """Float32 inputs of one rendering, and the gradient of a loss to its image."""

    means: np.ndarray  # (..., n, 2)
    covariances: np.ndarray  # (..., n, 3)
    weights: np.ndarray  # (..., n, c)
    size: tuple[int, int]  # (height, width)
    amplitude: str
    upstream: np.ndarray  # (..., c, height, width)

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        return {"means": self.means, "covariances": self.covariances, "weights": self.weights}


@dataclass(frozen=True)
class Work:
    """What drawing a scene takes: Gaussians, rows in their ellipses, pixels in those rows, vectors to cover them."""

    gaussians: int
    rows: int
    pairs: int
    vectors: int


def _finish(means, covariances, weights, size, amplitude, generator) -> Scene:
    upstream = generator.standard_normal((*means.shape[:-2], weights.shape[-1], *size), dtype=np.float32)
    arrays = (array.astype(np.float32) for array in (means, covariances, weights))
    return Scene(*arrays, size, amplitude, upstream)


def rotated(n, height, width, low, high, *, channels=3, batch=(), seed=0) -> Scene:
    """Rotated Gaussians, principal stddevs uniform in [low, high] pixels, all over the frame, weights of both signs."""
    generator = np.random.default_rng(seed)
    means = np.stack([generator.uniform(0, width, (*batch, n)), generator.uniform(0, height, (*batch, n))], axis=-1)
    variances = generator.uniform(low, high, (*batch, n, 2)) ** 2
    angle = generator.uniform(0, np.pi, (*batch, n))
    cosine, sine = np.cos(angle), np.sin(angle)
    first, second = variances[..., 0], variances[..., 1]
    xx, yy = cosine**2 * first + sine**2 * second, sine**2 * first + cosine**2 * second
    covariances = np.stack([xx, cosine * sine * (first - second), yy], axis=-1)
    weights = generator.standard_normal((*batch, n, channels))
    return _finish(means, covariances, weights, (height, width), "peak", generator)


def at_density(n: int) -> Scene:
    """n Gaussians on a square frame that grows with them."""
    side = round(math.sqrt(n * PIXELS_PER_GAUSSIAN))
    return rotated(n, side, side, 1.5, 6.0)


def spots(n: int, side: int, stddev: float) -> Scene:
    """Isotropic spots of one width on a square frame, one channel, amplitudes that integrate to 1."""
    generator = np.random.default_rng(0)
    covariances = np.broadcast_to([stddev**2, 0.0, stddev**2], (n, 3))
    return _finish(generator.uniform(0, side, (n, 2)), covariances, np.ones((n, 1)), (side, side), "density", generator)


def heatmaps(samples: int, keypoints: int, height: int, width: int, stddev: float) -> Scene:
    """One Gaussian per map, four stddevs inside the frame, where normalising over the frame changes nothing."""
    generator = np.random.default_rng(0)
    margin = 4 * stddev
    low, high = (margin, margin), (width - 1 - margin, height - 1 - margin)
    means = generator.uniform(low, high, (samples, keypoints, 1, 2))
    covariances = np.broadcast_to([stddev**2, 0.0, stddev**2], (samples, keypoints, 1, 3))
    weights = np.ones((samples, keypoints, 1, 1))
    return _finish(means, covariances, weights, (height, width), "density", generator)


def one_large(side: int) -> Scene:
    """One Gaussian that touches the whole frame."""
    generator = np.random.default_rng(0)
    means, covariances = np.full((1, 2), side / 2), np.array([[side**2, 0.0, side**2]]) / 4
    return _finish(means, covariances, np.ones((1, 3)), (side, side), "peak", generator)


def upright(n: int, side: int, stddev_x: float, stddev_y: float) -> Scene:
    """Axis-aligned Gaussians of one shape, whole inside a square frame: rows of a chosen length and number."""
    generator = np.random.default_rng(0)
    means = generator.uniform(0.2 * side, 0.8 * side, (n, 2))
    covariances = np.broadcast_to([stddev_x**2, 0.0, stddev_y**2], (n, 3))
    return _finish(means, covariances, np.ones((n, 3)), (side, side), "peak", generator)


def ten_thousand() -> Scene:
    """Gaussians of many widths on a small photograph's frame."""
    return rotated(10_000, 512, 768, 1.5, 6.0)


def page_wide() -> Scene:
    """The same on a frame whose rows are 4,096 bytes long."""
    return rotated(10_000, 512, 1024, 1.5, 6.0)


def hundred_thousand() -> Scene:
    """Small ones on the same frame."""
    return rotated(100_000, 512, 768, 0.7, 2.0)


def thousand() -> Scene:
    """As many as dense code can draw."""
    return rotated(1_000, 256, 256, 1.5, 6.0)


def decoder_step() -> Scene:
    """What a decoder draws in a training step: a batch of small images."""
    return rotated(10, 64, 64, 1.5, 6.0, channels=1, batch=(64,))


def one_call() -> Scene:
    """One of them: little but the call itself."""
    return rotated(10, 64, 64, 1.5, 6.0, channels=1)


def keypoint_heatmaps() -> Scene:
    return heatmaps(16, 17, 64, 48, 2.0)


def few_spots() -> Scene:
    return spots(1_000, 512, 1.3)


def many_spots() -> Scene:
    return spots(100_000, 2048, 1.3)


def row_lengths(scene: Scene, tolerance: float) -> Iterator[np.ndarray]:
    """The pixels in the first, second, ... row that each Gaussian may touch, inside the frame and the cut ellipse."""
    height, width = scene.size
    x, y = scene.means.reshape(-1, 2).astype(np.float64).T
    xx, xy, yy = scene.covariances.reshape(-1, 3).astype(np.float64).T
    cut = -2 * math.log(tolerance)
    reach = np.sqrt(cut * yy)
    first = np.maximum(np.ceil(y - reach), 0)
    last = np.minimum(np.floor(y + reach), height - 1)
    for step in range(int(np.max(last - first, initial=-1)) + 1):
        offset = first + step - y
        centre = x + xy / yy * offset
        half = np.sqrt(np.maximum(cut - offset**2 / yy, 0) * (xx - xy**2 / yy))
        low, high = np.maximum(np.ceil(centre - half), 0), np.minimum(np.floor(centre + half), width - 1)
        yield np.where(first + step <= last, np.maximum(high - low + 1, 0), 0).astype(np.int64)


def work(scene: Scene, tolerance: float, lanes: int = 1) -> Work:
    """How much a scene takes at a tolerance > 0, with vectors of `lanes` pixels."""
    rows = pairs = vectors = 0
    for lengths in row_lengths(scene, tolerance):
        rows += int(np.count_nonzero(lengths))
        pairs += int(lengths.sum())
        vectors += int((-(-lengths // lanes)).sum())
    return Work(scene.means.size // 2, rows, pairs, vectors)
