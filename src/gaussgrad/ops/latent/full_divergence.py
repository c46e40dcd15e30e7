"""The Kullback-Leibler divergence between Gaussians with full covariances, in any dimension."""

from typing import Any

from gaussgrad import checks
from gaussgrad.dispatch import Unified, unify
from gaussgrad.ops.latent import arguments, triangles
from gaussgrad.ops.latent.divergence import exponential_remainder
from gaussgrad.ops.latent.triangles import Factor

_OPTIONAL = ("covariance", "cholesky", "prior_mean", "prior_covariance", "prior_cholesky")


def kl_divergence_full(
    mean: Any,
    covariance: Any = None,
    prior_mean: Any = None,
    prior_covariance: Any = None,
    *,
    cholesky: Any = None,
    prior_cholesky: Any = None,
    log_diagonal: bool = False,
) -> Any:
    """Divergence of one Gaussian with a full covariance from another, never negative; one number per Gaussian.

    Parameters
    ----------
    mean : array (..., d)
        In any number of dimensions d.
    covariance : array (..., d(d+1)/2)
        Packed upper triangles by rows, positive definite. Or leave it out and give `cholesky`.
    prior_mean : array (..., d), optional
        By default zero.
    prior_covariance : array (..., d(d+1)/2), optional
        By default, without `prior_cholesky`, the identity.
    cholesky, prior_cholesky : array (..., d(d+1)/2), optional
        Lower Cholesky factors packed by rows, instead of the covariances.
    log_diagonal : bool
        Whether the diagonal entries of the Cholesky factors given are natural logarithms: any real numbers are valid.

    Returns
    -------
    divergence : array (...)
        In nats. Differentiable in every array, to any order; an off-diagonal entry is one parameter.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite, a covariance that is not positive definite, a diagonal
        entry that is not positive.
    TypeError
        For integer tensors, mixed dtypes or frameworks, a covariance given twice or not at all.

    Notes
    -----
    docs/latent.md, equations 10 to 13. The divergence is a sum of terms that are zero or more. From Cholesky factors
    with the same options it keeps its digits near the prior, up to the condition number of the prior's factor. Factors
    of covariances are rounded first, and the divergence is off by about eps times its root.

    Where values are not known (on a GPU, while tracing), a covariance that is not positive definite is refused by the
    framework's own Cholesky decomposition.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.kl_divergence_full([0.0, 0.0], [1.0, 0.5, 1.0]).round(6).tolist()
    0.143841
    >>> gaussgrad.kl_divergence_full([1.0, 0.0], cholesky=[0.0, 0.0, 0.0], log_diagonal=True).tolist()
    0.5
    """
    log_diagonal = checks.option("log_diagonal", log_diagonal, (False, True))
    _refuse_two_sources("covariance", covariance, "cholesky", cholesky, needed=True)
    _refuse_two_sources("prior_covariance", prior_covariance, "prior_cholesky", prior_cholesky, needed=False)
    optional = dict(zip(_OPTIONAL, (covariance, cholesky, prior_mean, prior_covariance, prior_cholesky), strict=True))
    unified = unify(_OPTIONAL, mean=mean, **optional)
    arrays = dict(zip(("mean", *_OPTIONAL), unified.arrays, strict=True))
    _check(unified, arrays, log_diagonal)
    factor = _factor(unified, arrays, "covariance", "cholesky", log_diagonal)
    prior = _factor(unified, arrays, "prior_covariance", "prior_cholesky", log_diagonal)
    difference = arrays["mean"] if arrays["prior_mean"] is None else arrays["mean"] - arrays["prior_mean"]
    return unified.restore(_divergence(unified, difference, factor, prior))


def _divergence(unified: Unified, difference: Any, factor: Any, prior: Factor | None) -> Any:
    """docs/latent.md, equation 12."""
    xp = unified.namespace
    log_ratio = _log_ratio(xp, factor, prior)  # (..., d)
    if prior is None:
        below, z = factor.below, difference
    else:
        root = triangles.with_diagonal(xp, prior.below, prior.diagonal)
        moved = triangles.with_diagonal(xp, factor.below - prior.below, prior.diagonal * xp.expm1(log_ratio))
        below = _solve(xp, root, moved)
        z = _solve(xp, root, difference[..., None])[..., 0]
    off_diagonal = xp.sum(xp.tril(below, k=-1) ** 2, axis=(-2, -1))
    dtype = unified.framework.dtype_name(difference)
    on_diagonal = xp.sum(exponential_remainder(xp, 2 * log_ratio, dtype) + z * z, axis=-1)
    return (on_diagonal + off_diagonal) / 2


def _solve(xp: Any, roots: Any, right: Any) -> Any:
    """roots^-1 right, for batch axes that broadcast."""
    batch = xp.broadcast_arrays(roots[..., 0, 0], right[..., 0, 0])[0].shape
    return xp.linalg.solve(
        xp.broadcast_to(roots, (*batch, *roots.shape[-2:])), xp.broadcast_to(right, (*batch, *right.shape[-2:]))
    )


def _log_ratio(xp: Any, factor: Factor, prior: Factor | None) -> Any:
    """log(L_ii / L0_ii). docs/latent.md, equation 13."""
    if prior is None:
        if factor.log_diagonal is not None:
            return factor.log_diagonal
        return _log_quotient(xp, factor.diagonal, xp.ones_like(factor.diagonal))
    if factor.log_diagonal is not None and prior.log_diagonal is not None:
        return factor.log_diagonal - prior.log_diagonal
    return _log_quotient(xp, factor.diagonal, prior.diagonal)


def _log_quotient(xp: Any, upper: Any, lower: Any) -> Any:
    """log(upper / lower), to all digits where they are near: their difference is exact then."""
    part = (upper - lower) / lower
    near = xp.abs(part) < 0.5
    return xp.where(near, xp.log1p(xp.where(near, part, xp.zeros_like(part))), xp.log(upper) - xp.log(lower))


def _factor(unified: Unified, arrays: dict[str, Any], full: str, root: str, log_diagonal: bool) -> Factor | None:
    d = arrays["mean"].shape[-1]
    if arrays[root] is not None:
        return triangles.from_cholesky(unified.namespace, arrays[root], d, log_diagonal)
    return None if arrays[full] is None else triangles.from_covariance(unified.namespace, arrays[full], d)


def _refuse_two_sources(first: str, one: Any, second: str, other: Any, *, needed: bool) -> None:
    given = (one is not None) + (other is not None)
    if given > 1 or (needed and not given):
        wanted = "given, one of the two" if needed else "given, at most one of the two"
        raise TypeError(checks.complain(f"{first} or {second}", wanted, "both" if given else "neither"))


def _check(unified: Unified, arrays: dict[str, Any], log_diagonal: bool) -> None:
    mean = arrays["mean"]
    if mean.ndim < 1:
        raise ValueError(checks.complain("mean", "of shape (..., d)", "shape ()"))
    if arrays["prior_mean"] is not None:
        checks.last_axis("prior_mean", arrays["prior_mean"].shape, mean.shape[-1], f"of last axis {mean.shape[-1]}")
    value_checks = {
        "mean": checks.finite,
        "prior_mean": checks.finite,
        **dict.fromkeys(("covariance", "prior_covariance"), triangles.indefinite),
        **dict.fromkeys(("cholesky", "prior_cholesky"), checks.finite if log_diagonal else triangles.unfit_diagonal),
    }
    for name, array in arrays.items():
        if array is None:
            continue
        if name not in ("mean", "prior_mean"):
            triangles.dimensions(name, array.shape, mean.shape[-1])
        arguments.check_leading("mean", mean.shape, **{name: array})
        arguments.check_values(unified, value_checks[name], **{name: array})
