"""Parametrisations of covariances and of coordinates, by NumPy's matrices."""

from typing import Any

import numpy as np

from benchmarks.endurance.oracles import Known
from benchmarks.endurance.oracles.drawing import conditions, lower, symmetric

DIMENSIONS = {1: 1, 3: 2, 6: 3}


def packed(matrices: np.ndarray) -> np.ndarray:
    return matrices[..., *np.triu_indices(matrices.shape[-1])]


def _known(matrices: np.ndarray, grown: Any = 1.0) -> tuple[Known]:
    """Entries, each as exact as the stddevs of its row and column allow."""
    stddevs = np.sqrt(np.linalg.diagonal(matrices))
    sizes = stddevs[..., :, None] * stddevs[..., None, :] * np.asarray(grown)[..., None, None]
    return (Known(packed(matrices), packed(sizes)),)


def diagonal(variances: Any) -> tuple[Known]:
    return _known(variances[..., None] * np.eye(variances.shape[-1]))


def isotropic(variance: Any, dimensions: int) -> tuple[Known]:
    return _known(variance[..., None, None] * np.eye(dimensions))


def from_log_variance(log_variances: Any) -> tuple[Known]:
    matrices = np.exp(log_variances)[..., None] * np.eye(log_variances.shape[-1])
    return _known(matrices, 1 + np.abs(log_variances).max(axis=-1))


def from_matrix(matrices: Any) -> tuple[Known]:
    return _known(matrices)


def to_matrix(covariances: Any) -> tuple[Known]:
    matrices = symmetric(covariances, DIMENSIONS[covariances.shape[-1]])
    return (Known(matrices, np.abs(matrices)),)


def from_cholesky(cholesky: Any) -> tuple[Known]:
    factors = lower(cholesky, DIMENSIONS[cholesky.shape[-1]])
    return _known(factors @ np.swapaxes(factors, -1, -2))


def to_cholesky(covariances: Any) -> tuple[Known]:
    matrices = symmetric(covariances, DIMENSIONS[covariances.shape[-1]])
    stddevs = np.sqrt(np.linalg.diagonal(matrices))
    kappa = conditions(matrices, np.linalg.inv(matrices))[..., None, None]
    places = np.tril_indices(matrices.shape[-1])
    sizes = (stddevs[..., :, None] * kappa + np.zeros_like(matrices))[..., *places]
    return (Known(np.linalg.cholesky(matrices)[..., *places], sizes),)


def from_precision(precisions: Any) -> tuple[Known]:
    matrices = symmetric(precisions, DIMENSIONS[precisions.shape[-1]])
    inverse = np.linalg.inv(matrices)
    return _known(inverse, conditions(matrices, inverse))


def to_precision(covariances: Any) -> tuple[Known]:
    return from_precision(covariances)


def from_correlation(stddevs: Any, correlation: Any) -> tuple[Known]:
    rows = np.stack([np.ones_like(correlation), correlation, correlation, np.ones_like(correlation)], axis=-1)
    matrices = rows.reshape(*correlation.shape, 2, 2) * stddevs[..., :, None] * stddevs[..., None, :]
    return _known(matrices)


def from_scale_rotation(stddevs: Any, rotation: Any) -> tuple[Known]:
    """In 2-D, an angle from x towards y; in 3-D, a quaternion w, x, y, z."""
    if stddevs.shape[-1] == 2:
        turn = np.exp(1j * np.asarray(rotation))
        axes = np.stack([np.stack([turn.real, -turn.imag], -1), np.stack([turn.imag, turn.real], -1)], axis=-2)
    else:
        axes = np.stack([_turned(rotation, axis) for axis in np.eye(3)], axis=-1)
    matrices = (axes * stddevs[..., None, :] ** 2) @ np.swapaxes(axes, -1, -2)
    largest = (stddevs**2).max(axis=-1)[..., None, None] + np.zeros_like(matrices)
    return (Known(packed(matrices), packed(largest)),)


def _turned(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """q v q* / |q|^2 by the products of vectors."""
    w, u = quaternion[..., :1], quaternion[..., 1:]
    length = np.sum(quaternion**2, axis=-1, keepdims=True)
    whole = np.broadcast_to(vector, u.shape)
    return ((w * w - np.sum(u * u, -1, keepdims=True)) * whole + 2 * np.sum(u * whole, -1, keepdims=True) * u
            + 2 * w * np.cross(u, whole)) / length  # fmt: skip


def blur(covariances: Any, stddev: Any) -> tuple[Known]:
    d = DIMENSIONS[covariances.shape[-1]]
    return _known(symmetric(covariances, d) + np.asarray(stddev)[..., None, None] ** 2 * np.eye(d))


def to_pixels(means: Any, covariances: Any, *, size: tuple[int, ...]) -> tuple[Known, Known]:
    return _scaled(means, covariances, np.array(size[::-1]) / 2, lambda means, half: (means + 1) * half - 0.5)


def to_normalized(means: Any, covariances: Any, *, size: tuple[int, ...]) -> tuple[Known, Known]:
    return _scaled(means, covariances, 2 / np.array(size[::-1]), lambda means, two: (means + 0.5) * two - 1)


def _scaled(means: Any, covariances: Any, factor: np.ndarray, move: Any) -> tuple[Known, Known]:
    moved = move(means, factor)
    matrices = symmetric(covariances, len(factor)) * factor[:, None] * factor
    return Known(moved, (1 + np.abs(means)) * factor + 1), *_known(matrices)
