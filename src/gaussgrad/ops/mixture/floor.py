"""A floor under the standard deviations of a mixture that still lets gradients through."""

import math
from typing import Any


def widen_diagonal(xp: Any, log_stddevs: Any, variance: float) -> Any:
    """Logarithms of sqrt(stddev^2 + variance), without overflow; equation M11."""
    floor = xp.full_like(log_stddevs, math.log(variance) / 2)
    return xp.logaddexp(2 * log_stddevs, 2 * floor) / 2


def widen(xp: Any, log_stddevs: Any, atanh_correlations: Any, variance: float) -> tuple[Any, Any]:
    """Log stddevs (..., k, 2) and atanh correlations (..., k) of bivariate Gaussians blurred by an isotropic variance.

    Covariance entries stay as they are, variances grow: equations M11 and M12, in logarithms throughout.
    """
    ratios = math.log(variance) - 2 * log_stddevs  # of the floor to each variance
    one = xp.ones_like(atanh_correlations)
    size = xp.where(atanh_correlations >= 0, one, -one) * atanh_correlations
    log_square = 2 * (math.log(2) - size - xp.log1p(xp.exp(-2 * size)))  # of q = sech a
    both = xp.sum(ratios, axis=-1)
    rest = xp.logaddexp(xp.logaddexp(log_square, both), xp.logaddexp(ratios[..., 0], ratios[..., 1]))
    widened = xp.asinh(xp.tanh(atanh_correlations) * xp.exp(-rest / 2))
    return widen_diagonal(xp, log_stddevs, variance), widened
