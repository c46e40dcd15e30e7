"""Rows of Gaussians in 2-D, drawn by whole vectors: narrow and wide, thin, at edges, and in frames of any width."""

import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

import gaussgrad


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gaussians_about_as_wide_as_a_vector_thin_ones_and_those_at_an_edge_are_drawn_as_in_float64(dtype, rng):
    """One in each image: those that fit a vector are placed in a way of their own, if no row of them is thin."""
    widths, correlations = np.arange(0.3, 3.0, 0.03), np.array([0.0, -0.9, 0.9, 0.999])
    stddevs, rho = (grid.ravel() for grid in np.meshgrid(widths, correlations))
    count = len(stddevs)
    means = np.stack((rng.uniform(-2, 42, count), rng.uniform(-2, 22, count)), axis=-1)
    high = rng.uniform(0.5, 6, count)
    covariances = np.stack((stddevs**2, rho * stddevs * high, high**2), axis=-1)
    given = [
        array.astype(dtype) for array in (means[:, None], covariances[:, None], rng.uniform(0.5, 1, (count, 1, 2)))
    ]
    options = {"size": (20, 40), "amplitude": "peak", "tolerance": 0.0111}
    found, wanted = [], []
    for kind, results, backend in ((dtype, found, None), ("float64", wanted, "reference")):
        leaves = [torch.tensor(array.astype(kind), requires_grad=True) for array in given]
        image = gaussgrad.render(*leaves, backend=backend, **options)
        upstream = torch.tensor(np.sin(np.arange(image.numel())).reshape(image.shape).astype(kind))
        results += [image.detach(), *torch.autograd.grad((upstream * image).sum(), leaves)]
    compare_values(found[0], wanted[0].to(found[0].dtype), dtype=dtype)
    for slope, true in zip(found[1:], wanted[1:], strict=True):
        largest = np.maximum(true.numpy().reshape(count, -1).__abs__().max(1), 1e-2)  # of one Gaussian
        scaled = [gradient.double().numpy().reshape(count, -1) / largest[:, None] for gradient in (slope, true)]
        compare_gradients(*scaled, scale=1.0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compose", ["sum", "max", "union"])
@pytest.mark.parametrize("width", [1, 7, 16, 17, 31, 50])
def test_frames_of_any_width_are_drawn_as_in_float64(width, compose, dtype, rng):
    """Rows are drawn by whole vectors if the frame has room for them; some Gaussians are beside it, some far wider."""
    stddevs = np.geomspace(0.05, 80, 40)
    means = np.stack((rng.uniform(-20, width + 20, 40), rng.uniform(-2, 22, 40)), axis=-1)
    means[::2, 0] = rng.uniform(0, width - 1, 20)
    high = rng.uniform(0.5, 6, 40)
    covariances = np.stack((stddevs**2, rng.uniform(-0.9, 0.9, 40) * stddevs * high, high**2), axis=-1)
    given = [array.astype(dtype) for array in (means, covariances, rng.uniform(0.1, 0.9, (40, 3)))]
    found, wanted = [], []
    for kind, results, backend in ((dtype, found, None), ("float64", wanted, "reference")):
        leaves = [torch.tensor(array.astype(kind), requires_grad=True) for array in given]
        image = gaussgrad.render(*leaves, size=(20, width), compose=compose, amplitude="peak", backend=backend)
        upstream = torch.tensor(np.sin(np.arange(image.numel())).reshape(image.shape).astype(kind))
        results += [image.detach(), *torch.autograd.grad((upstream * image).sum(), leaves)]
    compare_values(found[0], wanted[0].to(found[0].dtype), dtype=dtype)
    for slope, true in zip(found[1:], wanted[1:], strict=True):
        compare_gradients(slope.double(), true, dtype=dtype)


def test_a_gaussian_beside_a_volume_leans_into_it():
    """Centred left of the frame, with slices that stand further right the deeper they lie."""
    scene = np.float32([[-6.0, 5.0, 2.0]]), np.float32([[32.5, 0.0, 16.0, 2.0, 0.0, 8.0]]), np.float32([[1.0]])
    options = {"size": (12, 10, 14), "amplitude": "peak"}
    image = gaussgrad.render(*scene, **options)
    assert image.max() > 0.1
    np.testing.assert_allclose(image, gaussgrad.render(*scene, backend="reference", **options), atol=1e-6)
