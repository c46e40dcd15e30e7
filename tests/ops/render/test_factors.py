"""render(cholesky=): the image of Gaussians told by factors, whose covariances no float32 could hold."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from cases import CHANNELS, FACTORS, SIZES, factors_of, render_inputs
from tolerances import compare_gradients

import gaussgrad
from gaussgrad import covariance, parallel

DIMENSIONS = (1, 2, 3)
DIAGONAL = {1: [0], 2: [0, 2], 3: [0, 2, 5]}
WORST, MEDIAN = 1e-5, 1e-6  # float32 beside float64, relative to the peak 1: ten times what was measured


def inputs(d: int, channels: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, factors and weights."""
    means, covariances, weights = render_inputs(d, c=channels)
    return means, factors_of(covariances), weights


def closed_form(means: torch.Tensor, factors: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """exp(-|L^-1 (p - m)|^2 / 2) (..., n, *size) in float64, one coordinate after the other."""
    means, factors = means.double(), factors.double()
    grid = torch.meshgrid(*(torch.arange(length, dtype=torch.float64) for length in size), indexing="ij")
    solved: list[torch.Tensor] = []
    for i, pixels in enumerate(reversed(grid)):
        row = factors[..., i * (i + 1) // 2 : (i + 1) * (i + 2) // 2]
        row = row.reshape(*row.shape, *[1] * len(size))
        rest = pixels - means[..., i].reshape(*means.shape[:-1], *[1] * len(size))
        for j in range(i):
            rest = rest - row.select(means.ndim - 1, j) * solved[j]
        solved.append(rest / row.select(means.ndim - 1, i))
    return torch.exp(-sum(z * z for z in solved) / 2)


def raw_rows(batches: int, d: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """What a network may put out, with exponentials on the diagonal: means and factors in float32."""
    rows = 3 * torch.randn(batches, 32, 10, d + d * (d + 1) // 2)
    means, factors = rows[..., :d].contiguous(), rows[..., d:].clone()
    factors[..., DIAGONAL[d]] = factors[..., DIAGONAL[d]].exp()
    return means, factors


# Kernels of another kind take seconds to compile: the cases are those of the contract, with as many channels.
@pytest.mark.parametrize(("d", "compose", "pixel"), [case[:3] for case in FACTORS])
def test_image_and_gradients_are_those_of_the_covariances(d: int, compose: str, pixel: str):
    """With the chain rule through L L'."""
    options = {"size": SIZES[d], "compose": compose, "pixel": pixel}
    leaves = [torch.tensor(array, requires_grad=True) for array in inputs(d, CHANNELS[compose])]
    means, factors, weights = leaves
    image = gaussgrad.render(means, cholesky=factors, weights=weights, **options)
    wanted = gaussgrad.render(means, covariance.from_cholesky(factors), weights, **options)
    torch.testing.assert_close(image, wanted, rtol=0, atol=1e-12)
    upstream = torch.tensor(np.random.default_rng(1).normal(size=image.shape))
    grads = torch.autograd.grad(image, leaves, upstream)
    for found, chained in zip(grads, torch.autograd.grad(wanted, leaves, upstream), strict=True):
        torch.testing.assert_close(found, chained, rtol=0, atol=1e-10 * float(chained.abs().max()))


def test_weights_may_stand_third():
    means, factors, weights = inputs(2)
    wanted = gaussgrad.render(means, cholesky=factors, weights=weights, size=(13, 17))
    np.testing.assert_array_equal(gaussgrad.render(means, None, weights, cholesky=factors, size=(13, 17)), wanted)


def test_factors_broadcast_as_covariances_do():
    means, factors, weights = inputs(2)
    options = {"weights": weights, "size": (13, 17)}
    for shared in (factors[0], factors[:, :1], factors[0, 0]):
        whole = np.broadcast_to(shared, factors.shape)
        wanted = gaussgrad.render(means, cholesky=whole, **options)
        np.testing.assert_array_equal(gaussgrad.render(means, cholesky=shared, **options), wanted)


def test_the_row_that_float32_made_indefinite_is_drawn():
    means, factors = torch.tensor([[32.0, 32.0]]), torch.tensor([[1.0, 2.0, math.exp(-8.0)]])
    options = {"size": (64, 64), "amplitude": "peak"}
    with pytest.raises(ValueError, match="positive definite"):
        gaussgrad.render(means, covariance.from_cholesky(factors), **options)
    exact = closed_form(means, factors, (64, 64))[0]
    image = gaussgrad.render(means, cholesky=factors, tolerance=0, **options)
    assert float((image - exact).abs().max()) <= 1e-6
    assert float(image[34, 33]) == pytest.approx(math.exp(-0.5), abs=1e-6)  # one step along the line, at x + 1, y + 2


@pytest.mark.parametrize("d", [2, 3])
def test_exponentials_of_random_outputs_are_drawn_as_in_float64(d: int):
    size = (32, 32) if d == 2 else (6, 8, 10)
    means, factors = raw_rows(10 if d == 2 else 3, d)
    image = gaussgrad.render(means, cholesky=factors, size=size, amplitude="peak", tolerance=0)
    error = (image - closed_form(means, factors, size).sum(2)).abs().flatten(2).amax(2)
    assert float(error.max()) <= WORST
    assert float(error.median()) <= MEDIAN


def test_random_outputs_of_signals_are_drawn_as_in_float64():
    means, factors = raw_rows(3, 1)
    image = gaussgrad.render(means, cholesky=factors, size=(40,), amplitude="peak", tolerance=0)
    assert float((image - closed_form(means, factors, (40,)).sum(2)).abs().max()) <= WORST


@pytest.mark.parametrize("amplitude", ["peak", "density"])
def test_gradients_of_narrow_factors_are_those_of_float64(amplitude: str):
    """Of lines 1e-3 pixels wide through pixel centres, in float32, against automatic differentiation in float64."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.tensor([[1.0, 2.0, math.exp(-7.0)], [3.0, -1.0, 2e-3], [0.002, 1e-3, 2.0]])
    means = torch.tensor([[8.0, 9.0], [6.0, 6.0], [7.0, 5.0]]) + 1e-3 * torch.rand((3, 2), generator=generator)
    upstream = torch.randn((16, 18), generator=generator)
    leaves = [array.clone().requires_grad_() for array in (means, factors)]
    image = gaussgrad.render(leaves[0], cholesky=leaves[1], size=(16, 18), amplitude=amplitude, tolerance=0)
    found = torch.autograd.grad(image, leaves, upstream)
    leaves = [array.double().requires_grad_() for array in (means, factors)]
    scale = 1 / (2 * math.pi * leaves[1][:, 0] * leaves[1][:, 2]) if amplitude == "density" else torch.ones(3)
    exact = (closed_form(*leaves, (16, 18)) * scale.reshape(3, 1, 1)).sum(0)
    for grad, wanted in zip(found, torch.autograd.grad(exact, leaves, upstream.double()), strict=True):
        for one, other in zip(grad, wanted, strict=True):  # each Gaussian by its own scale
            compare_gradients(one, other)


@pytest.mark.parametrize(
    ("d", "dtype", "pixel"),
    [*product(DIMENSIONS, (torch.float32, torch.float64), ("point",)), (2, torch.float32, "area")],
)
def test_logarithms_of_40_either_way_are_drawn(d: int, dtype: torch.dtype, pixel: str):
    """From 4e-18 to 2e17 pixels, with anything below the diagonal, the means on a pixel, between two and far away."""
    generator = torch.Generator().manual_seed(0)
    factors = 40 * (2 * torch.rand((300, d * (d + 1) // 2), generator=generator, dtype=dtype) - 1)
    factors[:20] = factors[:20].sign() * 40
    factors[:, DIAGONAL[d]] = factors[:, DIAGONAL[d]].exp()
    means = torch.tensor([3.0, 3.3, -1e6], dtype=dtype)[torch.randint(3, (300, d), generator=generator)]
    size = (7, 8, 9)[-d:]
    leaves = [array.unsqueeze(1).requires_grad_() for array in (means, factors)]  # each in an image of its own
    image = gaussgrad.render(leaves[0], cholesky=leaves[1], size=size, amplitude="peak", pixel=pixel)
    assert image.isfinite().all()
    assert all(grad.isfinite().all() for grad in torch.autograd.grad(image.sum(), leaves))
    if pixel == "point":
        exact = closed_form(means, factors, size).detach()
        centred = (means == 3).all(-1)
        assert image.detach()[centred][(..., *[3] * d)].allclose(torch.tensor(1 - 1e-4, dtype=dtype))
        if d == 1:  # beyond, the closed form is no exacter
            assert float((image - (exact - 1e-4).clamp(0)).detach().abs().max()) <= WORST


def test_a_gaussian_narrower_than_any_pixel_is_one_pixel_or_none():
    for x, touched in ((3.0, 1), (3.4, 0)):
        factors = np.exp(np.float32([-40.0, -np.inf, -40.0]))
        image = gaussgrad.render(np.float32([[x, 2.0]]), cholesky=factors, size=(5, 7), amplitude="peak")
        assert (image > 0).sum() == touched


@pytest.mark.parametrize("exponent", [-250, -150, 150, 250])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_factors_whose_squares_no_float64_holds_are_drawn(d: int, exponent: int):
    factor = np.zeros(d * (d + 1) // 2)
    factor[DIAGONAL[d]] = 10.0**exponent
    means = torch.full((1, d), 3.0, dtype=torch.float64, requires_grad=True)
    for pixel in ("point", "area") if d == 2 else ("point",):
        image = gaussgrad.render(means, cholesky=torch.tensor(factor), size=(7,) * d, amplitude="peak", pixel=pixel)
        assert image.isfinite().all()
        image.sum().backward()
        assert means.grad.isfinite().all()
        if pixel == "point":
            assert int((image > 0).sum()) == (1 if exponent < 0 else 7**d)


@pytest.mark.parametrize(("d", "compose"), [(1, "union"), (2, "max"), (3, "sum")])
def test_any_number_of_threads_draws_the_same(d: int, compose: str, monkeypatch: pytest.MonkeyPatch):
    """In bands and blocks of many Gaussians, narrow ones among them; where a band begins changes no bit."""
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    size = {1: (5000,), 2: (150, 40), 3: (5, 40, 20)}[d]
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(200, d * (d + 1) // 2))
    factors[:, DIAGONAL[d]] = np.exp(rng.uniform(-9, 4, (200, d)))
    arrays = [rng.uniform(-9, 1.1, (200, d)) * size[::-1] % np.add(size[::-1], 9), factors]
    arrays.append(rng.uniform(0.1, 0.4, (200, 2)))

    def draw(threads: int | None, **options: Any) -> list[np.ndarray]:
        leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
        image = gaussgrad.render(
            leaves[0], None, leaves[2], cholesky=leaves[1], size=size, amplitude="peak", compose=compose,
            threads=threads, **options,
        )  # fmt: skip
        return [image.detach().numpy(), *(g.numpy() for g in torch.autograd.grad(image.square().sum(), leaves))]

    alone = draw(1)
    for found, wanted in zip(alone, draw(None, backend="reference"), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    for threads in (2, 7):
        for found, wanted in zip(draw(threads), alone, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_the_work_of_enormous_factors_is_guessed_without_a_warning(monkeypatch: pytest.MonkeyPatch):
    """Warnings are errors here, and float32 cannot hold the length of a row."""
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    factors = np.tile(np.float32([3e38, -3e38, 3e38]), (4000, 1))
    image = gaussgrad.render(np.ones((4000, 2), np.float32), cholesky=factors, size=(20, 20), amplitude="peak")
    assert image[0, 0] == pytest.approx(4000 * (1 - 1e-4), rel=1e-4)  # summed in float32
