"""Refining finds the Gaussians that were drawn, never makes an image worse, and solves the right equations."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaussgrad import covariance, render
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.heads import LARGEST_WEIGHT, LATENTS
from gaussgrad.autoencoder.refinement import refine_answer
from gaussgrad.fitting.descents import MOVES
from gaussgrad.fitting.distillation import distillation_loss
from gaussgrad.fitting.least_squares import descend, equations
from gaussgrad.fitting.refinement import refine
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops.render.cpu.modes import MODES

SIZE = (22, 26)
METHODS = ("gauss-newton", "levenberg-marquardt", "adam")


def scene(count=3, n=3, channels=0, seed=0, dtype=torch.float64):
    """Gaussians (count, n) well inside the frame; weights (count, n), or with channels."""
    rng = np.random.default_rng(seed)
    means = torch.tensor(rng.uniform(5, (SIZE[1] - 6, SIZE[0] - 6), (count, n, 2)), dtype=dtype)
    factors = torch.tensor(rng.uniform((1.2, -0.8, 1.2), (2.5, 0.8, 2.5), (count, n, 3)), dtype=dtype)
    weights = torch.tensor(rng.uniform(0.4, 1.0, (count, n, channels) if channels else (count, n)), dtype=dtype)
    return Gaussians(means, covariance.from_cholesky(factors), weights)


def draw(gaussians, compose="sum", background=0.0, tolerance=1e-4, **options):
    """(b, c, h, w)"""
    options = {"size": SIZE, "amplitude": "peak", "compose": compose, "tolerance": tolerance, **options}
    image = render(gaussians.means, gaussians.covariances, gaussians.weights, cholesky=gaussians.cholesky, **options)
    return (image if gaussians.weights.ndim == 3 else image[:, None]) + background


def shaken(gaussians, seed=1):
    """The same Gaussians, a little elsewhere."""
    generator = torch.Generator().manual_seed(seed)

    def noise(like):
        return 2 * torch.rand(like.shape, generator=generator, dtype=like.dtype) - 1

    factors = covariance.to_cholesky(gaussians.covariances)
    return Gaussians(
        gaussians.means + 0.8 * noise(gaussians.means),
        covariance.from_cholesky(factors * (1 + 0.15 * noise(factors))),
        gaussians.weights * (1 + 0.2 * noise(gaussians.weights)),
    )


def squared_errors(images, gaussians, **options):
    return (draw(gaussians, **options) - images).square().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("method", METHODS[:2])
def test_the_equations_find_the_gaussians_that_were_drawn(method):
    truth = scene()
    found = refine(draw(truth), shaken(truth), 20, method=method)
    for name in MOVES:
        torch.testing.assert_close(getattr(found, name), getattr(truth, name), rtol=0, atol=1e-3)


def test_a_gaussian_in_the_dark_jumps_to_where_light_is_missing():
    truth = scene(n=3, dtype=torch.float32)
    start = shaken(truth)
    weights = start.weights.clone()
    weights[:, 1] = 0.01
    means = start.means.clone()
    means[:, 1] = means[:, 0]  # covered by another, where no gradient tells it of the light elsewhere
    start = Gaussians(means, start.covariances, weights)
    images = draw(truth)
    few, many = (squared_errors(images, refine(images, start, steps, weight_range=(0.0, 1.5))) for steps in (43, 100))
    assert (many < 1e-6).all()
    assert few.max() > 1e-4


@pytest.mark.parametrize("channels", [0, 1, 3])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_comes_much_closer_with_every_compose_mode_it_can(compose, channels, method):
    if (method, compose) in [("gauss-newton", "max"), ("gauss-newton", "union")]:
        return  # refused, see below
    truth = scene(channels=channels, dtype=torch.float32)
    background = 0.1 * torch.ones(max(channels, 1))
    options = {"compose": compose, "background": background[:, None, None]}
    images, start = draw(truth, **options), shaken(truth)
    found = refine(images, start, 25, compose=compose, background=background, method=method)
    before, after = (squared_errors(images, gaussians, **options) for gaussians in (start, found))
    assert (after < 0.03 * before).all()
    assert found.weights.shape == start.weights.shape


@pytest.mark.parametrize("method", METHODS)
def test_no_image_becomes_worse_and_nothing_given_changes(method):
    torch.manual_seed(3)
    images = torch.rand(12, 1, *SIZE, dtype=torch.float64)  # noise, in which some steps must fail
    start = scene(12)
    copies = [getattr(start, name).clone() for name in MOVES]
    for steps in (0, 1, 4):
        found = refine(images, start, steps, method=method)
        assert (squared_errors(images, found) <= squared_errors(images, start) + 1e-12).all()
    for name, copy in zip(MOVES, copies, strict=True):
        torch.testing.assert_close(getattr(start, name), copy, rtol=0, atol=0)


def by_factors(gaussians):
    """The same Gaussians, told by Cholesky factors."""
    return replace(gaussians, covariances=None, cholesky=gaussians.factors())


@pytest.mark.parametrize(("steps", "method"), [(0, None), (5, None), (60, None), (5, METHODS[1]), (5, "adam")])
def test_gaussians_told_by_factors_are_refined_alike_and_come_back_so(steps, method):
    truth = scene()
    start = by_factors(replace(shaken(truth), presence=torch.ones(3, 3)))
    copies = [getattr(start, name).clone() for name in ("means", "cholesky", "weights")]
    found = refine(draw(truth), start, steps, method=method)
    expected = refine(draw(truth), shaken(truth), steps, method=method)
    assert found.held == "cholesky"
    torch.testing.assert_close(found.presence, start.presence)
    torch.testing.assert_close(found.means, expected.means, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.packed_covariances(), expected.covariances, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.weights, expected.weights, rtol=0, atol=1e-6)
    for name, copy in zip(("means", "cholesky", "weights"), copies, strict=True):
        torch.testing.assert_close(getattr(start, name), copy, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_factors_that_covariances_would_lose_are_refined(method):
    """In float32 their covariances are singular."""
    truth = scene()
    narrow = torch.tensor([3000.0, 3000.0, 0.5]).expand(*truth.means.shape[:2], 3)  # lines through the frame
    start = Gaussians(truth.means.float(), weights=truth.weights.float(), cholesky=narrow)
    images = draw(truth).float()
    found = refine(images, start, 3, method=method)
    assert (squared_errors(images, found) < 0.9 * squared_errors(images, start)).all()


@pytest.mark.parametrize("method", METHODS)
def test_factors_that_may_not_move_come_back_to_the_bit(method):
    truth = scene()
    start = by_factors(shaken(truth))
    start.cholesky[:, 0] = torch.tensor([0.1, 2.0, 0.1])  # narrower and more slanted than a step would leave it
    found = refine(draw(truth), start, 3, moves=("means", "weights"), method=method)
    torch.testing.assert_close(found.cholesky, start.cholesky, rtol=0, atol=0)


@pytest.mark.parametrize("moves", [("means",), ("covariances", "weights"), ("weights",), ()])
@pytest.mark.parametrize("method", METHODS)
def test_only_what_may_move_moves(moves, method):
    truth = scene()
    start = shaken(truth)
    found = refine(draw(truth), start, 3, moves=moves, method=method)
    for name in MOVES:
        changed = (getattr(found, name) - getattr(start, name)).abs().max() > 1e-3
        assert bool(changed) == (name in moves), name


@pytest.mark.parametrize("method", METHODS)
def test_weights_stay_within_their_range(method):
    truth = scene()
    start = shaken(truth)
    start = Gaussians(start.means, start.covariances, start.weights.clamp(max=0.6))
    found = refine(draw(truth), start, 20, weight_range=(0.0, 0.6), method=method)
    assert found.weights.min() >= 0
    assert found.weights.max() == 0.6


def test_a_weight_that_starts_outside_its_range_is_not_thrown_back():
    truth = scene()
    found = refine(draw(truth), truth, 3, weight_range=(0.0, 0.5))
    torch.testing.assert_close(found.weights, truth.weights, rtol=0, atol=1e-6)


def test_one_weight_for_all_colours_fits_their_mean():
    truth = scene()
    background = torch.tensor([0.0, 0.2, 0.5], dtype=torch.float64)
    images = draw(truth) + background[:, None, None]
    found = refine(images, shaken(truth), 20, background=background)
    torch.testing.assert_close(found.weights, truth.weights, rtol=0, atol=1e-3)


def test_a_gaussian_outside_the_frame_stays_without_harm():
    truth = scene(n=2)
    far = torch.tensor([[-80.0, 300.0]], dtype=torch.float64).expand(3, 1, 2)
    start = shaken(truth)
    start = Gaussians(
        torch.cat((start.means, far), 1),
        torch.cat((start.covariances, start.covariances[:, :1]), 1),
        torch.cat((start.weights, start.weights[:, :1]), 1),
    )
    found = refine(draw(truth), start, 20)
    torch.testing.assert_close(found.means[:, 2:], far, rtol=0, atol=0)
    torch.testing.assert_close(found.means[:, :2], truth.means, rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_absent_gaussians_stay_absent(method):
    truth = scene(dtype=torch.float32)
    start = shaken(truth)
    weights = start.weights * torch.tensor([1.0, 0.0, 1.0])
    start = Gaussians(start.means, start.covariances, weights, presence=torch.tensor([1.0, 0.0, 1.0]).expand(3, 3))
    found = refine(draw(truth), start, 3, method=method)
    assert (found.weights[:, 1] == 0).all()
    torch.testing.assert_close(found.means[:, 1], start.means[:, 1], rtol=0, atol=0)
    torch.testing.assert_close(found.presence, start.presence, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS[:2])
def test_results_are_the_same_bits_for_any_number_of_threads(method):
    truth = scene(64, 4, dtype=torch.float32)
    images, start = draw(truth), shaken(truth)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(refine(images, start, 6, method=method))
    finally:
        torch.set_num_threads(threads)
    for name in MOVES:
        torch.testing.assert_close(getattr(results[0], name), getattr(results[1], name), rtol=0, atol=0)


def equations_of(images, gaussians, compose, tolerance):
    """The matrix (numbers, numbers), the right side, and the loss of one image, from the kernel."""
    n, channels = gaussians.weights.shape[1:]
    factors = covariance.to_cholesky(gaussians.covariances)
    matrix, right = (np.full((n, *shape, 8), np.nan) for shape in ((n, 8), ()))
    width = images.shape[-1]
    line = np.zeros((n, 2), np.int64), *(np.full(shape, np.nan) for shape in ((n, 4, width), (n, width, 8), (width,)))
    given = gaussians.means[0].numpy(), factors[0].numpy(), gaussians.weights[0].numpy()
    loss = equations.normal_equations(
        images[0].numpy(),
        np.full(channels, 0.1),
        given,
        MODES[compose],
        tolerance,
        -2 * np.log(tolerance),
        (matrix, right),
        line,
    )
    used = 5 + channels
    whole = np.moveaxis(matrix, 1, 2)[:, :used, :, :used].reshape(n * used, n * used)
    return np.tril(whole) + np.tril(whole, -1).T, right[:, :used].reshape(-1), loss


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
def test_the_equations_are_those_of_the_jacobian_of_the_reference(compose, channels):
    gaussians = scene(1, 3, channels)
    torch.manual_seed(0)
    images = torch.rand(1, channels, *SIZE, dtype=torch.float64)
    factors = covariance.to_cholesky(gaussians.covariances)
    a, b, c = factors[0].unbind(-1)

    def residuals(numbers):
        u, v, t, lean, s, *weights = numbers.unflatten(0, (3, 5 + channels)).unbind(-1)
        means = gaussians.means[0] + torch.stack((a * u, b * u + c * v), -1)
        moved = torch.stack((a * torch.exp(t), b * torch.exp(t) + c * lean, c * torch.exp(s)), -1)
        near = Gaussians(means, covariance.from_cholesky(moved), gaussians.weights[0] + torch.stack(weights, -1))
        options = {"compose": compose, "tolerance": 0.0111, "background": 0.1, "backend": "reference"}
        grouped = Gaussians(near.means[None], near.covariances[None], near.weights[None])
        return (images - draw(grouped, **options)).flatten()

    numbers = torch.zeros(3 * (5 + channels), dtype=torch.float64)
    jacobian = -torch.autograd.functional.jacobian(residuals, numbers).numpy()
    left = residuals(numbers).numpy()
    matrix, right, loss = equations_of(images, gaussians, compose, 0.0111)
    np.testing.assert_allclose(matrix, jacobian.T @ jacobian, rtol=0, atol=1e-9 * np.abs(matrix).max())
    np.testing.assert_allclose(right, jacobian.T @ left, rtol=0, atol=1e-9 * np.abs(right).max())
    np.testing.assert_allclose(loss, left @ left, rtol=1e-10)


def marquardt(images, gaussians, steps, weight_range):
    """Every step of the method, written in NumPy; with it how many helped, and the bounds that were met."""
    n, channels = gaussians.weights.shape[1:]
    damping, helped, bounds = 1.0, 0, set()

    def clipped(name, values, low, high):
        if ((values < low) | (values > high)).any():
            bounds.add(name)
        return np.clip(values, low, high)

    matrix, right, loss = equations_of(images, gaussians, "sum", 1e-4)
    for _ in range(steps):
        diagonal = np.diag(matrix)
        system = matrix + np.diag(damping * (diagonal + 1e-3 * diagonal.mean()))
        change = np.linalg.solve(system, right).reshape(n, 5 + channels)
        a, b, c = covariance.to_cholesky(gaussians.covariances)[0].numpy().T
        u, v = clipped("step", change[:, :2], -1, 1).T
        wider, higher = np.exp(clipped("growth", change[:, [2, 4]], -0.7, 0.7)).T
        width = clipped("width", a * wider, np.minimum(a, 0.3), np.inf)
        height = clipped("height", c * higher, np.minimum(c, 0.3), np.inf)
        slant = np.maximum(8 * height, np.abs(b))
        leaning = clipped("slant", b * wider + c * clipped("lean", change[:, 3], -1, 1), -slant, slant)
        means = gaussians.means[0].numpy() + np.stack([a * u, b * u + c * v], -1)
        weights = clipped("weight", gaussians.weights[0].numpy() + change[:, 5:], *weight_range)
        factors = torch.tensor(np.stack([width, leaning, height], -1))[None]
        moved = Gaussians(torch.tensor(means)[None], covariance.from_cholesky(factors), torch.tensor(weights)[None])
        new_matrix, new_right, new_loss = equations_of(images, moved, "sum", 1e-4)
        if new_loss < loss:
            gaussians, matrix, right, loss = moved, new_matrix, new_right, new_loss
            damping, helped = max(damping / 2, 1e-4), helped + 1
        else:
            damping *= 3
    return gaussians, helped, bounds


BOUNDS = {"step", "growth", "width", "height", "lean", "slant", "weight"}
LINES = [[2.0, 6.0, 0.4], [2.0, -6.0, 0.4], [0.2, 0.0, 0.2]]  # Cholesky factors of two lines and a point
BARS = [[0.2, 0.0, 3.0], [3.0, 0.0, 0.2], [3.0, 6.0, 0.5]]


@pytest.mark.parametrize(
    ("channels", "factors", "seed", "near", "helped", "bounds"),
    [(1, LINES, 4, 1.0, 18, BOUNDS), (3, BARS, 7, 0.125, 30, BOUNDS - {"lean"})],
)
def test_each_step_is_that_of_the_method(channels, factors, seed, near, helped, bounds):
    """Towards shapes that cannot be reached, so that every bound is met, and some steps fail or all help."""
    truth, start = scene(1, 3, channels, seed=3), scene(1, 3, channels, seed=seed)
    start.means.lerp_(truth.means, 1 - near)
    weight_range = (0.2, 0.9)
    start.weights.clamp_(*weight_range)
    shapes = covariance.from_cholesky(torch.tensor(factors, dtype=torch.float64))[None]
    images = draw(Gaussians(truth.means, shapes, truth.weights), background=0.1)
    wanted, steps_that_helped, bounds_met = marquardt(images, start, 30, weight_range)
    assert (steps_that_helped, bounds_met) == (helped, bounds)
    means, weights = start.means.numpy().copy(), start.weights.numpy().copy()
    found = covariance.to_cholesky(start.covariances).numpy().copy()
    descend(
        images.numpy(), np.full(channels, 0.1), means, found, weights, moves=MOVES, compose="sum", tolerance=1e-4,
        narrowest=0.3, weight_range=weight_range, steps=30, threads=1,
    )  # fmt: skip
    np.testing.assert_allclose(means, wanted.means, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found, covariance.to_cholesky(wanted.covariances), rtol=0, atol=1e-7)
    np.testing.assert_allclose(weights, wanted.weights, rtol=0, atol=1e-7)


@pytest.mark.parametrize("compose", ["sum", "max", "union"])
def test_the_equations_draw_twins_and_negative_weights_as_the_renderer_does(compose):
    gaussians = scene(1, 4, 1)
    for numbers in (gaussians.means, gaussians.covariances, gaussians.weights):
        numbers[:, 1] = numbers[:, 0]
    gaussians.weights[:, 3] *= -1
    torch.manual_seed(0)
    images = torch.rand(1, 1, *SIZE, dtype=torch.float64)
    _, _, loss = equations_of(images, gaussians, compose, 0.0111)
    drawn = draw(gaussians, compose=compose, tolerance=0.0111, background=0.1, backend="reference")
    np.testing.assert_allclose(loss, (drawn - images).square().sum().item(), rtol=1e-10)


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_answer_of_a_model_is_refined_within_what_its_latent_tells(latent, channels):
    model = GaussianAutoencoder((14, 12), n=3, channels=channels, latent=latent, looks=1).eval()
    with torch.no_grad():
        model.background.fill_(0.2)
    images = torch.rand(5, channels, 14, 12)
    answer = model.encode(images)
    refined = refine_answer(model, images, answer, 5)
    before, after = ((model.decode(g) - images).square().mean(dim=(1, 2, 3)) for g in (answer, refined))
    assert (after < before).all()
    assert refined.weights.abs().max() <= max(LARGEST_WEIGHT, answer.weights.abs().max())
    for name, word in (("cholesky", "covariance"), ("weights", "weight")):
        if word not in latent:
            torch.testing.assert_close(getattr(refined, name), getattr(answer, name).detach(), rtol=0, atol=0)


def test_distillation_is_zero_at_the_refined_answer_and_pulls_towards_it():
    refined = scene()
    values = [getattr(shaken(refined), name).clone().requires_grad_() for name in MOVES]
    torch.testing.assert_close(distillation_loss(refined, refined).item(), 0.0)
    loss = distillation_loss(Gaussians(*values), refined)
    loss.backward()
    nearer = [value.detach() - 1e-3 * value.grad for value in values]
    assert distillation_loss(Gaussians(*nearer), refined) < loss
    with pytest.raises(ValueError, match=r"refined\.means must be of the shape of gaussians\.means \(3, 3, 2\)"):
        distillation_loss(refined, scene(2))


def test_distillation_compares_the_same_widths_however_they_are_told():
    refined = scene()
    start = shaken(refined)
    expected = distillation_loss(start, refined)
    for one in (start, by_factors(start)):
        for two in (refined, by_factors(refined)):
            torch.testing.assert_close(distillation_loss(one, two), expected)
    leaf = start.factors().requires_grad_()
    distillation_loss(replace(start, covariances=None, cholesky=leaf), refined).backward()
    assert leaf.grad.abs().min() > 0
    with pytest.raises(
        ValueError, match=r"refined\.cholesky must be of the shape of gaussians\.covariances \(3, 3, 3\)"
    ):
        distillation_loss(start, replace(by_factors(refined), cholesky=leaf[:, :1]))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"images": torch.zeros(3, *SIZE)}, ValueError, r"images must be of shape \(b, c, h, w\)"),
        ({"images": np.zeros((3, 1, *SIZE))}, TypeError, "images must be a tensor of float32 or float64"),
        ({"images": torch.zeros(2, 1, *SIZE)}, ValueError, r"gaussians\.means must be of shape \(2, 3, 2\)"),
        ({"gaussians": (1, 2)}, TypeError, "gaussians must be gaussgrad"),
        (
            {"gaussians": Gaussians(torch.zeros(3, 3, 2), cholesky=torch.ones(3, 3, 6))},
            ValueError,
            r"gaussians\.cholesky must be of shape \(3, 3, 3\)",
        ),
        (
            {"gaussians": Gaussians(torch.zeros(3, 3, 2), cholesky=torch.ones(3, 3, 3))},
            TypeError,
            r"gaussians\.weights must be a tensor; got a NoneType",
        ),
        ({"steps": -1}, ValueError, "steps must be an integer of at least 1; got -1"),
        ({"moves": ("mean",)}, ValueError, "moves must be one of 'means', 'covariances', 'weights'; got 'mean'"),
        ({"method": "newton"}, ValueError, "method must be one of None, 'gauss-newton', 'levenberg-marquardt', 'adam'"),
        (
            {"method": "gauss-newton", "compose": "max"},
            ValueError,
            "method must be 'levenberg-marquardt' or 'adam' for compose='max'; got 'gauss-newton'",
        ),
        ({"weight_range": (1, 0)}, ValueError, r"weight_range must be \(low, high\) with low < high"),
    ],
)
def test_wrong_arguments_are_refused_by_name(change, error, words):
    arguments = {"images": torch.zeros(3, 1, *SIZE), "gaussians": scene(dtype=torch.float32), "steps": 2, **change}
    with pytest.raises(error, match=words):
        refine(**arguments)


def test_many_gaussians_are_refused_by_levenberg_marquardt_and_refined_by_what_can():
    truth = scene(1, 70)
    start = shaken(truth)
    for compose in ("sum", "max"):
        images = draw(truth, compose=compose)
        found = refine(images, start, 5, compose=compose)
        before, after = (squared_errors(images, gaussians, compose=compose) for gaussians in (start, found))
        assert (after < before).all()
    with pytest.raises(ValueError, match="method must be 'adam' for more than 64 Gaussians per image"):
        refine(images, start, 5, compose="max", method="levenberg-marquardt")
