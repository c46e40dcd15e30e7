"""What is not a covariance is refused, and the error names the argument, the first offender and the way out."""

import numpy as np
import pytest
import torch

from gaussgrad import covariance

NAN = float("nan")
TAKE_PACKED = {
    "to_isotropic": covariance.to_isotropic,
    "to_diagonal": covariance.to_diagonal,
    "to_log_variance": covariance.to_log_variance,
    "to_matrix": covariance.to_matrix,
    "to_cholesky": covariance.to_cholesky,
    "to_precision": covariance.to_precision,
    "to_scale_rotation": covariance.to_scale_rotation,
    "to_correlation": covariance.to_correlation,
    "from_precision": covariance.from_precision,
    "blur": lambda packed: covariance.blur(packed, 1.0),
}
every_taker = pytest.mark.parametrize("function", TAKE_PACKED.values(), ids=TAKE_PACKED)


@every_taker
@pytest.mark.parametrize("library", [np.asarray, torch.tensor], ids=["numpy", "torch"])
def test_a_matrix_that_is_not_positive_definite_is_refused_with_its_place_and_value(function, library):
    packed = library([[[1.0, 0.0, 1.0]] * 3, [[1.0, 0.0, 1.0], [1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]]])
    name = "precisions" if function is covariance.from_precision else "covariances"
    expected = rf"{name} must be positive definite; got \[1.0, 2.0, 1.0\] at {name}\[1, 1\]"
    with pytest.raises(ValueError, match=expected):
        function(packed)


@every_taker
@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_values_that_are_not_finite_are_refused(function, bad):
    with pytest.raises(ValueError, match=rf"must be finite; got {bad} at \w+\[0, 2\]"):
        function(np.array([[1.0, 0.0, bad]]))


@every_taker
def test_a_wrong_last_axis_is_refused(function):
    with pytest.raises(ValueError, match=r"packed.*got shape \(4, 5\)"):
        function(np.ones((4, 5)))


@every_taker
def test_integer_tensors_are_refused(function):
    with pytest.raises(TypeError, match="floating-point"):
        function(torch.ones((4, 3), dtype=torch.int64))


REFUSALS = {
    "isotropic of zero": (
        lambda: covariance.isotropic([1.0, 0.0], 2),
        r"variance must be positive; got 0.0 at .*\[1\]",
    ),
    "isotropic in 4-D": (lambda: covariance.isotropic(1.0, 4), r"dimensions must be one of 1, 2, 3; got 4"),
    "diagonal negative": (lambda: covariance.diagonal([1.0, -2.0]), r"variances must be positive; got -2.0 at .*\[1\]"),
    "diagonal of 4": (lambda: covariance.diagonal(np.ones(4)), r"variances must be of last axis .*got shape \(4,\)"),
    "diagonal scalar": (lambda: covariance.diagonal(1.0), r"variances must be of last axis .*got shape \(\)"),
    "log NaN": (lambda: covariance.from_log_variance([0.0, NAN]), r"log_variances must be finite; got nan at .*\[1\]"),
    "cholesky diagonal": (
        lambda: covariance.from_cholesky([[1.0, -5.0, 1.0], [1.0, 0.0, -3.0]]),
        r"cholesky must be of positive diagonal entries; got -3.0 at cholesky\[1, 2\]\. Use log_diagonal=True",
    ),
    "cholesky NaN": (
        lambda: covariance.from_cholesky([0.0, NAN, 0.0], log_diagonal=True),
        r"cholesky must be finite; got nan at cholesky\[1\]",
    ),
    "cholesky of 4": (lambda: covariance.from_cholesky(np.ones(4)), r"\[xx, yx, yy\].*got shape \(4,\)"),
    "unknown option": (lambda: covariance.to_cholesky([1.0], log_diagonal="yes"), r"log_diagonal must be one of"),
    "matrix not symmetric": (
        lambda: covariance.from_matrix([[4.0, 1.0], [1.1, 9.0]]),
        r"matrices must be symmetric; got \[\[4.0, 1.0\], \[1.1, 9.0\]\] at matrices",
    ),
    "matrix indefinite": (
        lambda: covariance.from_matrix([[[4.0, 1.0], [1.0, 9.0]], [[1.0, 2.0], [2.0, 1.0]]]),
        r"matrices must be positive definite; got \[1.0, 2.0, 1.0\] at matrices\[1\]",
    ),
    "matrix not square": (lambda: covariance.from_matrix(np.ones((2, 3))), r"\(\.\.\., d, d\).*packed already"),
    "matrix NaN": (lambda: covariance.from_matrix([[NAN]]), r"matrices must be finite"),
    "correlated as diagonal": (
        lambda: covariance.to_diagonal([[1.0, 0.0, 1.0], [1.0, 0.5, 1.0]]),
        r"covariances must be diagonal.*got \[1.0, 0.5, 1.0\] at covariances\[1\]\. Use covariance\.to_cholesky",
    ),
    "correlated as log-variance": (lambda: covariance.to_log_variance([1.0, 0.5, 1.0]), r"must be diagonal"),
    "unequal as isotropic": (lambda: covariance.to_isotropic([1.0, 0.0, 2.0]), r"must be isotropic.*\[1.0, 0.0, 2.0\]"),
    "stddev of zero": (
        lambda: covariance.from_scale_rotation([1.0, 0.0], 0.0),
        r"stddevs must be positive; got 0.0 at stddevs\[1\]",
    ),
    "angle NaN": (lambda: covariance.from_scale_rotation([1.0, 1.0], NAN), r"rotation must be finite"),
    "quaternion of zeros": (
        lambda: covariance.from_scale_rotation(np.ones((2, 3)), [[1.0, 0, 0, 0], [0, 0, 0, 0]]),
        r"rotation must be quaternions that are not zero; got \[0.0, 0.0, 0.0, 0.0\] at rotation\[1\]",
    ),
    "angle in 3-D": (lambda: covariance.from_scale_rotation(np.ones(3), 0.0), r"quaternions.*got shape \(\)"),
    "scale and rotation in 1-D": (lambda: covariance.from_scale_rotation([1.0], 0.0), r"2-D or 3-D.*diagonal"),
    "rotation of 1-D": (lambda: covariance.to_scale_rotation([1.0]), r"2-D or 3-D; got 1-D.*to_diagonal"),
    "rotations that do not broadcast": (
        lambda: covariance.from_scale_rotation(np.ones((3, 2)), np.zeros(4)),
        r"rotation must be of leading axes that broadcast with those of stddevs, \(3,\); got \(4,\)",
    ),
    "correlation of one": (
        lambda: covariance.from_correlation([[1.0, 1.0]] * 2, [0.0, -1.0]),
        r"correlation must be inside \(-1, 1\); got -1.0 at correlation\[1\]\. Use tanh",
    ),
    "correlation in 3-D": (
        lambda: covariance.from_correlation(np.ones(3), 0.0),
        r"stddevs must be of last axis \(x, y\)",
    ),
    "to_correlation of 3-D": (lambda: covariance.to_correlation(np.ones(6)), r"covariances must be packed.*2-D"),
    "blur negative": (lambda: covariance.blur([1.0], [-1.0]), r"stddev must be zero or more; got -1.0 at stddev\[0\]"),
    "blur of a factor that is none": (
        lambda: covariance.blur(cholesky=[[1.0, 0.0, 1.0], [1.0, 2.0, -1.0]], stddev=1.0),
        r"cholesky must be of positive diagonal entries; got -1.0 at cholesky\[1, 2\]\. Use exp",
    ),
    "blur of a factor that is NaN": (
        lambda: covariance.blur(cholesky=[1.0, NAN, 1.0], stddev=1.0),
        r"cholesky must be finite; got nan at cholesky\[1\]",
    ),
    "blur of a factor of 4": (
        lambda: covariance.blur(cholesky=np.ones(4), stddev=1.0),
        r"\[xx, yx, yy\].*shape \(4,\)",
    ),
    "blur of factors does not broadcast": (
        lambda: covariance.blur(cholesky=np.ones((3, 1)), stddev=np.ones(2)),
        r"stddev must be of leading axes that broadcast with those of cholesky, \(3,\); got \(2,\)",
    ),
    "blur does not broadcast": (
        lambda: covariance.blur(np.ones((3, 1)), np.ones(2)),
        r"stddev must be of leading axes",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_says_what_was_wanted_and_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stddev": 1.0}, r"covariances must be given, or cholesky in their place; got neither\. Pass one of them"),
        (
            {"covariances": [1.0], "cholesky": [1.0], "stddev": 1.0},
            r"covariances must be given, or cholesky in their place; got both\. Leave one of them out",
        ),
        ({"cholesky": [1.0]}, r"stddev must be an array; got None"),
    ],
)
def test_blur_takes_covariances_or_factors_and_a_stddev(arguments, message):
    with pytest.raises(TypeError, match=message):
        covariance.blur(**arguments)


def test_where_values_are_not_known_there_is_nan_and_no_refusal():
    factor = torch.func.vmap(covariance.to_cholesky)(torch.tensor([[1.0, 2.0, 1.0], [1.0, 0.0, 1.0]]))
    assert bool(factor[0].isnan().any())
    assert not bool(factor[1].isnan().any())


def test_mixed_dtypes_are_refused():
    with pytest.raises(TypeError, match="same dtype"):
        covariance.from_correlation(torch.ones(2), torch.zeros((), dtype=torch.float64))


def test_logarithms_that_overflow_are_refused():
    with pytest.raises(ValueError, match=r"cholesky must be logarithms between -354 and 355 in float64; got 800.0 at"):
        covariance.from_cholesky([800.0, 0.0, 0.0], log_diagonal=True)
    with pytest.raises(
        ValueError, match=r"log_variances must be logarithms between .* float64; got 1000.0 at log_variances\[0\]"
    ):
        covariance.from_log_variance([1000.0, 0.0])
    assert covariance.from_cholesky([0.0, 800.0, 0.0], log_diagonal=True)[1] == 800.0  # off the diagonal: no logarithm
