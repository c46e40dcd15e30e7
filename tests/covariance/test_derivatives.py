"""Every parametrisation has exact derivatives, alone and in front of the renderer, however torch runs it."""

import numpy as np
import pytest
import torch
from covariance_cases import CASE_IDS, CASES, CORRELATIONS, correlated_matrices, example_covariances, pack
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad import covariance

every_case = pytest.mark.parametrize(("case", "d"), CASES, ids=CASE_IDS)
correlated_case = pytest.mark.parametrize(
    ("case", "d"),
    [pair for pair in CASES if pair[0].correlated],
    ids=[name for name, pair in zip(CASE_IDS, CASES, strict=True) if pair[0].correlated],
)
CORRELATED_CASES = [
    pytest.param(case, d, correlation, id=f"{name}-{correlation}")
    for name, (case, d) in zip(CASE_IDS, CASES, strict=True)
    for correlation in (CORRELATIONS if case.correlated and d > 1 else (0.0,))
]
SIZES = {1: (12,), 2: (9, 11), 3: (5, 6, 7)}


def parameters_of(case, d, correlation=0.9):
    packed = example_covariances(case, d, correlation)[:2]
    return [torch.from_numpy(np.array(parameter)).requires_grad_() for parameter in case.split(packed)]


def packed_tensor(d, correlation=0.9):
    return torch.from_numpy(pack(correlated_matrices(d, correlation))[:2]).requires_grad_()


@every_case
def test_making_has_first_and_second_derivatives(case, d):
    parameters = parameters_of(case, d)
    assert torch.autograd.gradcheck(case.make, parameters)
    assert torch.autograd.gradgradcheck(case.make, parameters)


@correlated_case
def test_splitting_has_first_and_second_derivatives_by_packed_entries(case, d):
    packed = packed_tensor(d)  # one packed entry moves at a time: an off-diagonal is one parameter
    assert torch.autograd.gradcheck(case.split, packed)
    assert torch.autograd.gradgradcheck(case.split, packed)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("inverse", [covariance.to_diagonal, covariance.to_log_variance, covariance.to_isotropic])
def test_splitting_diagonal_covariances_has_derivatives(inverse, d):
    variance = torch.tensor([2.0, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: inverse(covariance.isotropic(value, d)), variance)
    assert torch.autograd.gradgradcheck(lambda value: inverse(covariance.isotropic(value, d)), variance)


def test_the_isotropic_variance_is_the_mean_of_the_diagonal():
    packed = covariance.isotropic(torch.tensor(4.0), 3).requires_grad_()
    covariance.to_isotropic(packed).backward()
    torch.testing.assert_close(packed.grad, torch.tensor([1.0, 0, 0, 1.0, 0, 1.0]) / 3)


def test_each_place_of_an_off_diagonal_gets_half_of_its_gradient():
    matrix = torch.tensor([[4.0, 1.0], [1.0, 9.0]], requires_grad=True)
    covariance.from_matrix(matrix)[1].backward()
    torch.testing.assert_close(matrix.grad, torch.tensor([[0.0, 0.5], [0.5, 0.0]]))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_blur_has_derivatives_to_covariances_and_stddev(d):
    stddev = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(covariance.blur, (packed_tensor(d), stddev))
    assert torch.autograd.gradgradcheck(covariance.blur, (packed_tensor(d), stddev))


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_blur_of_factors_has_derivatives_to_factors_and_stddev(d, correlation):
    factors = covariance.to_cholesky(packed_tensor(d, correlation)).detach().requires_grad_()
    as_wide = factors[1, 0].item()
    stddev = torch.tensor([0.5, as_wide], dtype=torch.float64, requires_grad=True)

    def blur(cholesky, stddev):
        return covariance.blur(cholesky=cholesky, stddev=stddev)

    assert torch.autograd.gradcheck(blur, (factors, stddev))
    assert torch.autograd.gradgradcheck(blur, (factors, stddev))


@pytest.mark.parametrize("stddev", [0.0, 1.0, 2.0])
def test_blur_of_factors_has_second_derivatives_in_jax_too(stddev):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):  # of sqrt(4 + s^2): 4 / (4 + s^2)^(3/2), also where the blur is as wide as the Gaussian
        second = jax.grad(jax.grad(lambda s: covariance.blur(cholesky=jax.numpy.array([2.0]), stddev=s)[0]))
        compare_gradients(np.asarray(second(jax.numpy.array(stddev))), np.array(4 / (4 + stddev**2) ** 1.5))


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("stddev", [0.0, 1.5])
def test_blur_of_factors_has_the_gradient_of_blur_of_covariances(d, stddev):
    factors = covariance.to_cholesky(packed_tensor(d)).detach().requires_grad_()
    width = torch.tensor(stddev, dtype=torch.float64, requires_grad=True)
    by_factors = covariance.from_cholesky(covariance.blur(cholesky=factors, stddev=width))
    by_covariances = covariance.blur(covariance.from_cholesky(factors), width)
    gradients = (
        torch.autograd.grad(blurred.square().sum(), (factors, width)) for blurred in (by_factors, by_covariances)
    )
    for given, wanted in zip(*gradients, strict=True):
        compare_gradients(given, wanted)


def test_third_derivatives_of_the_3d_decomposition_agree_with_differences():
    direction = torch.tensor([0.3, -0.2, 0.1, 0.2, 0.4, -0.1], dtype=torch.float64)
    start = packed_tensor(3, 0.5)[0].detach()

    def along(step):
        stddevs, quaternion = covariance.to_scale_rotation(start + step * direction)
        return stddevs[1] + quaternion @ torch.arange(4, dtype=torch.float64)

    second = torch.func.grad(torch.func.grad(along))
    at, h = torch.tensor(0.1, dtype=torch.float64), 1e-3
    differences = (8 * (second(at + h) - second(at - h)) - (second(at + 2 * h) - second(at - 2 * h))) / (12 * h)
    compare_gradients(torch.func.grad(second)(at), differences)


def difference(function, array, h=1e-5):
    """The gradient of a scalar function of a NumPy array by central differences of fourth order."""
    gradient = np.empty_like(array)
    for place in np.ndindex(array.shape):

        def moved(steps, place=place):
            there = array.copy()
            there[place] += steps * h
            return function(there)

        gradient[place] = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * h)
    return gradient


@pytest.mark.parametrize(("case", "d", "correlation"), CORRELATED_CASES)
@pytest.mark.parametrize("tolerance", [0.0, 1e-4])
def test_the_gradient_through_the_renderer_agrees_with_differences(case, d, correlation, tolerance, rng):
    size = SIZES[d]
    means = np.array(size[::-1]) / 2 + rng.uniform(-1, 1, size=(2, d))
    pull = rng.normal(size=size)
    parameters = [np.array(p) for p in case.split(example_covariances(case, d, correlation)[:2])]

    def loss(*values):
        image = gaussgrad.render(means, case.make(*values), size=size, tolerance=tolerance)
        return float((image * pull).sum())

    leaves = [torch.from_numpy(p.copy()).requires_grad_() for p in parameters]
    image = gaussgrad.render(torch.from_numpy(means), case.make(*leaves), size=size, tolerance=tolerance)
    (image * torch.from_numpy(pull)).sum().backward()
    for k, leaf in enumerate(leaves):
        expected = difference(lambda p, k=k: loss(*parameters[:k], p, *parameters[k + 1 :]), parameters[k])
        compare_gradients(leaf.grad, expected)


def coinciding(d):
    """Isotropic, and in 3-D also two equal stddevs in a turned plane."""
    covariances = [covariance.isotropic(4.0, d)]
    if d == 3:
        covariances.append(covariance.from_scale_rotation([3.0, 3.0, 1.0], [0.9, 0.2, -0.3, 0.1]))
        covariances.append(covariance.from_scale_rotation([3.0, 1.0, 1.0], [0.5, 0.2, -0.3, 0.7]))
    return np.stack(covariances)


@pytest.mark.parametrize("d", [2, 3])
def test_where_stddevs_coincide_their_symmetric_functions_keep_the_exact_gradient(d):
    values = coinciding(d)
    packed = torch.from_numpy(values).requires_grad_()
    covariance.to_scale_rotation(packed)[0].sum().backward()
    roots = np.linalg.eigh(np.array(covariance.to_matrix(values)))
    inverse_root = (roots.eigenvectors / np.sqrt(roots.eigenvalues)[:, None, :]) @ roots.eigenvectors.swapaxes(-1, -2)
    by_matrix = inverse_root / 2  # of the trace of the square root
    expected = pack(by_matrix * (2 - np.eye(d)))
    compare_gradients(packed.grad, expected)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_where_stddevs_coincide_the_round_trip_has_no_nan_in_any_derivative(d, dtype):
    packed = torch.from_numpy(coinciding(d)).to(dtype).requires_grad_()
    stddevs, rotation = covariance.to_scale_rotation(packed)
    back = covariance.from_scale_rotation(stddevs, rotation)
    (gradient,) = torch.autograd.grad((back * torch.arange(1, back.shape[-1] + 1)).sum(), packed, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), packed)
    assert bool(torch.isfinite(gradient).all())
    assert bool(torch.isfinite(second).all())


@pytest.mark.parametrize("d", [2, 3])
def test_from_isotropic_the_round_trip_loses_only_the_gradient_of_off_diagonals(d):
    packed = covariance.isotropic(torch.tensor(4.0, dtype=torch.float64), d)
    jacobian = torch.func.jacrev(lambda c: covariance.from_scale_rotation(*covariance.to_scale_rotation(c)))(packed)
    on_diagonal = {2: [1.0, 0, 1.0], 3: [1.0, 0, 0, 1.0, 0, 1.0]}[d]
    compare_gradients(jacobian, torch.diag(torch.tensor(on_diagonal, dtype=torch.float64)))


@every_case
def test_the_whole_graph_compiles(case, d):
    def round_trip(packed):
        return case.make(*case.split(packed)).square().sum()

    torch.compiler.reset()  # one code object serves all cases here, and torch stops after eight recompilations
    packed = torch.from_numpy(example_covariances(case, d, 0.5)).requires_grad_()
    compiled = torch.compile(round_trip, fullgraph=True, backend="eager")  # others take half a minute for the 3-D one
    (expected,) = torch.autograd.grad(round_trip(packed), packed)
    (given,) = torch.autograd.grad(compiled(packed), packed)
    compare_gradients(given, expected)


def test_blur_with_a_plain_number_compiles():
    packed = packed_tensor(2)
    compiled = torch.compile(lambda c: covariance.blur(c, 2.0), fullgraph=True, backend="aot_eager")
    compare_values(compiled(packed), covariance.blur(packed, 2.0))


@every_case
def test_vmap_grad_and_jacrev_agree_with_autograd(case, d):
    def square(packed):
        return case.make(*case.split(packed)).square().sum()

    packed = torch.from_numpy(example_covariances(case, d, 0.5))
    leaf = packed.clone().requires_grad_()
    (expected,) = torch.autograd.grad(square(leaf), leaf)
    compare_gradients(torch.func.grad(square)(packed), expected)
    compare_gradients(torch.func.jacrev(square)(packed), expected)
    compare_gradients(torch.func.vmap(torch.func.grad(square))(packed), expected)
    compare_values(torch.func.vmap(square)(packed).sum(), square(packed))
