"""Every parametrisation agrees with plain matrix formulas, and every inverse leads back."""

import mpmath
import numpy as np
import pytest
import torch
from covariance_cases import (
    CASE_IDS,
    CASES,
    CORRELATIONS,
    LOWER,
    correlated_matrices,
    example_covariances,
    pack,
    unpack,
)
from tolerances import VALUES, compare_values

from gaussgrad import covariance

every_case = pytest.mark.parametrize(("case", "d"), CASES, ids=CASE_IDS)
every_dimension = pytest.mark.parametrize("d", [1, 2, 3])
every_correlation = pytest.mark.parametrize("correlation", CORRELATIONS)


@every_dimension
def test_isotropic_is_a_multiple_of_the_identity(d):
    variance = np.array([[1.0, 4.0, 0.25]])
    compare_values(covariance.isotropic(variance, d), pack(variance[..., None, None] * np.eye(d)))
    compare_values(covariance.to_isotropic(covariance.isotropic(variance, d)), variance)


@every_dimension
def test_diagonal_holds_the_variances(d, rng):
    variances = rng.uniform(0.5, 4, size=(2, 5, d))
    expected = pack(variances[..., None] * np.eye(d))
    compare_values(covariance.diagonal(variances), expected)
    compare_values(covariance.from_log_variance(np.log(variances)), expected)


@every_dimension
@every_correlation
def test_matrices_pack_to_their_upper_triangle(d, correlation):
    matrices = correlated_matrices(d, correlation)
    compare_values(covariance.from_matrix(matrices), pack(matrices))
    compare_values(covariance.to_matrix(pack(matrices)), matrices)


@every_dimension
@every_correlation
def test_cholesky_is_the_lower_factor_packed_by_rows(d, correlation):
    matrices = correlated_matrices(d, correlation)
    expected = np.linalg.cholesky(matrices)[:, LOWER[d][0], LOWER[d][1]]
    compare_values(covariance.to_cholesky(pack(matrices)), expected)
    compare_values(covariance.from_cholesky(expected), pack(matrices))


@every_dimension
def test_log_cholesky_holds_the_logarithms_of_the_diagonal(d):
    matrices = correlated_matrices(d, 0.7)
    factors = np.linalg.cholesky(matrices)
    factors[:, range(d), range(d)] = np.log(factors[:, range(d), range(d)])
    expected = factors[:, LOWER[d][0], LOWER[d][1]]
    compare_values(covariance.to_cholesky(pack(matrices), log_diagonal=True), expected)
    compare_values(covariance.from_cholesky(expected, log_diagonal=True), pack(matrices))


@every_dimension
@every_correlation
def test_precision_is_the_inverse_matrix(d, correlation):
    matrices = correlated_matrices(d, correlation)
    compare_values(covariance.to_precision(pack(matrices)), pack(np.linalg.inv(matrices)))
    compare_values(covariance.from_precision(pack(np.linalg.inv(matrices))), pack(matrices))


@every_correlation
def test_correlation_scales_the_stddevs(correlation):
    matrices = correlated_matrices(2, correlation)
    stddevs = np.sqrt(np.diagonal(matrices, axis1=-2, axis2=-1))
    compare_values(covariance.from_correlation(stddevs, correlation), pack(matrices))
    given_stddevs, given_correlation = covariance.to_correlation(pack(matrices))
    compare_values(given_stddevs, stddevs)
    compare_values(given_correlation, np.full(4, correlation), scale=1.0)


def test_angles_turn_from_x_towards_y(rng):
    stddevs, angles = rng.uniform(0.5, 4, size=(20, 2)), rng.uniform(-4, 4, size=20)
    c, s = np.cos(angles), np.sin(angles)
    turn = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
    expected = turn @ (stddevs[..., None] ** 2 * np.eye(2)) @ turn.swapaxes(-1, -2)
    compare_values(covariance.from_scale_rotation(stddevs, angles), pack(expected))


def test_quaternions_turn_as_scipy_turns(rng):
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    stddevs, quaternions = rng.uniform(0.5, 4, size=(20, 3)), 3 * rng.normal(size=(20, 4))
    turn = rotation.from_quat(quaternions[:, [1, 2, 3, 0]]).as_matrix()
    expected = turn @ (stddevs[..., None] ** 2 * np.eye(3)) @ turn.swapaxes(-1, -2)
    compare_values(covariance.from_scale_rotation(stddevs, quaternions), pack(expected))


def test_a_quarter_turn_of_x_about_z_lies_along_y():
    compare_values(covariance.from_scale_rotation([3.0, 1.0], np.pi / 2), np.array([1.0, 0.0, 9.0]))
    quaternion = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
    expected = np.array([1.0, 0, 0, 9.0, 0, 4.0])
    compare_values(covariance.from_scale_rotation([3.0, 1.0, 2.0], quaternion), expected)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 3.0])
def test_principal_stddevs_come_in_descending_order_and_match_eigh(d, spread, rng):
    stddevs = np.exp(spread * rng.uniform(-1, 1, size=(500, d)))
    rotation = rng.uniform(-4, 4, size=500) if d == 2 else rng.normal(size=(500, 4))
    packed = covariance.from_scale_rotation(stddevs, rotation)
    given, turn = covariance.to_scale_rotation(packed)
    np.testing.assert_allclose(given, -np.sort(-stddevs, axis=-1), rtol=1e-9)
    np.testing.assert_array_less(np.diff(given), 1e-12)
    np.testing.assert_allclose(covariance.from_scale_rotation(given, turn), packed, rtol=0, atol=1e-12 * packed.max())
    if d == 3:
        np.testing.assert_allclose(np.sum(turn**2, axis=-1), 1.0, rtol=1e-13)
        np.testing.assert_array_less(-1e-300, turn[:, 0])
    else:
        np.testing.assert_array_less(np.abs(turn), np.pi / 2 + 1e-15)


@pytest.mark.parametrize("d", [2, 3])
def test_isotropic_covariances_have_no_rotation(d):
    stddevs, rotation = covariance.to_scale_rotation(covariance.isotropic([4.0], d))
    compare_values(stddevs, np.full((1, d), 2.0))
    compare_values(rotation, np.zeros(1) if d == 2 else np.eye(4)[:1], scale=1.0)


@every_case
@every_correlation
def test_splitting_and_making_leads_back(case, d, correlation):
    packed = example_covariances(case, d, correlation)
    compare_values(case.make(*case.split(packed)), packed)


@every_case
@every_correlation
def test_the_round_trip_in_float32_loses_no_more_than_the_correlation_costs(case, d, correlation):
    packed = example_covariances(case, d, correlation).astype(np.float32)
    back = case.make(*case.split(packed))
    assert back.dtype == np.float32
    loss = 1 if case.name != "precision" else 1 / (1 - correlation**2)  # its condition number enters
    compare_values(back, packed, scale=float(loss * packed.max()))
    if case.correlated and d == 2:
        determinant = np.linalg.det(unpack(back)) / np.linalg.det(unpack(packed))
        np.testing.assert_allclose(determinant, 1, atol=8 * 2**-23 / (1 - correlation**2))


def test_the_smaller_stddev_survives_beside_a_large_one():
    stddevs, _ = covariance.to_scale_rotation(np.array([1e16, 0.0, 1.0]))
    np.testing.assert_allclose(stddevs, [1e8, 1.0], rtol=1e-15)
    stddevs, _ = covariance.to_scale_rotation(np.array([1e16, 0.0, 0.0, 5.0, 4.0, 5.0]))
    np.testing.assert_allclose(stddevs, [1e8, 3.0, 1.0], rtol=1e-14)


@every_dimension
def test_blur_adds_the_variance_to_the_diagonal(d, rng):
    matrices = correlated_matrices(d, 0.8)
    stddev = rng.uniform(0, 3, size=(5, 1))
    expected = matrices + stddev[..., None, None] ** 2 * np.eye(d)
    compare_values(covariance.blur(pack(matrices), stddev), pack(expected))
    compare_values(covariance.blur(pack(matrices), 0.0), pack(matrices))


@every_dimension
@every_correlation
def test_blurred_factors_are_the_factors_of_the_blurred_covariances(d, correlation, rng):
    matrices = correlated_matrices(d, correlation)
    factors, stddev = np.linalg.cholesky(matrices), rng.uniform(0, 3, size=(5, 1))
    expected = np.linalg.cholesky(matrices + stddev[..., None, None] ** 2 * np.eye(d))
    place = (..., *LOWER[d])
    compare_values(covariance.blur(cholesky=factors[place], stddev=stddev), expected[place])
    compare_values(covariance.blur(cholesky=factors[place], stddev=0.0), factors[place])


def blurred_in_sixty_digits(cholesky, stddev, d):
    """The rows of the factor of L L^T + stddev^2 I."""
    with mpmath.workdps(60):
        lower = mpmath.zeros(d, d)
        for value, i, j in zip(cholesky, *LOWER[d], strict=True):
            lower[int(i), int(j)] = float(value)
        factor = mpmath.cholesky(lower * lower.T + mpmath.mpf(float(stddev)) ** 2 * mpmath.eye(d))
        return np.array(factor.tolist(), dtype=float)


@every_dimension
def test_rows_of_blurred_factors_of_any_shape_are_exact_to_some_roundings_of_their_length(d, rng):
    factors = rng.normal(size=(200, d * (d + 1) // 2)) * 10 ** rng.uniform(-3, 3, size=(200, d * (d + 1) // 2))
    places = [k for k, (i, j) in enumerate(zip(*LOWER[d], strict=True)) if i == j]
    factors[:, places] = np.abs(factors[:, places])
    factors, stddevs = factors.astype(np.float32), (10 ** rng.uniform(-3, 1, size=200)).astype(np.float32)
    for given, factor, stddev in zip(covariance.blur(cholesky=factors, stddev=stddevs), factors, stddevs, strict=True):
        exact = blurred_in_sixty_digits(factor, stddev, d)
        rows = np.zeros((d, d))
        rows[LOWER[d]] = given
        assert (np.abs(rows - exact).max(-1) <= 4 * 2**-23 * np.linalg.norm(exact, axis=-1)).all()


def test_a_blurred_factor_keeps_a_width_that_packed_covariances_lose():
    factor, stddev = np.array([1e3, 2e3, 1e-3], dtype=np.float32), np.float32(1e-2)
    given = covariance.blur(cholesky=factor, stddev=stddev)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given[2], blurred_in_sixty_digits(factor, stddev, 2)[1, 1], rtol=3e-7)
    with pytest.raises(ValueError, match="positive definite"):
        covariance.blur(covariance.from_cholesky(factor.astype(np.float64)).astype(np.float32), stddev)


@every_case
def test_torch_gives_what_numpy_gives(case, d):
    packed = example_covariances(case, d, 0.9)
    from_torch = case.split(torch.from_numpy(packed))
    for parameter, expected in zip(from_torch, case.split(packed), strict=True):
        compare_values(parameter, expected)
    compare_values(case.make(*from_torch), packed)


@every_case
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_half_precision_is_computed_in_float32_and_returned_in_its_dtype(case, d, dtype):
    parameters = [torch.from_numpy(parameter).to(dtype) for parameter in case.split(example_covariances(case, d, -0.5))]
    given = case.make(*parameters)
    assert given.dtype == dtype
    expected = case.make(*(parameter.float() for parameter in parameters))
    torch.testing.assert_close(given, expected.to(dtype), rtol=0, atol=0)
    for parameter, exact in zip(case.split(given), case.split(given.float()), strict=True):
        assert parameter.dtype == dtype
        compare_values(parameter, exact, scale=max(1.0, float(exact.abs().max())))


@every_case
def test_lists_are_accepted(case, d):
    packed = example_covariances(case, d, 0.5)[0]
    parameters = case.split(packed.tolist())
    arguments = parameters if case.name == "matrix" else [np.asarray(parameter).tolist() for parameter in parameters]
    compare_values(case.make(*arguments), packed)


@every_case
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_empty_sets_give_empty_sets(case, d, library):
    packed = np.zeros((3, 0, d * (d + 1) // 2))
    packed = packed if library == "numpy" else torch.from_numpy(packed)
    parameters = case.split(packed)
    assert all(tuple(parameter.shape[:2]) == (3, 0) for parameter in parameters)
    assert case.make(*parameters).shape == packed.shape


@every_case
def test_leading_axes_pass_through_and_strides_do_not_matter(case, d):
    packed = example_covariances(case, d, 0.9)
    strided = np.ones((2, 2, 2 * packed.shape[-1]))[..., ::2]
    strided[...] = packed.reshape(2, 2, -1)
    before = strided.copy()
    strided.flags.writeable = False
    for parameter, expected in zip(case.split(strided), case.split(packed), strict=True):
        compare_values(parameter, expected.reshape(2, 2, *expected.shape[1:]))
    np.testing.assert_array_equal(strided, before)


def test_leading_axes_of_two_arguments_broadcast():
    given = covariance.from_correlation(np.ones((3, 1, 2)), np.zeros((1, 4)))
    assert given.shape == (3, 4, 3)
    assert covariance.from_scale_rotation(np.ones((3, 1, 3)), np.ones((4, 4))).shape == (3, 4, 6)
    assert covariance.from_scale_rotation(np.ones(2), np.zeros((5,))).shape == (5, 3)


def test_nearly_diagonal_passes_for_diagonal_by_half_the_digits():
    compare_values(covariance.to_diagonal(np.array([1.0, 1e-9, 4.0])), np.array([1.0, 4.0]))
    compare_values(covariance.to_diagonal(np.array([1, 1e-4, 4], dtype=np.float32)), np.array([1.0, 4.0]))


def test_a_scalar_stays_a_scalar():
    assert covariance.to_isotropic(covariance.isotropic(4.0, 3)).shape == ()
    assert covariance.to_correlation([4.0, 3.0, 9.0])[1].shape == ()
    assert abs(float(covariance.to_scale_rotation([4.0, 0.0, 9.0])[1]) - np.pi / 2) < VALUES["float64"]
