"""Covariances to test with, and a table of every parametrisation: there, back, and its parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussgrad import covariance

UPPER = {d: np.triu_indices(d) for d in (1, 2, 3)}
LOWER = {d: np.tril_indices(d) for d in (1, 2, 3)}
CORRELATIONS = (0.0, -0.5, 0.9, -0.99, 0.999)


def correlated_matrices(d: int, correlation: float) -> np.ndarray:
    """Four covariance matrices (4, d, d) whose x and y have this correlation; stddevs from 1 to 2.5."""
    stddevs = np.array([[1.0, 2.0, 1.5], [2.5, 1.25, 1.0], [1.2, 1.4, 2.2], [2.0, 1.5, 1.1]])[:, :d]
    directions = np.array([[1, 0, 0], [correlation, np.sqrt(1 - correlation**2), 0], [0.3, -0.2, np.sqrt(0.87)]])
    correlations = (directions @ directions.T)[:d, :d]
    return stddevs[:, :, None] * correlations * stddevs[:, None, :]


def pack(matrices: np.ndarray) -> np.ndarray:
    d = matrices.shape[-1]
    return np.ascontiguousarray(matrices[..., UPPER[d][0], UPPER[d][1]])


def unpack(packed: np.ndarray) -> np.ndarray:
    packed = np.asarray(packed, dtype=np.float64)
    d = {1: 1, 3: 2, 6: 3}[packed.shape[-1]]
    matrices = np.empty((*packed.shape[:-1], d, d))
    matrices[..., UPPER[d][0], UPPER[d][1]] = packed
    matrices[..., UPPER[d][1], UPPER[d][0]] = packed
    return matrices


@dataclass(frozen=True)
class Parametrization:
    """`make(*parameters)` gives packed covariances, `split(covariances)` a tuple of parameters."""

    name: str
    dimensions: tuple[int, ...]
    make: Callable[..., Any]
    split: Callable[[Any], tuple[Any, ...]]
    correlated: bool = True  # whether it holds any covariance, or only those along the axes


def _symmetric(matrices: Any) -> Any:
    """So that finite differences, which move one entry at a time, leave a matrix symmetric."""
    return covariance.from_matrix((matrices + matrices.swapaxes(-1, -2)) / 2)


def _from_log_cholesky(cholesky: Any) -> Any:
    return covariance.from_cholesky(cholesky, log_diagonal=True)


def _to_log_cholesky(covariances: Any) -> Any:
    return (covariance.to_cholesky(covariances, log_diagonal=True),)


PARAMETRIZATIONS = (
    Parametrization("diagonal", (1, 2, 3), covariance.diagonal, lambda c: (covariance.to_diagonal(c),), False),
    Parametrization(
        "log_variance", (1, 2, 3), covariance.from_log_variance, lambda c: (covariance.to_log_variance(c),), False
    ),
    Parametrization("matrix", (1, 2, 3), _symmetric, lambda c: (covariance.to_matrix(c),)),
    Parametrization("cholesky", (1, 2, 3), covariance.from_cholesky, lambda c: (covariance.to_cholesky(c),)),
    Parametrization("log_cholesky", (1, 2, 3), _from_log_cholesky, _to_log_cholesky),
    Parametrization("precision", (1, 2, 3), covariance.from_precision, lambda c: (covariance.to_precision(c),)),
    Parametrization("scale_rotation", (2, 3), covariance.from_scale_rotation, covariance.to_scale_rotation),
    Parametrization("correlation", (2,), covariance.from_correlation, covariance.to_correlation),
)
CASES = [(case, d) for case in PARAMETRIZATIONS for d in case.dimensions]
CASE_IDS = [f"{case.name}-{d}D" for case, d in CASES]


def example_covariances(case: Parametrization, d: int, correlation: float) -> np.ndarray:
    """Packed covariances (4, d(d+1)/2) that the parametrisation can hold."""
    matrices = correlated_matrices(d, correlation)
    return pack(matrices if case.correlated else matrices * np.eye(d))
