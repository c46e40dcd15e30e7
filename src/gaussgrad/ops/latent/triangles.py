"""Packed symmetric and triangular matrices of any dimension, in and out of full ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.ops.batching import device_of


@dataclass(frozen=True, eq=False)
class Factor:
    """A lower Cholesky factor: what stands below its diagonal, and the diagonal, with its logarithm where given."""

    below: Any  # (..., d, d), zeros on and above the diagonal
    diagonal: Any  # (..., d)
    log_diagonal: Any  # (..., d), or None


def dimensions(argument: str, shape: Sequence[int], d: int) -> None:
    """Refuse packed matrices whose last axis is not that of d dimensions."""
    entries = d * (d + 1) // 2
    if len(shape) < 1 or shape[-1] != entries:
        wanted = f"packed, its last axis of {entries} entries, for a mean of {d} dimensions"
        cure = "Take the triangle of a full matrix." if tuple(shape[-2:]) == (d, d) else ""
        raise ValueError(checks.complain(argument, wanted, f"shape {tuple(shape)}", cure))


def from_covariance(xp: Any, packed: Any, d: int) -> Factor:
    """The factor of packed upper triangles (..., d(d+1)/2)."""
    lower = xp.linalg.cholesky(_spread(xp, packed, _symmetric_places(d), d))
    return Factor(lower * _below(xp, lower, d), xp.linalg.diagonal(lower), None)


def from_cholesky(xp: Any, packed: Any, d: int, log_diagonal: bool) -> Factor:
    """The factor of packed lower triangles by rows (..., d(d+1)/2), their diagonal perhaps in logarithms."""
    full = _spread(xp, packed, _lower_places(d), d)
    diagonal = xp.linalg.diagonal(full)
    below = full * _below(xp, full, d)
    return Factor(below, xp.exp(diagonal), diagonal) if log_diagonal else Factor(below, diagonal, None)


def with_diagonal(xp: Any, below: Any, diagonal: Any) -> Any:
    """The full matrices (..., d, d)."""
    eye = xp.eye(diagonal.shape[-1], dtype=diagonal.dtype, device=device_of(diagonal))
    return below + diagonal[..., None] * eye


def indefinite(argument: str, packed: np.ndarray) -> None:
    """Refuse packed covariances of any dimension that are not positive definite, naming the first."""
    checks.finite(argument, packed)
    d = _dimension(packed.shape[-1])
    values = np.linalg.eigvalsh(_spread(np, packed.astype(np.float64), _symmetric_places(d), d))
    index = checks.first_offender(np.asarray(values[..., 0] <= 0))
    if index is not None:
        place = f"{argument}{list(index)}" if index else argument
        cure = "Raise the variances, lower the covariances, or give the Cholesky factor."
        raise ValueError(checks.complain(argument, "positive definite", f"{packed[index].tolist()} at {place}", cure))


def unfit_diagonal(argument: str, packed: np.ndarray) -> None:
    """Refuse packed Cholesky factors with a diagonal entry that is not positive, naming the first."""
    checks.finite(argument, packed)
    d = _dimension(packed.shape[-1])
    diagonal = packed[..., [i * (i + 3) // 2 for i in range(d)]]
    index = checks.first_offender(np.asarray((diagonal <= 0).any(axis=-1)))
    if index is not None:
        place = f"{argument}{list(index)}" if index else argument
        cure = "Use log_diagonal=True for numbers of any sign."
        wanted = "of positive diagonal entries"
        raise ValueError(checks.complain(argument, wanted, f"{packed[index].tolist()} at {place}", cure))


def _dimension(entries: int) -> int:
    return (math.isqrt(8 * entries + 1) - 1) // 2


def _spread(xp: Any, packed: Any, places: tuple[int, ...], d: int) -> Any:
    """Entries to their places in (..., d, d); what has none is left to a mask."""
    index = xp.asarray(places, device=device_of(packed)) if xp is not np else np.asarray(places)
    return xp.reshape(xp.take(packed, index, axis=-1), (*packed.shape[:-1], d, d))


def _symmetric_places(d: int) -> tuple[int, ...]:
    """For each place of a full matrix, by rows, its place in the packed upper triangle."""
    start = [i * d - i * (i - 1) // 2 for i in range(d)]
    return tuple(start[min(i, j)] + abs(i - j) for i in range(d) for j in range(d))


def _lower_places(d: int) -> tuple[int, ...]:
    """For each place of a full matrix, by rows, its place in the packed lower triangle; above the diagonal any."""
    return tuple(max(i, j) * (max(i, j) + 1) // 2 + min(i, j) for i in range(d) for j in range(d))


def _below(xp: Any, like: Any, d: int) -> Any:
    """Ones below the diagonal."""
    return xp.tril(xp.ones((d, d), dtype=like.dtype, device=device_of(like)), k=-1)
