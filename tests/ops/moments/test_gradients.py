"""Moments: gradients, against 40 digits and central differences, and what frameworks build on them."""

import mpmath
import numpy as np
import pytest
import torch
from tolerances import compare_gradients

from gaussgrad import moments
from gaussgrad.op import OPERATIONS

KERNELS = OPERATIONS["moments"].load_kernels("cpu")
SOFTMAX = (None, 0.7)
every_softmax = pytest.mark.parametrize("softmax", SOFTMAX)

mp = mpmath.mp.clone()
mp.dps = 40
STEP = mp.mpf(10) ** -12


def maps(rng, *shape, softmax=None):
    """Light or logits."""
    return 2 * rng.normal(size=shape) if softmax else rng.uniform(0.1, 1, size=shape)


def exact_moments(values, softmax):
    """Mass, mean x, mean y, xx, xy, yy of a map, a dictionary of (x, y): number, in 40 digits."""
    light = {at: mp.exp(value / mp.mpf(softmax)) if softmax else value for at, value in values.items()}
    total = mp.fsum(light.values())
    mean_x, mean_y = (mp.fsum(at[axis] * value for at, value in light.items()) / total for axis in (0, 1))
    second = [
        mp.fsum((x - mean_x) ** (2 - k) * (y - mean_y) ** k * value for (x, y), value in light.items()) / total
        for k in (0, 1, 2)
    ]
    return [mp.mpf(1) if softmax else total, mean_x, mean_y, *second]


@pytest.mark.parametrize(("dtype", "values_off", "gradient_off"), [("float64", 1e-12, 1e-9), ("float32", 1e-6, 1e-5)])
@every_softmax
def test_values_and_gradients_agree_with_40_digits(rng, softmax, dtype, values_off, gradient_off):
    image = maps(rng, 1, 4, 19, softmax=softmax).astype(dtype)
    numbers = {(x, y): mp.mpf(float(image[0, y, x])) for y, x in np.ndindex(4, 19)}
    upstream = rng.normal(size=(1, 6, 1)).astype(dtype)
    out, saved = KERNELS.forward(image, softmax=softmax or 0.0, threads=1)
    np.testing.assert_allclose(
        out[0, :, 0], [float(number) for number in exact_moments(numbers, softmax)], rtol=values_off, atol=values_off
    )
    (grad,) = KERNELS.backward(upstream, saved, image, softmax=softmax or 0.0, threads=1)
    for x, y in ((0, 0), (18, 0), (7, 1), (16, 2), (3, 3)):
        ends = []
        for sign in (1, -1):
            moved = exact_moments({**numbers, (x, y): numbers[x, y] + sign * STEP}, softmax)
            ends.append(mp.fsum(a * mp.mpf(float(u)) for a, u in zip(moved, upstream[0, :, 0], strict=True)))
        wanted = float((ends[0] - ends[1]) / (2 * STEP))
        assert abs(grad[0, y, x] - wanted) <= gradient_off * np.abs(grad).max()


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@every_softmax
def test_gradients_agree_with_central_differences(rng, softmax, backend):
    images = torch.tensor(maps(rng, 2, 3, 4, softmax=softmax), requires_grad=True)
    torch.autograd.gradcheck(
        lambda images: moments(images, softmax=softmax, coordinates="normalized", backend=backend), images
    )


@every_softmax
def test_second_derivatives_agree_with_central_differences(rng, softmax):
    images = torch.tensor(maps(rng, 1, 2, 3, softmax=softmax), requires_grad=True)
    torch.autograd.gradgradcheck(lambda images: moments(images, softmax=softmax), images)


def test_pixels_without_light_still_have_a_gradient(rng):
    image = torch.tensor(rng.uniform(size=(6, 9)) * (rng.uniform(size=(6, 9)) < 0.5), requires_grad=True)
    _, mean, _ = moments(image)
    (grad,) = torch.autograd.grad(mean[0], image)
    wanted = (torch.arange(9) - mean[0]) / image.sum()
    compare_gradients(grad, wanted.detach().expand(6, 9).numpy())


def test_pixels_left_out_have_no_gradient_and_make_no_nan(rng):
    logits = torch.tensor(rng.normal(size=(5, 8)))
    logits[2:4, 3:] = -torch.inf
    logits.requires_grad_()
    for backend in (None, "reference"):
        (grad,) = torch.autograd.grad(sum(result.sum() for result in moments(logits, softmax=1.0)), logits)
        assert not grad[2:4, 3:].any()
        assert torch.isfinite(grad).all(), backend


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch's own tracer
def test_a_compiled_loss_has_the_same_value_and_gradient(rng):
    images = torch.tensor(maps(rng, 2, 3, 7, 9, softmax=1.0), requires_grad=True)

    def loss(images):
        _, means, covariances = moments(images, softmax=1.0)
        return means.square().sum() + covariances.square().sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    compare_gradients(*(torch.autograd.grad(function(images), images)[0] for function in (compiled, loss)))


def test_gradients_of_each_sample_come_from_vmap_of_grad(rng):
    images = torch.tensor(maps(rng, 3, 5, 7))
    loss = lambda image: moments(image)[2].square().sum()  # noqa: E731
    each = torch.func.vmap(torch.func.grad(loss))(images)
    compare_gradients(each, torch.stack([torch.func.grad(loss)(image) for image in images]))


def test_the_custom_ops_pass_the_checks_of_torch(rng):
    images = torch.tensor(maps(rng, 2, 4, 5))
    torch.library.opcheck(torch.ops.gaussgrad.moments.default, (images, 0.0, 1))
