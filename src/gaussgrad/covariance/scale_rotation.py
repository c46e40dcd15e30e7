"""Principal standard deviations and a rotation to and from packed covariances in 2-D and 3-D."""

from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.covariance import eigen, packing
from gaussgrad.dispatch import unify


def from_scale_rotation(stddevs: Any, rotation: Any) -> Any:
    """Packed covariances with these standard deviations along rotated axes.

    Parameters
    ----------
    stddevs : array (..., 2) or (..., 3)
        Standard deviations along the axes before the rotation, in pixels, positive.
    rotation : array (...) in 2-D, (..., 4) in 3-D
        2-D: the angle from x towards y in radians (y points down, so it turns clockwise on the screen). 3-D: the
        quaternion (w, x, y, z) of any length but zero; it is normalised inside. Leading axes broadcast with those
        of `stddevs`.

    Returns
    -------
    covariances : array (..., d(d+1)/2)
        In pixels squared. Differentiable in both arguments.

    Raises
    ------
    ValueError
        For a stddev that is not positive, a quaternion of zeros, or shapes that disagree.

    Notes
    -----
    docs/maths.md, equations 26, 28 and 29. 3-D as Kerbl et al. (2023), "3D Gaussian splatting for real-time radiance
    field rendering", equation 6. Packing rounds: the smallest stddev, beside one r times as large, keeps a relative
    precision of epsilon r^2.

    Examples
    --------
    >>> import math
    >>> from gaussgrad import covariance
    >>> covariance.from_scale_rotation([3.0, 1.0], math.pi / 4).round(6).tolist()
    [5.0, 4.0, 5.0]
    """
    unified = unify(stddevs=stddevs, rotation=rotation)
    array, turn = unified.arrays
    xp = unified.namespace
    d = packing.vector_dimensions("stddevs", array.shape)
    _refuse_one_dimension("stddevs", d)
    if d == 3 and (turn.ndim < 1 or turn.shape[-1] != 4):
        wanted = "quaternions of shape (..., 4), (w, x, y, z), for 3-D stddevs"
        raise ValueError(checks.complain("rotation", wanted, f"shape {tuple(turn.shape)}"))
    packing.check_broadcast(stddevs=array.shape[:-1], rotation=turn.shape if d == 2 else turn.shape[:-1])
    packing.check_values(unified, "stddevs", array, checks.positive)
    packing.check_values(unified, "rotation", turn, checks.finite if d == 2 else _refuse_zero)
    return unified.restore(_from_angle(xp, array, turn) if d == 2 else _from_quaternion(xp, array, turn))


def to_scale_rotation(covariances: Any) -> tuple[Any, Any]:
    """Principal standard deviations, the largest first, and the rotation; the inverse of `from_scale_rotation`.

    Parameters
    ----------
    covariances : array (..., 3) or (..., 6)
        Packed, positive definite, in pixels squared.

    Returns
    -------
    stddevs : array (..., 2) or (..., 3)
        In descending order, in pixels.
    rotation : array (...) in 2-D, (..., 4) in 3-D
        2-D: the angle of the longest axis from x towards y, in (-pi/2, pi/2]. 3-D: a unit quaternion (w, x, y, z) with
        w >= 0; three others turn the axes into themselves reversed and give the same covariance.

    Raises
    ------
    ValueError
        For covariances that are not 2-D or 3-D, or not positive definite.

    Notes
    -----
    Differentiable in `covariances`; docs/maths.md, equations 27 and 30 to 33. Where stddevs coincide their axes are
    not determined: a turn in their plane is left out, the gradient of the rotation in that plane is zero, and the
    gradient of the stddevs is the one along the axes returned. Functions that are symmetric in the coinciding stddevs
    keep their exact gradient; a round trip keeps it but for the off-diagonal entry between the coinciding axes. Close
    to such a point the gradient of the rotation grows as 1 / (difference of the variances); at it, second derivatives
    are finite but not meaningful. Towards singular covariances the smallest stddev loses relative precision as
    1 / (1 - correlation^2).

    Examples
    --------
    >>> from gaussgrad import covariance
    >>> stddevs, angle = covariance.to_scale_rotation([5.0, 4.0, 5.0])
    >>> stddevs.tolist(), angle.round(6).tolist()
    ([3.0, 1.0], 0.785398)
    """
    unified = unify(covariances=covariances)
    (array,) = unified.arrays
    xp = unified.namespace
    d = checks.dimensions_of_packed("covariances", array.shape)
    _refuse_one_dimension("covariances", d)
    packing.check_values(unified, "covariances", array, checks.positive_definite)
    if d == 2:
        values, rotation = eigen.decompose_2d(xp, array)
    else:
        values, quaternion = eigen.decompose_3d(xp, array)
        rotation = packing.stack(xp, quaternion)
    return unified.restore(xp.sqrt(packing.stack(xp, values))), unified.restore(rotation)


def _refuse_one_dimension(argument: str, d: int) -> None:
    if d == 1:
        raise ValueError(checks.complain(argument, "2-D or 3-D", "1-D", "Use covariance.diagonal or to_diagonal."))


def _refuse_zero(argument: str, values: np.ndarray) -> None:
    checks.finite(argument, values)
    packing.refuse_first(argument, values, (values == 0).all(axis=-1), "quaternions that are not zero")


def _from_angle(xp: Any, stddevs: Any, angle: Any) -> Any:
    """Equation 26."""
    a, b = stddevs[..., 0], stddevs[..., 1]
    cosine, sine = xp.cos(angle), xp.sin(angle)
    ac, as_, bc, bs = a * cosine, a * sine, b * cosine, b * sine
    return packing.stack(xp, [ac * ac + bs * bs, (a - b) * (a + b) * cosine * sine, as_ * as_ + bc * bc])


def _from_quaternion(xp: Any, stddevs: Any, quaternion: Any) -> Any:
    """Equations 28 and 29."""
    matrix = eigen.rotation_matrix([quaternion[..., k] for k in range(4)])
    scaled = [[matrix[i][k] * stddevs[..., k] for k in range(3)] for i in range(3)]
    entries = [sum(scaled[i][k] * scaled[j][k] for k in range(3)) for i, j in packing.UPPER[3]]
    return packing.stack(xp, entries)
