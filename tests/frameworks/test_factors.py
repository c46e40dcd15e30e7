"""render(cholesky=) in each framework: compiled, transformed, differentiated twice, and traced, where none raises."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.func import grad, jacrev, vmap

import gaussgrad

Tensors = tuple[torch.Tensor, ...]


def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, factors that would be no covariances, and weights."""
    rng = np.random.default_rng(0)
    factors = np.tile([0.9, 1.5, 1.1], (2, 3, 1)) + rng.uniform(-0.2, 0.2, (2, 3, 3))
    return rng.uniform(0, 6, (2, 3, 2)), factors, rng.uniform(0.3, 0.8, (2, 3))


@pytest.fixture
def tensors() -> Tensors:
    return tuple(map(torch.tensor, arrays()))


def draw(backend: str | None = None) -> Callable[..., Any]:
    def function(means: Any, cholesky: Any, weights: Any) -> Any:
        return gaussgrad.render(
            means, cholesky=cholesky, weights=weights, size=(7, 8), tolerance=1e-3, compose="union", backend=backend
        )

    return function


def assert_same(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-11)


def test_torch_func_transforms_match_the_reference(tensors: Tensors):
    def loss(backend: str | None) -> Callable[..., torch.Tensor]:
        return lambda *given: draw(backend)(*given).square().sum()

    for argument in range(3):
        assert_same(jacrev(draw(), argument)(*tensors), jacrev(draw("reference"), argument)(*tensors))
        assert_same(vmap(grad(loss(None), argument))(*tensors), vmap(grad(loss("reference"), argument))(*tensors))


def test_torch_differentiates_twice(tensors: Tensors):
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(draw(), leaves)
    assert torch.autograd.gradgradcheck(draw(), leaves)


def test_torch_compiles_the_whole(tensors: Tensors):
    compiled = torch.compile(draw(), fullgraph=True, backend="aot_eager")
    results = []
    for function in (compiled, draw()):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        image = function(*leaves)
        results.append([image.detach(), *torch.autograd.grad(image.square().sum(), leaves)])
    for actual, expected in zip(*results, strict=True):
        assert_same(actual, expected)


def test_torch_takes_half_precision(tensors: Tensors):
    half = [tensor.bfloat16() for tensor in tensors]
    wide = draw()(*(tensor.float() for tensor in half))
    torch.testing.assert_close(draw()(*half), wide.bfloat16(), rtol=0, atol=0)


@pytest.mark.parametrize("backend", [None, "reference"])
def test_jax_gives_nan_for_a_diagonal_that_is_not_positive(backend: str | None):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        means, factors, weights = map(jax.numpy.asarray, arrays())
        spoilt = factors.at[1, 2, 2].set(-1.0)
        with pytest.raises(ValueError, match="cholesky must be of positive diagonal entries"):
            draw(backend)(means, spoilt, weights)
        image = jax.jit(draw(backend))(means, spoilt, weights)
        wanted = draw()(*arrays())
        assert np.isnan(image[1]).all()
        assert_same(image[0], wanted[0])
        loss = lambda *given: (draw(backend)(*given)[0] ** 2).sum()  # noqa: E731
        found = jax.jit(jax.grad(loss, 1))(means, factors, weights)
        assert_same(found, jax.grad(loss, 1)(means, factors, weights))
        if backend is None:
            grads = jax.jit(jax.grad(lambda *given: (draw()(*given) ** 2).sum(), (0, 1, 2)))(means, spoilt, weights)
            assert all(np.isnan(one[1]).all() and np.isfinite(one[0]).all() for one in grads)


def test_tensorflow_gives_nan_for_a_diagonal_that_is_not_positive():
    tf = pytest.importorskip("tensorflow")
    means, factors, weights = map(tf.constant, arrays())
    spoilt = tf.concat([factors[:1], -factors[1:]], axis=0)
    with pytest.raises(ValueError, match="cholesky must be of positive diagonal entries"):
        draw()(means, spoilt, weights)
    wanted = draw()(*arrays())
    for options in ({}, {"jit_compile": True}):  # by the kernels, and by the reference
        image = tf.function(draw(), **options)(means, spoilt, weights)
        assert np.isnan(image[1]).all()
        assert_same(image[0], wanted[0])


def test_tensorflow_graphs_of_unknown_sizes_share_a_factor():
    tf = pytest.importorskip("tensorflow")
    means, factors, weights = map(tf.constant, arrays())
    signature = [tf.TensorSpec((None, None, 2), "float64"), tf.TensorSpec((3,), "float64")]
    graph = tf.function(lambda means, factor: draw()(means, factor, weights), signature)
    assert_same(graph(means, factors[0, 0]), draw()(means, factors[0, 0], weights))
