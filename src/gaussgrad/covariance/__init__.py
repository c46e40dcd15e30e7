"""Parametrisations of packed covariances, each with its inverse, written once for every framework.

A packed covariance is the upper triangle by rows: [xx]; [xx, xy, yy]; [xx, xy, xz, yy, yz, zz]. An off-diagonal entry
is one parameter. What is not positive definite is refused where the values are known, naming the first offender.
"""

from gaussgrad.covariance.axis_aligned import (
    diagonal,
    from_log_variance,
    isotropic,
    to_diagonal,
    to_isotropic,
    to_log_variance,
)
from gaussgrad.covariance.blurring import blur
from gaussgrad.covariance.correlation import from_correlation, to_correlation
from gaussgrad.covariance.matrix import from_matrix, to_matrix
from gaussgrad.covariance.scale_rotation import from_scale_rotation, to_scale_rotation
from gaussgrad.covariance.triangular import from_cholesky, from_precision, to_cholesky, to_precision

__all__ = [
    "blur",
    "diagonal",
    "from_cholesky",
    "from_correlation",
    "from_log_variance",
    "from_matrix",
    "from_precision",
    "from_scale_rotation",
    "isotropic",
    "to_cholesky",
    "to_correlation",
    "to_diagonal",
    "to_isotropic",
    "to_log_variance",
    "to_matrix",
    "to_precision",
    "to_scale_rotation",
]
