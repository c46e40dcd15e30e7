"""Impulses: gradients, second derivatives and what PyTorch builds on them."""

import numpy as np
import pytest
import torch
from impulse_cases import BACKENDS, FRAMES
from numpy.testing import assert_array_equal
from tolerances import compare_gradients

from gaussgrad import render_impulses
from gaussgrad.ops.impulse import cpu


def scene(d, n=6, channels=2, batch=()):
    """Points in and around the frame, at least 0.1 away from pixel centres, as tensors that want gradients."""
    size, lengths = FRAMES[d]
    whole = torch.randint(-2, max(size) + 1, (*batch, n, d)).double()
    means = whole + 0.1 + 0.8 * torch.rand(*batch, n, d, dtype=torch.float64)
    kernel = torch.randn(lengths, dtype=torch.float64)
    weights = torch.randn(*batch, n, channels, dtype=torch.float64)
    return tuple(array.requires_grad_() for array in (means, kernel, weights)), size


def detached(arrays):
    return [array.detach().clone().requires_grad_() for array in arrays]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradients_agree_with_central_differences_between_pixel_centres(backend, d):
    arrays, size = scene(d)
    torch.autograd.gradcheck(lambda *a: render_impulses(*a, size=size, backend=backend), arrays, eps=1e-6, atol=1e-8)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_second_derivatives_agree_with_central_differences_between_pixel_centres(d):
    arrays, size = scene(d, n=3)
    torch.autograd.gradgradcheck(lambda *a: render_impulses(*a, size=size), arrays, eps=1e-6, atol=1e-7)


def one_sided_mean(function, means, step=2.0**-20):
    """The mean of the one-sided derivatives of a piecewise linear function, one coordinate at a time."""
    gradient = np.zeros_like(means)
    for index in np.ndindex(means.shape):
        ends = []
        for sign in (-1, 1):
            moved = means.copy()
            moved[index] += sign * step
            ends.append(function(moved))
        gradient[index] = (ends[1] - ends[0]) / (2 * step)
    return gradient


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_on_pixel_centres_the_gradient_is_the_mean_of_the_one_sided_ones(rng, backend, d):
    size, lengths = FRAMES[d]
    means = rng.integers(-2, max(size) + 2, (30, d)).astype(float)
    means[20:, 0] += rng.uniform(0.1, 0.9, 10)  # on centres along some axes only
    kernel, target = rng.normal(size=lengths), rng.normal(size=size)
    expected = one_sided_mean(lambda m: float((render_impulses(m, kernel, size=size) * target).sum()), means)
    points = torch.tensor(means, requires_grad=True)
    image = render_impulses(points, torch.tensor(kernel), size=size, backend=backend)
    (image * torch.tensor(target)).sum().backward()
    compare_gradients(points.grad, expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("means", "taps"),
    [
        ([3.0, 7.0], [[-0.14, -0.22, 0.0, 0.22, 0.14], [-0.14, -0.22, 0.0, 0.22, 0.14]]),  # (V(m+1) - V(m-1)) / 2
        ([3.2, 6.9], [[-0.28, -0.16, 0.16, 0.28, 0.0], [-0.28, -0.16, 0.16, 0.28, 0.0]]),  # V(whole+1) - V(whole)
    ],
)
def test_the_gradients_of_the_known_signal_are_right(backend, means, taps):
    points = torch.tensor(means, dtype=torch.float64)
    kernel = torch.tensor([0.28, 0.44, 0.28], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda m: render_impulses(m, kernel, size=12, backend=backend), points
    )
    expected = np.zeros((12, 2))
    for point, (mean, column) in enumerate(zip(means, taps, strict=True)):
        first = int(mean) - (2 if mean == int(mean) else 1)
        expected[first : first + 5, point] = column
    np.testing.assert_allclose(jacobian, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kernels_agree_with_the_reference_in_a_batch(d, dtype):
    (means, kernel, weights), size = scene(d, n=150, channels=3, batch=(2,))
    means = torch.where(torch.rand_like(means) < 0.5, means.round(), means)
    arrays = [array.detach().to(dtype) for array in (means, kernel, weights)]
    pull = torch.randn(2, 3, *size, dtype=dtype)
    gradients = []
    for backend in (None, "reference"):
        leaves = detached(arrays)
        image = render_impulses(*leaves, size=size, backend=backend)
        gradients.append(torch.autograd.grad(image, leaves, pull))
    for actual, expected in zip(*gradients, strict=True):
        compare_gradients(actual, expected)


def test_the_kernel_gradient_sums_over_the_batch():
    arrays, size = scene(2, batch=(3,))
    render_impulses(*arrays, size=size).square().sum().backward()
    each = []
    for b in range(3):
        means, kernel, weights = detached(arrays)
        render_impulses(means[b], kernel, weights[b], size=size).square().sum().backward()
        each.append(kernel.grad)
    compare_gradients(arrays[1].grad, torch.stack(each).sum(0))


def test_every_gradient_is_written_whatever_the_number_of_threads(rng, monkeypatch):
    size, lengths = FRAMES[2]
    means, kernel, weights = (
        rng.uniform(-9, 15, (3, 401, 2)),
        rng.normal(size=(3, *lengths)),
        rng.normal(size=(3, 401, 2)),
    )
    means[:, ::3] = means[:, ::3].round()
    arrays = rng.normal(size=(3, 2, 63)), (), means, kernel, weights
    whole = cpu.backward(*arrays, size=size, threads=1)
    monkeypatch.setattr(cpu.np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype))
    monkeypatch.setattr(cpu.np, "empty_like", lambda like: np.full(like.shape, np.nan, like.dtype))
    monkeypatch.setattr(cpu.parallel, "SMALL_JOB_SECONDS", 0.0)
    for threads in (2, 3, 1000):
        pieces = cpu.backward(*arrays, size=size, threads=threads)
        assert [piece.tobytes() for piece in pieces] == [piece.tobytes() for piece in whole]


def test_far_points_get_no_gradient_and_no_crash():
    means = torch.tensor([-1e30, 1e30, 5.0], requires_grad=True)
    weights = torch.ones(3, requires_grad=True)
    render_impulses(means, [1.0, 2.0, 4.0], weights, size=10).square().sum().backward()
    assert_array_equal(means.grad[:2], [0, 0])
    assert_array_equal(weights.grad[:2], [0, 0])


@pytest.mark.parametrize(("mean", "gradient"), [(-2.0, 2.0), (-1.0, 3.0), (6.0, -0.5), (7.0, 0.0), (-3.0, 0.0)])
def test_a_point_just_outside_feels_the_border_as_its_one_sided_mean(mean, gradient):
    point = torch.tensor([mean], dtype=torch.float64, requires_grad=True)
    render_impulses(point, [1.0, 2.0, 4.0], size=5).sum().backward()
    assert_array_equal(point.grad, [gradient])


def test_empty_sets_have_empty_gradients():
    for shape in ((2, 0, 2), (0, 3, 2)):
        means = torch.zeros(shape, requires_grad=True)
        kernel = torch.ones(2, 3, requires_grad=True)
        render_impulses(means, kernel, size=(4, 5)).sum().backward()
        assert means.grad.shape == shape
        assert_array_equal(kernel.grad, np.zeros((2, 3)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_dtype_in_image_and_gradients(dtype):
    arrays, size = scene(2)
    halves = [array.detach().to(dtype).requires_grad_() for array in arrays]
    image = render_impulses(*halves, size=size)
    image.sum().backward()
    assert {image.dtype, *(half.grad.dtype for half in halves)} == {dtype}


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch's own tracer
def test_a_compiled_loss_has_the_same_value_and_gradients():
    arrays, size = scene(2)

    def loss(*values):
        return render_impulses(*values, size=size).square().sum()

    compiled = detached(arrays)
    value = torch.compile(loss, fullgraph=True, backend="aot_eager")(*compiled)
    value.backward()
    loss(*arrays).backward()
    for array, other in zip(arrays, compiled, strict=True):
        compare_gradients(other.grad, array.grad)


def test_vmap_over_points_weights_and_kernels_is_a_loop():
    arrays, size = scene(2, batch=(4,))
    means, kernel, weights = (array.detach() for array in arrays)
    kernels = torch.stack([kernel * (i + 1) for i in range(4)])
    drawn = torch.func.vmap(lambda m, k, w: render_impulses(m, k, w, size=size))(means, kernels, weights)
    loop = torch.stack([render_impulses(means[i], kernels[i], weights[i], size=size) for i in range(4)])
    compare_gradients(drawn, loop)


def test_gradients_of_each_sample_come_from_vmap_of_grad():
    arrays, size = scene(1, batch=(3,))
    means, kernel, weights = (array.detach() for array in arrays)

    def loss(m, k, w):
        return render_impulses(m, k, w, size=size).square().sum()

    each = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1, 2)), in_dims=(0, None, 0))(means, kernel, weights)
    for i in range(3):
        alone = torch.func.grad(loss, argnums=(0, 1, 2))(means[i], kernel, weights[i])
        for stacked, single in zip(each, alone, strict=True):
            compare_gradients(stacked[i], single)


def test_the_jacobian_of_torch_func_is_that_of_the_reference():
    arrays, size = scene(1, n=3, channels=1)
    means, kernel, weights = (array.detach() for array in arrays)
    jacobians = [
        torch.func.jacrev(lambda m, backend=backend: render_impulses(m, kernel, weights, size=size, backend=backend))(
            means
        )
        for backend in BACKENDS
    ]
    compare_gradients(*jacobians)


def test_the_custom_ops_pass_the_checks_of_torch():
    arrays, size = scene(2, batch=(2,))
    means, kernel, weights = (array.detach() for array in arrays)
    kernels = kernel.expand(2, *kernel.shape).contiguous()
    torch.library.opcheck(torch.ops.gaussgrad.render_impulses.default, (means, kernels, weights, list(size), 1))
    grad = torch.randn(2, 2, 63, dtype=torch.float64)
    backward = torch.ops.gaussgrad.render_impulses_backward.default
    torch.library.opcheck(backward, (grad, [], means, kernels, weights, list(size), 1))
