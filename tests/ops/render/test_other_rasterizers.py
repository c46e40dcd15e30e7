"""What docs/fitting.md says of GaussianImage and gsplat, against their formulas written down once more in NumPy.

Zhang et al. (2024), "GaussianImage", kernels `project_gaussians_2d` and `rasterize_forward_sum`: a mean m in [-1, 1]
stands at (m + 1) / 2 * width, the pixel in column j at j, or at j + 1/2 in gsplat, and what is below 1/255 is skipped.
"""

import numpy as np
import pytest
import torch

import gaussgrad

HEIGHT, WIDTH, N = 20, 26, 7
LEAST = 1 / 255


@pytest.fixture(scope="module")
def model():
    """Parameters before tanh (n, 2), Cholesky elements (n, 3) and colours (n, 3), as their model class holds them."""
    generator = np.random.default_rng(4)
    elements = np.stack((generator.uniform(1, 4, N), generator.uniform(-2, 2, N), generator.uniform(1, 4, N)), axis=1)
    return generator.uniform(-0.9, 0.9, (N, 2)), elements, generator.uniform(-1, 1, (N, 3))


def shapes(xyz, elements, centre):
    """exp(-sigma) of each Gaussian at each pixel (n, h, w), whose centres lie so far from its corner."""
    means = 0.5 * (np.tanh(xyz) + 1) * (WIDTH, HEIGHT)
    factors = np.zeros((N, 2, 2))
    factors[:, 0, 0], factors[:, 1, 0], factors[:, 1, 1] = elements.T
    conics = np.linalg.inv(factors @ factors.transpose(0, 2, 1))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + centre
    delta = np.stack((means[:, 0, None, None] - columns, means[:, 1, None, None] - rows), axis=-1)
    return np.exp(-0.5 * np.einsum("nhwi,nij,nhwj->nhw", delta, conics, delta))


def ours(xyz, elements, colours, tolerance, shift=0.0):
    means = (torch.tanh(xyz) + 1) / 2 * torch.tensor([WIDTH, HEIGHT]) - shift
    return gaussgrad.render(
        means, None, colours, cholesky=elements, size=(HEIGHT, WIDTH), amplitude="peak", tolerance=tolerance
    )


@pytest.mark.parametrize(("centre", "shift"), [(0.0, 0.0), (0.5, 0.5)], ids=["GaussianImage", "gsplat"])
def test_the_image_is_theirs_but_for_what_they_skip(model, centre, shift):
    drawn, colours = shapes(*model[:2], centre), model[2]
    theirs = np.einsum("nhw,nc->chw", np.where(drawn < LEAST, 0, drawn), colours)
    skipped = np.einsum("nhw,nc->chw", np.where(drawn < LEAST, drawn, 0), colours)
    tensors = [torch.tensor(array) for array in model]
    exact = ours(*tensors, 0.0, shift).numpy()
    np.testing.assert_allclose(exact - theirs, skipped, atol=1e-12)
    cut = ours(*tensors, LEAST, shift).numpy()
    assert np.abs(cut - theirs).max() <= LEAST * np.abs(colours).sum(axis=0).max()
    assert np.abs(ours(*tensors, 0.0, shift + 0.5).numpy() - theirs).max() > 0.05  # the half pixel matters


def test_the_gradient_to_the_off_diagonal_element_is_the_total_derivative(model):
    xyz, elements, colours = model
    upstream = np.random.default_rng(5).normal(size=(3, HEIGHT, WIDTH))

    def value(slant):
        moved = np.stack((elements[:, 0], slant, elements[:, 2]), axis=1)
        return np.einsum("nhw,nc,chw->n", shapes(xyz, moved, 0.0), colours, upstream)

    leaf = torch.tensor(elements, requires_grad=True)
    (ours(torch.tensor(xyz), leaf, torch.tensor(colours), 0.0) * torch.tensor(upstream)).sum().backward()
    step = 1e-6
    differences = (value(elements[:, 1] + step) - value(elements[:, 1] - step)) / (2 * step)
    np.testing.assert_allclose(leaf.grad[:, 1], differences, rtol=1e-6, atol=1e-8)
