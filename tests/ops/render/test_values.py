"""Images against an evaluation of its own: one Gaussian and one pixel at a time, by matrices, in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from cases import SIZES, render_inputs
from scipy import stats
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad import parallel
from gaussgrad.ops.render.cpu.forward import rows_collide


def matrix(packed: np.ndarray) -> np.ndarray:
    d = {1: 1, 3: 2, 6: 3}[packed.size]
    result = np.zeros((d, d))
    result[np.triu_indices(d)] = packed
    return result + np.triu(result, 1).T


def independent(means, covariances, weights, *, size, amplitude, compose, tolerance) -> np.ndarray:
    """The image (c, *size) of (n, d), (n, e), (n, c), by the definition."""
    image = np.full((weights.shape[1], *size), 1.0 if compose == "union" else 0.0)
    for index in itertools.product(*map(range, size)):
        point = np.array(index[::-1], dtype=np.float64)
        for mean, covariance, weight in zip(means, covariances, weights, strict=True):
            sigma, offset = matrix(covariance.astype(np.float64)), point - mean.astype(np.float64)
            value = max(math.exp(-0.5 * offset @ np.linalg.solve(sigma, offset)) - tolerance, 0.0)
            if amplitude == "density":
                value /= math.sqrt(np.linalg.det(2 * math.pi * sigma))
            here = (slice(None), *index)
            if compose == "sum":
                image[here] += weight * value
            elif compose == "max":
                image[here] = np.maximum(image[here], weight * value)
            else:
                image[here] *= 1 - weight * value
    return 1 - image if compose == "union" else image


def correlated_inputs(d: int, smallest_eigenvalue: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaussians whose correlation matrices have the given smallest eigenvalue (or stay above it, in 3-D)."""
    rng = np.random.default_rng(seed)
    means, covariances, weights = (array[0] for array in render_inputs(d, b=1, seed=seed))
    if d == 1:
        return means, covariances, weights
    for row in covariances:
        rho = rng.choice((-1, 1)) * (1 - smallest_eigenvalue)
        correlation = np.eye(d)
        correlation[0, -1] = correlation[-1, 0] = rho
        deviations = rng.uniform(0.6, 3.0, d)
        row[:] = (correlation * np.outer(deviations, deviations))[np.triu_indices(d)]
    return means, covariances, weights


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("amplitude", ["density", "peak"])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_image_is_the_definition(d: int, compose: str, amplitude: str, dtype: str):
    arrays = [array.astype(dtype) for array in correlated_inputs(d, 0.1, seed=d)]
    options = {"size": SIZES[d], "amplitude": amplitude, "compose": compose, "tolerance": 0.0}
    expected = independent(*arrays, **options)
    scale = 1.0 if compose == "union" else None
    for backend in (None, "reference"):
        compare_values(gaussgrad.render(*arrays, **options, backend=backend), expected, scale=scale, dtype=dtype)


@pytest.mark.parametrize("tolerance", [1e-4, 0.0111, 0.5])
def test_truncated_image_is_the_definition(tolerance: float):
    arrays = correlated_inputs(2, 0.3, seed=5)
    options = {"size": (13, 17), "amplitude": "peak", "compose": "sum", "tolerance": tolerance}
    compare_values(gaussgrad.render(*arrays, **options), independent(*arrays, **options))


def test_density_is_that_of_scipy():
    mean, packed = np.array([[8.3, 5.1]]), np.array([4.0, 1.5, 2.0])
    y, x = np.mgrid[:13, :17]
    expected = stats.multivariate_normal(mean[0], matrix(packed)).pdf(np.stack([x, y], -1))
    compare_values(gaussgrad.render(mean, packed, size=(13, 17), tolerance=0), expected)


def test_density_inside_the_frame_sums_to_the_weight():
    image = gaussgrad.render([[20.0, 20.0]], [4.0, 1.0, 3.0], [2.5], size=(41, 41), tolerance=0)
    assert image.sum() == pytest.approx(2.5, abs=1e-9)


def test_off_frame_gaussian_contributes_what_falls_inside():
    whole = gaussgrad.render([[3.0, 8.0]], [4.0, 0.0, 4.0], size=(16, 16))
    shifted = gaussgrad.render([[-2.0, 8.0]], [4.0, 0.0, 4.0], size=(16, 11))
    np.testing.assert_allclose(shifted, whole[:, 5:], atol=1e-15)


def test_max_takes_the_lowest_index_among_equals():
    means = torch.tensor([[4.0, 4.0]] * 3, dtype=torch.float64)
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    for backend in (None, "reference"):
        image = gaussgrad.render(
            means, [2.0, 0.0, 2.0], weights, size=(9, 9), compose="max", amplitude="peak", backend=backend
        )
        (grad,) = torch.autograd.grad(image.sum(), weights)
        assert grad[0] > 1
        assert grad[1:].tolist() == [0.0, 0.0]


def test_max_of_negative_values_is_the_empty_background():
    image = gaussgrad.render([[4.0, 4.0]], [2.0, 0.0, 2.0], [-1.0], size=(9, 9), compose="max")
    assert image.tolist() == np.zeros((9, 9)).tolist()


@pytest.mark.parametrize("twins", [1, 2, 3])
def test_union_is_exact_where_a_value_is_one(twins: int):
    """Weight 1 on a pixel centre: a factor of zero, alone or with others."""
    means = torch.tensor([[4.0, 4.0]] * twins + [[5.0, 4.5]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0] * twins + [0.6], dtype=torch.float64, requires_grad=True)
    results = []
    for backend in (None, "reference"):
        image = gaussgrad.render(
            means,
            [2.0, 0.3, 2.0],
            weights,
            size=(9, 9),
            compose="union",
            amplitude="peak",
            tolerance=0,
            backend=backend,
        )
        assert image[4, 4] == 1
        results.append((image, *torch.autograd.grad(image[4, 4] + image.square().sum(), (means, weights))))
    compare_values(results[0][0], results[1][0], scale=1.0)
    for kernel, reference in zip(results[0][1:], results[1][1:], strict=True):
        compare_gradients(kernel, reference)
    step = 1e-6

    def corner(weight: float) -> float:
        return float(
            gaussgrad.render(
                means.detach(), [2.0, 0.3, 2.0], torch.tensor([weight, *weights.tolist()[1:]], dtype=torch.float64),
                size=(9, 9), compose="union", amplitude="peak", tolerance=0,
            )[4, 4]
        )  # fmt: skip

    by_hand = (corner(1 + step) - corner(1 - step)) / (2 * step)
    (grad,) = torch.autograd.grad(
        gaussgrad.render(
            means.detach(), [2.0, 0.3, 2.0], weights, size=(9, 9), compose="union", amplitude="peak", tolerance=0
        )[4, 4],
        weights,
    )
    assert float(grad[0]) == pytest.approx(by_hand, abs=1e-8)


@pytest.mark.parametrize("rho", [-0.999, -0.9, 0.0, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
def test_gradients_hold_towards_singular_covariances(compose: str, rho: float):
    """Against central differences along every input, the off-diagonal entry being one parameter."""
    sx, sy = 2.0, 3.0
    start = [np.array([[8.2, 6.1], [9.3, 5.4]]), np.array([[sx**2, rho * sx * sy, sy**2]] * 2), np.array([0.8, 0.4])]
    upstream = np.random.default_rng(0).normal(size=(13, 17))

    def loss(means, covariances, weights):
        image = gaussgrad.render(
            means, covariances, weights, size=(13, 17), compose=compose, amplitude="peak", tolerance=0
        )
        return (image * (torch.tensor(upstream) if isinstance(image, torch.Tensor) else upstream)).sum()

    leaves = [torch.tensor(array, requires_grad=True) for array in start]
    grads = torch.autograd.grad(loss(*leaves), leaves)
    for position, grad in enumerate(grads):
        step = 1e-5 * (1 - abs(rho)) * (1 if position else 10)
        numeric = np.zeros(start[position].shape)
        for index in np.ndindex(numeric.shape):
            moved = [array.copy() for array in start]
            moved[position][index] += step
            above = loss(*moved)
            moved[position][index] -= 2 * step
            numeric[index] = (above - loss(*moved)) / (2 * step)
        scale = np.abs(numeric).max()
        np.testing.assert_allclose(grad.numpy(), numeric, rtol=0, atol=1e-6 * scale)


def test_half_precision_is_computed_in_float32():
    arrays = correlated_inputs(2, 0.3, seed=3)
    for dtype in (torch.float16, torch.bfloat16):
        half = [torch.tensor(array).to(dtype) for array in arrays]
        image = gaussgrad.render(*half, size=(13, 17))
        assert image.dtype == dtype
        wide = gaussgrad.render(*(array.float() for array in half), size=(13, 17))
        torch.testing.assert_close(image, wide.to(dtype), rtol=0, atol=0)
    half = [array.astype(np.float16) for array in arrays]
    assert gaussgrad.render(*half, size=(13, 17)).dtype == np.float16


@pytest.mark.parametrize("backend", [None, "reference"])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
def test_empty_sets_give_empty_sums(compose: str, backend: str | None):
    image = gaussgrad.render(np.zeros((0, 2)), np.zeros((0, 3)), size=(4, 5), compose=compose, backend=backend)
    assert image.tolist() == np.zeros((4, 5)).tolist()
    batch = gaussgrad.render(np.zeros((0, 3, 2)), [2.0, 0.0, 2.0], size=(4, 5), compose=compose, backend=backend)
    assert batch.shape == (0, 4, 5)
    no_channel = gaussgrad.render(np.zeros((3, 2)), [1.0, 0, 1], np.zeros((3, 0)), size=(4, 5), backend=backend)
    assert no_channel.shape == (0, 4, 5)
    means = torch.zeros((2, 0, 2), requires_grad=True)
    image = gaussgrad.render(means, torch.zeros((2, 0, 3)), size=(4, 5), compose=compose, backend=backend)
    image.sum().backward()
    assert means.grad.shape == (2, 0, 2)


def test_batch_axes_broadcast():
    means, covariances, weights = render_inputs(2, b=6)
    means, weights = means.reshape(2, 3, 5, 2), weights.reshape(2, 3, 5, 2)
    one_by_one = np.stack(
        [
            np.stack([gaussgrad.render(means[i, j], covariances[j], weights[0, j], size=(13, 17)) for j in range(3)])
            for i in range(2)
        ]
    )
    image = gaussgrad.render(means, covariances[:3], weights[:1], size=(13, 17))
    np.testing.assert_array_equal(image, one_by_one)
    shared = gaussgrad.render(means, covariances[0, :1], weights[..., 0], size=(13, 17))
    assert shared.shape == (2, 3, 13, 17)


def test_the_rank_of_weights_decides_never_their_sizes():
    means = np.full((3, 3, 2), 4.0)
    assert gaussgrad.render(means, [1.0, 0.0, 1.0], np.ones((3, 3)), size=(8, 8)).shape == (3, 8, 8)
    assert gaussgrad.render(means[0], [1.0, 0.0, 1.0], np.ones((3, 3)), size=(8, 8)).shape == (3, 8, 8)
    assert gaussgrad.render(means, [1.0, 0.0, 1.0], np.ones((3, 3, 3)), size=(8, 8)).shape == (3, 3, 8, 8)


def test_inputs_that_are_not_contiguous_are_read_right():
    means, covariances, weights = (torch.tensor(array[0]) for array in render_inputs(2, b=1))
    strided = [torch.stack([array, array + 99], dim=-1)[..., 0] for array in (means, covariances, weights)]
    assert not strided[0].is_contiguous()
    expected = gaussgrad.render(means, covariances, weights, size=(13, 17))
    torch.testing.assert_close(gaussgrad.render(*strided, size=(13, 17)), expected, rtol=0, atol=0)
    flipped = [array.numpy()[::-1] for array in (means, covariances, weights)]
    np.testing.assert_allclose(gaussgrad.render(*flipped, size=(13, 17)), expected.numpy(), atol=1e-15)


@pytest.mark.parametrize("width", [1, 2, 3, 16, 17, 31])
def test_any_width_is_drawn_to_its_edges(width: int):
    arrays = [array[0] for array in render_inputs(2, b=1)]
    options = {"size": (7, width), "amplitude": "peak", "compose": "sum", "tolerance": 0.0}
    for dtype in ("float64", "float32"):
        typed = [array.astype(dtype) for array in arrays]
        compare_values(gaussgrad.render(*typed, **options), independent(*typed, **options), dtype=dtype)


@pytest.mark.parametrize(("d", "dtype"), [(2, "float32"), (3, "float64")])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
@pytest.mark.parametrize(("threads", "row_bytes"), [(1, 2048), (1, 4096), (2, 4096)])
def test_an_image_a_page_wide_is_drawn_like_one_less_wide(d, dtype, compose, threads, row_bytes, rng, monkeypatch):
    """A band of such an image, or of one of half a page, is drawn in memory of its own."""
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    wide, narrow = row_bytes // np.dtype(dtype).itemsize, 240
    assert rows_collide(wide, 3, np.dtype(dtype).itemsize)
    assert not rows_collide(narrow, 3, np.dtype(dtype).itemsize)
    size = {2: (45,), 3: (4, 19)}[d]
    _, covariances, weights = render_inputs(d, b=1, n=80)
    means = rng.uniform(-2, (narrow - 50, *size[::-1]), size=(80, d))
    leaves = [torch.tensor(array.astype(dtype), requires_grad=True) for array in (means, covariances[0], weights[0])]
    found = []
    for width in (wide, narrow):
        image = gaussgrad.render(*leaves, size=(*size, width), compose=compose, tolerance=0.0111, threads=threads)
        slopes = torch.autograd.grad(image[..., : narrow - 60].square().sum(), leaves)
        found.append([image.detach()[..., : narrow - 60].numpy(), *(slope.numpy() for slope in slopes)])
    assert found[0][0].any(axis=-1).all(), "a channel, slice or row is empty: nothing is compared there"
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("means", [[[1e30, 3.0]], [[-1e30, 1e30]], [[3.0, 1e18]]])
def test_far_away_gaussians_are_simply_absent(means: list):
    assert not gaussgrad.render(means, [1.0, 0.0, 1.0], size=(8, 8)).any()


@pytest.mark.parametrize("variance", [1e-30, 1e-12, 1e12, 1e30])
def test_extreme_widths_are_drawn(variance: float):
    image = gaussgrad.render([[3.0, 3.0]], [variance, 0.0, variance], size=(8, 8), amplitude="peak", tolerance=0)
    assert image[3, 3] == 1
    assert np.isfinite(image).all()
    assert (image.sum() == 1) == (variance < 1)


def test_inputs_stay_as_they_are():
    arrays = [array[0] for array in render_inputs(2, b=1)]
    copies = [array.copy() for array in arrays]
    gaussgrad.render(*arrays, size=(13, 17), compose="union")
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_lists_become_float64_and_take_the_dtype_of_arrays_beside_them():
    assert gaussgrad.render([[1, 2]], [1, 0, 1], size=(4, 4)).dtype == np.float64
    assert gaussgrad.render(np.array([[1, 2]]), [1, 0, 1], size=(4, 4)).dtype == np.float64
    assert gaussgrad.render(np.ones((1, 2), np.float32), [1, 0, 1], size=(4, 4)).dtype == np.float32
    assert gaussgrad.render(torch.ones(1, 2), [1, 0, 1], [1], size=(4, 4)).dtype == torch.float32


@pytest.mark.parametrize("compose", ["sum", "max", "union"])
@pytest.mark.parametrize("channels", [2, 3, 4, 5, 8, 16, 32])
def test_each_channel_is_drawn_as_if_it_were_alone(channels, compose, rng):
    """Room for the channels of a pixel must be their own, whatever its size."""
    means, weights = rng.uniform(0, 20, (9, 2)).astype(np.float32), rng.uniform(0.2, 0.9, (9, channels))
    covariances = np.tile(np.float32([4.0, 1.0, 3.0]), (9, 1))
    leaves = [torch.tensor(array, requires_grad=True) for array in (means, covariances, weights.astype(np.float32))]
    options = {"size": (20, 22), "amplitude": "peak", "compose": compose}
    image = gaussgrad.render(*leaves, **options)
    alone = [gaussgrad.render(*leaves[:2], leaves[2][:, c], **options) for c in range(channels)]
    upstream = torch.tensor(rng.normal(size=image.shape), dtype=image.dtype)
    assert torch.equal(image, torch.stack(alone))
    together = torch.autograd.grad(image, leaves, upstream)
    for found, wanted in zip(together, torch.autograd.grad(torch.stack(alone), leaves, upstream), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.long
@pytest.mark.parametrize(
    ("compose", "pixel"), [("sum", "point"), ("max", "point"), ("union", "point"), ("sum", "area")]
)
def test_a_long_signal_is_the_same_on_any_number_of_threads(compose, pixel, rng, monkeypatch):
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    means, weights = rng.uniform(-9, 5009, (2, 100, 1)), rng.uniform(0.2, 0.9, (2, 100, 2))
    variances = rng.uniform(1, 30, (2, 100, 1)) ** 2
    options = {"size": (5000,), "amplitude": "peak", "compose": compose, "pixel": pixel}
    wanted = gaussgrad.render(means, variances, weights, backend="reference", **options)
    alone = gaussgrad.render(means, variances, weights, threads=1, **options)
    np.testing.assert_allclose(alone, wanted, rtol=0, atol=1e-6)  # of areas, for narrow Gaussians
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(gaussgrad.render(means, variances, weights, threads=threads, **options), alone)
    narrow = [array[:1] for array in (means, variances, weights)]
    np.testing.assert_array_equal(gaussgrad.render(*narrow, threads=4, **options), alone[:1])


@pytest.mark.parametrize(("dtype", "pixel"), [("float32", "point"), ("float64", "area")])
def test_weights_near_the_largest_number_overflow_only_where_the_image_does(dtype, pixel):
    """The density of a narrow Gaussian is above 1 at its mean, which lies between pixels."""
    kind = getattr(torch, dtype)
    largest, smaller = torch.finfo(kind).max, 2.0**-20
    place = torch.tensor([[2.5, 1.5], [5.0, 2.0]], dtype=kind)
    widths = torch.tensor([[0.0625, 0.01, 0.0625], [1.0, 0.2, 1.5]], dtype=kind)

    def drawn(by):
        means, weights = place.clone(), by * largest * torch.tensor([[0.9, -0.5], [0.25, 0.125]], dtype=kind)
        means.requires_grad_(), weights.requires_grad_()
        image = gaussgrad.render(means, widths, weights, size=(4, 8), pixel=pixel)
        upstream = torch.linspace(1, 2, image.numel(), dtype=kind).reshape(image.shape) * 2.0**-60
        to_means, to_weights = torch.autograd.grad(image, (means, weights), upstream)
        return image / by, to_means / by, to_weights

    for whole, part in zip(drawn(1.0), drawn(smaller), strict=True):
        assert torch.isfinite(whole).all()
        torch.testing.assert_close(whole, part, rtol=1e-5 if kind == torch.float32 else 1e-12, atol=0)
