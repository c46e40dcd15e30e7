"""What mixtures refuse, and that the error says what to do."""

import re

import numpy as np
import pytest
import torch

import gaussgrad

GOOD = {
    "points": np.zeros((4, 2)),
    "logits": np.zeros((4, 3)),
    "means": np.zeros((4, 3, 2)),
    "log_stddevs": np.zeros((4, 3, 2)),
    "atanh_correlations": np.zeros((4, 3)),
}
FUNCTIONS = pytest.mark.parametrize("function", [gaussgrad.mixture_log_density, gaussgrad.responsibilities])


def changed(name: str, index: tuple[int, ...], value: float) -> dict[str, np.ndarray]:
    arrays = {key: array.copy() for key, array in GOOD.items()}
    arrays[name][index] = value
    return arrays


@FUNCTIONS
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("points", (4, 3)),
        ("points", (5, 2)),
        ("points", ()),
        ("logits", (4, 2)),
        ("logits", (4, 0)),
        ("logits", ()),
        ("means", (4, 3)),
        ("means", (4, 3, 3)),
        ("log_stddevs", (4, 3, 1)),
        ("log_stddevs", (2, 3, 2)),
        ("atanh_correlations", (4, 3, 1)),
        ("atanh_correlations", (4, 1)),
    ],
)
def test_shapes_that_disagree_are_refused(function, name, shape):
    with pytest.raises(ValueError, match=r" must be of .*; got shape \("):
        function(**{**GOOD, name: np.zeros(shape)})


@FUNCTIONS
@pytest.mark.parametrize("name", GOOD)
def test_nan_is_refused_with_its_place(function, name):
    index = (2, 1, 0)[: GOOD[name].ndim]
    place = f"{name}[{', '.join(map(str, index))}]"
    with pytest.raises(ValueError, match=f"^{name} must be .*nan at {re.escape(place)}"):
        function(**changed(name, index, np.nan))


@FUNCTIONS
def test_a_point_all_of_whose_logits_are_minus_infinity_is_refused(function):
    with pytest.raises(ValueError, match=r"at least one component; got -inf for all components at logits\[3, 0\]"):
        function(**changed("logits", (3,), -np.inf))


@FUNCTIONS
@pytest.mark.parametrize(("name", "cure"), [("log_stddevs", "pass log"), ("atanh_correlations", "before tanh")])
@pytest.mark.parametrize(("dtype", "value"), [("float32", 90.0), ("float32", -90.0), ("float64", 710.0)])
def test_exponents_that_overflow_are_refused_with_the_range(function, name, cure, dtype, value):
    arrays = {key: array.astype(dtype) for key, array in changed(name, (1, 2), value).items()}
    with pytest.raises(ValueError, match=f"{name} must be of magnitude below .* in {dtype}; .*{cure}"):
        function(**arrays)


@FUNCTIONS
def test_integer_tensors_are_refused_with_the_cure(function):
    tensors = {name: torch.tensor(array) for name, array in GOOD.items()}
    with pytest.raises(TypeError, match=r"points must be of a floating-point dtype.*points\.float\(\)"):
        function(**{**tensors, "points": tensors["points"].long()})


def test_torch_refuses_the_same_values_inside_the_operation():
    tensors = {name: torch.tensor(array) for name, array in changed("logits", (3,), -np.inf).items()}
    with pytest.raises(ValueError, match="at least one component"):
        gaussgrad.mixture_log_density(**tensors)


SINGLE = {
    "x": np.zeros((4, 1, 2)),
    "mean": np.zeros((4, 3, 2)),
    "stddev": np.ones((4, 3, 2)),
    "correlation": np.zeros((4, 3, 1)),
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stddev", 0.0, r"positive; got 0\.0 at stddev\[.*logarithm to mixture_log_density"),
        ("stddev", -1.0, "positive"),
        ("stddev", np.nan, "finite"),
        ("correlation", 1.0, r"inside \(-1, 1\); got 1\.0.*before tanh, to mixture_log_density"),
        ("correlation", -1.5, r"inside \(-1, 1\)"),
        ("x", np.nan, "finite"),
        ("mean", np.inf, "finite"),
    ],
)
def test_raw_values_out_of_range_are_refused_with_the_cure(name, value, message):
    arrays = {key: array.copy() for key, array in SINGLE.items()}
    arrays[name][-1, -1, -1] = value
    with pytest.raises(ValueError, match=f"^{name} must be {message}"):
        gaussgrad.bivariate_density(**arrays)


@pytest.mark.parametrize(
    ("name", "shape"), [("x", (4, 1)), ("mean", (4, 3)), ("stddev", (2,)), ("correlation", (4, 3)), ("mean", (5, 3, 2))]
)
def test_raw_shapes_that_disagree_are_refused(name, shape):
    with pytest.raises(ValueError, match=r" must be of .*; got shape \("):
        gaussgrad.bivariate_density(**{**SINGLE, name: np.full(shape, 0.5)})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({}, TypeError, "covariances must be given, or one of cholesky in its place; got none"),
        ({"covariances": np.ones((3, 3)), "cholesky": np.ones((3, 3))}, TypeError, "covariances and cholesky"),
        ({"covariances": np.ones((3, 4))}, ValueError, "covariances must be of 3 entries"),
        ({"covariances": np.ones((2, 3))}, ValueError, "covariances must be of n = 3 Gaussians"),
        ({"covariances": [1.0, 2.0, 1.0]}, ValueError, "positive definite"),
        ({"cholesky": [1.0, 2.0, 0.0]}, ValueError, "positive diagonal"),
        ({"covariances": [1.0, 0.0, 1.0], "points": np.zeros(3)}, ValueError, "points must be of shape"),
        ({"covariances": [1.0, 0.0, 1.0], "means": np.zeros(2)}, ValueError, "means must be of shape"),
        ({"covariances": [1.0, 0.0, 1.0], "points": [np.nan, 0.0]}, ValueError, "points must be finite"),
    ],
)
def test_gaussians_that_do_not_fit_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        gaussgrad.log_density(**{"points": np.zeros(2), "means": np.zeros((3, 2)), **changes})


def test_covariances_of_many_dimensions_that_are_not_positive_definite_are_refused():
    packed = np.eye(5)[np.triu_indices(5)]
    packed[1] = 2.0
    with pytest.raises(ValueError, match=r"covariances must be positive definite; .*eigenvalue of -1 .*cholesky="):
        gaussgrad.log_density(np.zeros(5), np.zeros((1, 5)), packed[None])


def test_a_mixture_with_another_number_of_logits_than_means_is_refused():
    with pytest.raises(ValueError, match="logits must be of shape"):
        gaussgrad.gaussian_mixture_log_density([0.0], np.zeros(2), np.zeros((3, 1)), log_stddevs=np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uniform": np.full(4, 1.0)}, r"uniform must be in \[0, 1\)"),
        ({"uniform": np.zeros(5)}, "uniform must be of leading axes"),
        ({"noise": np.zeros((4, 3))}, "noise must be of shape"),
        ({"noise": np.full((4, 2), np.nan)}, "noise must be finite"),
        ({"bias": -0.1}, "bias must be a number >= 0"),
        ({"log_stddevs": np.zeros((4, 2, 2))}, "log_stddevs must be of shape"),
    ],
)
def test_random_numbers_that_do_not_fit_are_refused(changes, message):
    arguments = {name: array for name, array in GOOD.items() if name != "points"}
    arguments |= {"uniform": np.zeros(4), "noise": np.zeros((4, 2))}
    with pytest.raises(ValueError, match=message):
        gaussgrad.sample_mixture(**{**arguments, **changes})
