"""Gauss-Newton takes the steps of the equations with integrals, keeps those that help, and needs not all pairs."""

import numpy as np
import pytest
import torch

from gaussgrad import render
from gaussgrad.fitting.gauss_newton import damped_steps, descend
from gaussgrad.fitting.refinement import refine
from gaussgrad.gaussians import Gaussians

MOVES = ("means", "covariances", "weights")


def scene(b, n, channels, seed=0, widths=(2.0, 3.5), spread=5.0):
    """Means, factors and weights of Gaussians of which each overlaps all others, float64."""
    rng = np.random.default_rng(seed)
    low, high = widths
    factors = rng.uniform((low, -1, low), (high, 1, high), (b, n, 3))
    return 8 + spread * rng.uniform(size=(b, n, 2)), factors, rng.uniform(-1, 1, (b, n, channels))


def moved(gaussians, steps):
    """Tensors after steps (n, 5 + c), each in coordinates of the Gaussian's own widths."""
    means, factors, weights = (torch.as_tensor(array) for array in gaussians)
    (a, b, c), (u, v, p, q, r) = factors.unbind(-1), steps[:, :5].unbind(-1)
    new = torch.stack((a * torch.exp(p), b * torch.exp(p) + c * q, c * torch.exp(r)), -1)
    return means + torch.stack((a * u, b * u + c * v), -1), new, weights + steps[:, 5:]


def values(gaussians, spacing, frame):
    """What Gaussians draw at the points of a fine grid over a frame (low, high), times the root of a point's area."""
    means, factors, weights = gaussians
    along = torch.arange(*frame, spacing, dtype=torch.float64)
    dx, dy = along - means[:, 0, None], along - means[:, 1, None]
    z = (dx / factors[:, :1])[:, None, :]
    o = (dy[:, :, None] - factors[:, 1, None, None] * z) / factors[:, 2, None, None]
    return spacing * torch.einsum("nyx,nc->cyx", torch.exp(-(z * z + o * o) / 2), weights)


def matrix_of(gaussians, size, spacing=0.5, frame=(-14, 36)):
    """J^T J of one image by forward differentiation, its sums over a fine grid: integrals.

    Of the square of what is wider than an image of that size no more than what may lie in it, by three bounds. The
    image is a sum, so each Gaussian is differentiated alone.
    """

    def alone(steps, *gaussian):
        return values(moved([array[None] for array in gaussian], steps[None]), spacing, frame)

    zero = torch.zeros(len(gaussians[0]), 5 + gaussians[2].shape[-1], dtype=torch.float64)
    by_step = torch.func.vmap(torch.func.jacfwd(alone), out_dims=3)
    jacobian = by_step(zero, *(torch.as_tensor(array) for array in gaussians))  # (c, h, w, n, 5 + c)
    a, b, c = gaussians[1].T
    bounds = size[1] / a, size[0] / np.hypot(b, c), size[0] * size[1] / (np.sqrt(np.pi) * a * c)
    seen = np.minimum(1, np.min(bounds, axis=0) / np.sqrt(np.pi))
    columns = (jacobian * torch.as_tensor(np.sqrt(seen))[:, None]).flatten(-2).flatten(0, -2).numpy()
    return columns.T @ columns


def conjugate_gradients(matrix, right, damping):
    """At most 12 of them, from 0 on and by the diagonal; the step, and how far the squared error falls."""
    diagonal = np.diag(matrix)
    added = damping * (diagonal + 1e-3 * diagonal.mean())
    inverse, step, residual = 1 / (diagonal + added), np.zeros_like(right), right.copy()
    direction = inverse * residual
    first = size = residual @ direction
    for _ in range(12):
        if size <= 1e-3 * first:
            break
        product = matrix @ direction + added * direction
        length = size / (direction @ product)
        step, residual = step + length * direction, residual - length * product
        size, old = residual @ (inverse * residual), size
        direction = inverse * residual + size / old * direction
    return step, 2 * step @ right - step @ matrix @ step


def right_of(gaussians, gradients):
    """What pulls: less the gradient to a step."""
    zero = torch.zeros(len(gaussians[0]), 5 + gaussians[2].shape[-1], dtype=torch.float64, requires_grad=True)
    loss = sum((g * torch.as_tensor(grad)).sum() for g, grad in zip(moved(gaussians, zero), gradients, strict=True))
    return -torch.autograd.grad(loss, zero)[0].numpy().reshape(-1)


@pytest.mark.parametrize(
    ("n", "channels", "size"), [(1, 1, (30, 40)), (19, 3, (30, 40)), (3, 1, (4, 5)), (3, 1, (5, 4))]
)
def test_steps_are_those_of_the_jacobian_and_conjugate_gradients(n, channels, size, rng):
    gaussians, dampings = scene(2, n, channels), np.array([1e-3, 0.5])
    gradients = tuple(rng.normal(size=array.shape) for array in gaussians)
    found = damped_steps(gaussians, gradients, dampings, size=size)
    for image, damping in enumerate(dampings):
        own, pulls = (tuple(array[image] for array in arrays) for arrays in (gaussians, gradients))
        wanted, _ = conjugate_gradients(matrix_of(own, size), right_of(own, pulls), damping)
        np.testing.assert_allclose(found[image].reshape(-1), wanted, rtol=0, atol=1e-8 * np.abs(wanted).max())


def test_gaussians_too_far_to_overlap_step_as_if_alone(rng):
    """Even where squares of their distance overflow."""
    apart = [np.full((33, 1, k), value, np.float32) for k, value in ((2, 8.0), (3, 2.0), (1, 1.0))]
    apart[1][..., 1] = 0.5
    together = [array.reshape(1, 33, -1).copy() for array in apart]
    together[0] += np.float32([60, 40]) * np.arange(33, dtype=np.float32)[:, None]
    together[0][0, 5] = -1e20
    gradients = [rng.normal(size=array.shape).astype(np.float32) for array in apart]
    found = damped_steps(together, [array.reshape(1, 33, -1) for array in gradients], np.ones(1), size=(9, 9))
    alone = damped_steps(apart, gradients, np.ones(33), size=(9, 9))
    # Those of one image stop together, when all their residuals are small.
    np.testing.assert_allclose(found[0], alone[:, 0], rtol=0, atol=0.05 * np.abs(alone).max())


def drawn(gaussians, size):
    means, factors, weights = (array[None] for array in gaussians)
    return render(means, None, weights, cholesky=factors, size=size, amplitude="peak", backend="reference")[0]


def gradients_of(gaussians, target):
    """Those of half the squared error, by the reference."""
    leaves = [torch.tensor(array, requires_grad=True) for array in gaussians]
    error = drawn(leaves, target.shape[1:]) - torch.as_tensor(target)
    return [grad.numpy() for grad in torch.autograd.grad(error.square().sum() / 2, leaves)]


def reference_descent(target, gaussians, steps, narrowest, weight_range):
    """Every step of the method, in NumPy; with it how many helped, and the bounds that were met."""
    n, damping, tighter, helped, bounds = len(gaussians[0]), 1.0, 2.0, 0, set()
    loss = np.square(drawn(gaussians, target.shape[1:]) - target).sum()

    def clipped(name, numbers, low, high):
        if ((numbers < low) | (numbers > high)).any():
            bounds.add(name)
        return np.clip(numbers, low, high)

    for _ in range(steps):
        right = right_of(gaussians, gradients_of(gaussians, target))
        change, predicted = conjugate_gradients(matrix_of(gaussians, target.shape[1:], 0.5, (-44, 64)), right, damping)
        change = change.reshape(n, -1)
        means, (a, b, c) = gaussians[0], gaussians[1].T
        u, v = clipped("step", change[:, :2], -1, 1).T
        wider, higher = np.exp(clipped("growth", change[:, [2, 4]], -0.7, 0.7)).T
        width = clipped("width", a * wider, np.minimum(a, narrowest), np.inf)
        height = clipped("width", c * higher, np.minimum(c, narrowest), np.inf)
        slant = np.maximum(8 * height, np.abs(b))
        leaning = clipped("slant", b * wider + c * clipped("lean", change[:, 3], -1, 1), -slant, slant)
        weights = clipped("weight", gaussians[2] + change[:, 5:], *weight_range)
        new = means + np.stack((a * u, b * u + c * v), -1), np.stack((width, leaning, height), -1), weights
        new_loss = np.square(drawn(new, target.shape[1:]) - target).sum()
        if new_loss < loss:
            gain = (loss - new_loss) / predicted
            damping = max(damping * max(1 / 3, 1 - (2 * gain - 1) ** 3), 1e-4)
            gaussians, loss, tighter, helped = new, new_loss, 2.0, helped + 1
        else:
            damping, tighter = damping * tighter, 2 * tighter
    return gaussians, helped, bounds


def test_each_step_is_that_of_the_method():
    """Towards shapes that cannot be reached, so that bounds are met and some steps fail."""
    size, steps, weight_range = (24, 26), 12, (0.2, 0.9)
    shapes = np.array([[8.0, 9.0, 0.8], [8.0, -9.0, 0.8], [0.4, 0.0, 0.4]])  # two lines and a point
    means, factors, weights = (array[0] for array in scene(1, 3, 2, seed=1, widths=(2.0, 4.0)))
    weights = np.abs(weights).clip(*weight_range)
    target = drawn((means + 3, shapes, np.ones((3, 2))), size)
    wanted, helped, bounds = reference_descent(target, (means, factors, weights), steps, 1.0, weight_range)
    assert (helped, bounds) == (9, {"step", "growth", "width", "lean", "slant", "weight"})
    found = [array[None].copy() for array in (means, factors, weights)]
    background = np.array([0.1, -0.2])
    descend(
        target[None] + background[:, None, None], background, *found, moves=MOVES, tolerance=1e-4, narrowest=1.0,
        weight_range=weight_range, steps=steps, threads=1,
    )  # fmt: skip
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one[0], other, rtol=0, atol=1e-9)


def images_and_start(n, size, channels=3, widths=(1.0, 4.0)):
    """Two images of Gaussians, and others to start from."""
    images, starts = [], []
    for seed in (0, 1):
        means, factors, weights = scene(1, n, channels, seed, widths, spread=size - 16)
        drawing = [torch.tensor(array[0]) for array in (means, factors, weights)]
        images.append(torch.as_tensor(drawn([array.numpy() for array in drawing], (size, size))))
        generator = torch.Generator().manual_seed(seed)
        drawing[0] = drawing[0] + torch.randn(n, 2, generator=generator, dtype=torch.float64)
        starts.append(drawing)
    means, factors, weights = (torch.stack(arrays) for arrays in zip(*starts, strict=True))
    return torch.stack(images), Gaussians(means, weights=0.9 * weights, cholesky=factors)


def errors(images, gaussians):
    image = render(
        gaussians.means, None, gaussians.weights, cholesky=gaussians.cholesky, size=images.shape[2:], amplitude="peak"
    )
    return (image - images).square().sum(dim=(1, 2, 3))


def test_the_order_of_gaussians_tells_nothing():
    images, start = images_and_start(40, 48, channels=2)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    shuffled = Gaussians(start.means[:, order], weights=start.weights[:, order], cholesky=start.cholesky[:, order])
    first, second = (refine(images, each, 3, method="gauss-newton") for each in (start, shuffled))
    torch.testing.assert_close(first.means[:, order], second.means, rtol=0, atol=1e-9)
    torch.testing.assert_close(first.weights[:, order], second.weights, rtol=0, atol=1e-9)


def test_more_neighbours_than_there_is_memory_for_and_more_channels_than_three_are_refined():
    images, start = images_and_start(300, 24, channels=4)
    assert (errors(images, refine(images, start, 8)) < 0.2 * errors(images, start)).all()
