"""Gaussians with full covariances told by a mean and a Cholesky factor, written once for every framework."""

from collections.abc import Callable, Sequence
from typing import Any

from gaussgrad.checks import complain
from gaussgrad.dispatch import Unified, unify
from gaussgrad.ops.latent import triangles
from gaussgrad.ops.latent.densities import LOG_TWO_PI

Solve = Callable[[Any, Any], Any]  # of lower triangles (..., d, d) and right sides (..., d, 1), for axes that broadcast


def check_shapes(mean: Sequence[Any], cholesky: Sequence[Any]) -> None:
    """Refuse what is not (b, ..., d) and (b, ..., d(d+1)/2); None is a size that is not known yet."""
    if len(mean) < 2:
        raise ValueError(complain("mean", "of shape (b, ..., d)", f"shape {tuple(mean)}"))
    triangles.dimensions("cholesky", cholesky, mean[-1])
    wanted, got = tuple(mean[:-1]), tuple(cholesky[:-1])
    if wanted != got and not _may_agree(wanted, got):
        raise ValueError(complain("cholesky", f"of the leading axes of mean, {wanted}", f"{got}"))


def _may_agree(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(a == b or a is None or b is None for a, b in zip(one, other, strict=True))


def move_noise(mean: Any, cholesky: Any, noise: Any) -> Any:
    """mean + L noise, of means and noise (..., d) and packed factors L (..., d(d+1)/2) with logarithms as diagonal."""
    unified = unify(mean=mean, cholesky=cholesky, noise=noise)
    mean, cholesky, noise = unified.arrays
    root, _ = _root(unified, cholesky, mean.shape[-1])
    moved = unified.namespace.sum(root * noise[..., None, :], axis=-1)  # no matmul, which autocast would round to half
    return unified.restore(mean + moved)


def log_density(x: Any, mean: Any, cholesky: Any, solve: Solve) -> Any:
    """Log densities (...), in nats, of points x (..., d)."""
    unified = unify(x=x, mean=mean, cholesky=cholesky)
    x, mean, cholesky = unified.arrays
    xp = unified.namespace
    d = mean.shape[-1]
    root, log_diagonal = _root(unified, cholesky, d)
    z = solve(root, (x - mean)[..., None])[..., 0]
    log_determinant = 2 * xp.sum(log_diagonal, axis=-1)
    return unified.restore(-(xp.sum(z * z, axis=-1) + log_determinant + d * LOG_TWO_PI) / 2)


def _root(unified: Unified, cholesky: Any, d: int) -> tuple[Any, Any]:
    """The full lower factors (..., d, d), and the logarithms (..., d) of their diagonals."""
    xp = unified.namespace
    factor = triangles.from_cholesky(xp, cholesky, d, log_diagonal=True)
    return triangles.with_diagonal(xp, factor.below, factor.diagonal), factor.log_diagonal
