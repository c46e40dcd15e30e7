"""Histograms: gradients, second derivatives and what PyTorch builds on them."""

import pytest
import torch
from tolerances import compare_gradients

from gaussgrad import histogram, mutual_information

BACKENDS = ("cpu", "reference")
BINS, LIMITS = [5, (-1.0, 0.1, 0.2, 2.0), 3], [(-1, 1), None, (-2, 1.5)]


def scene(d: int, n: int = 5) -> tuple[torch.Tensor, ...]:
    samples, stddevs = torch.randn(2, n, d).double(), torch.exp(torch.randn(2, n, d).double())
    return tuple(array.requires_grad_() for array in (samples, stddevs, 0.1 + torch.rand(2, n).double()))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("d", "edge"), [(1, "keep"), (2, "drop"), (3, "keep")])
def test_gradients_agree_with_central_differences(d, edge, backend):
    def counts(samples, stddevs, weights):
        options = {"weights": weights, "edge": edge, "density": d == 2, "backend": backend}
        return histogram(samples, BINS[:d], LIMITS[:d], stddev=stddevs, **options)

    torch.autograd.gradcheck(counts, scene(d))


def test_second_derivatives_agree_with_central_differences():
    torch.autograd.gradgradcheck(
        lambda s, w, m: histogram(s, BINS[:2], LIMITS[:2], stddev=w, weights=m), scene(2, n=2), atol=1e-6
    )


def test_gradients_on_an_edge_are_those_beside_it():
    samples = torch.tensor([0.25, 0.5, 0.0], dtype=torch.float64)
    for backend in BACKENDS:
        jacobian = torch.autograd.functional.jacobian(
            lambda s, backend=backend: histogram(s, 4, (0, 1), stddev=0.1, backend=backend), samples
        )
        nearby = torch.autograd.functional.jacobian(
            lambda s, backend=backend: histogram(s + 1e-9, 4, (0, 1), stddev=0.1, backend=backend), samples
        )
        torch.testing.assert_close(jacobian, nearby, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (2,), (7, 1), (3, 1, 2)])
def test_a_shared_stddev_gets_the_sum_of_the_gradients(shape):
    samples = torch.randn(3, 7, 2).double()
    upstream = torch.randn(3, 4, 4).double()
    stddev = torch.exp(torch.randn(shape)).double().requires_grad_()
    histogram(samples, 4, [(-1, 1)] * 2, stddev=stddev).backward(upstream)
    each = stddev.detach().expand(3, 7, 2).clone().requires_grad_()
    histogram(samples, 4, [(-1, 1)] * 2, stddev=each).backward(upstream)
    compare_gradients(stddev.grad, each.grad.sum_to_size(shape))


def test_gradients_of_information_agree_with_central_differences():
    a, b = torch.rand(2, 2, 9, dtype=torch.float64).requires_grad_().unbind()
    stddev = torch.tensor([0.1, 0.2], dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda a, b, s: mutual_information(a, b, (4, 3), (0, 1), stddev=s), (a, b, stddev))


def test_transforms_and_compiled_programs_give_the_same():
    samples = torch.rand(3, 6, 2)

    def loss(samples):
        return histogram(samples, (4, 3), [(0, 1)] * 2, stddev=0.1, density=True).square().sum()

    gradient = torch.func.grad(loss)
    each = torch.stack([gradient(one) for one in samples])
    torch.testing.assert_close(torch.func.vmap(gradient)(samples), each)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(samples), loss(samples))


def test_custom_ops_pass_the_checks_of_torch():
    samples, stddevs, weights = (array.detach() for array in scene(2))
    options = ([5, 3], [2, 4], [-1.0, 1.0, -1.0, 0.1, 0.2, 2.0], "drop", 1)
    torch.library.opcheck(torch.ops.gaussgrad.histogram.default, (samples, stddevs, weights, *options))
    backward = torch.ops.gaussgrad.histogram_backward.default
    grad = torch.randn(2, 1, 15, dtype=torch.float64)
    torch.library.opcheck(backward, (grad, [], samples, stddevs, weights, *options))
