"""Functions written once for all frameworks give in each what they give in NumPy, and their gradients agree."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad import covariance

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


PACKED_2D, PACKED_3D = np.array([[4.0, 1.0, 1.5], [1.0, -0.3, 3.5]]), np.array([[4.0, 1.0, 0.5, 2.0, 0.3, 3.0]])
MIXTURE = normal(4, 5), normal(4, 5, 2), 0.3 * normal(4, 5, 2), normal(4, 5)
CALLS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "isotropic": (lambda v: covariance.isotropic(v, 3), (np.exp(normal(4)),)),
    "diagonal": (covariance.diagonal, (np.exp(normal(4, 2)),)),
    "from_matrix": (lambda c: covariance.from_matrix(covariance.to_matrix(c)), (PACKED_3D,)),
    "from_cholesky": (lambda c: covariance.from_cholesky(c, log_diagonal=True), (normal(4, 6),)),
    "to_cholesky": (covariance.to_cholesky, (PACKED_3D,)),
    "to_precision": (covariance.to_precision, (PACKED_2D,)),
    "from_scale_rotation": (covariance.from_scale_rotation, (np.exp(normal(4, 3)), normal(4, 4))),
    "to_scale_rotation 2-D": (covariance.to_scale_rotation, (PACKED_2D,)),
    "to_scale_rotation 3-D": (covariance.to_scale_rotation, (PACKED_3D,)),
    "to_correlation": (covariance.to_correlation, (PACKED_2D,)),
    "from_correlation": (covariance.from_correlation, (np.exp(normal(4, 2)), np.tanh(normal(4)))),
    "blur": (lambda c: covariance.blur(c, 0.7), (PACKED_2D,)),
    "blur of factors 2-D": (lambda f, s: covariance.blur(cholesky=f, stddev=s), (PACKED_2D, np.array([0.0, 2.0]))),
    "blur of factors 3-D": (lambda f: covariance.blur(cholesky=f, stddev=0.7), (PACKED_3D,)),
    "to_pixels": (lambda m, c: gaussgrad.to_pixels(m, c, size=(7, 8)), (normal(2, 2), PACKED_2D)),
    "to_normalized factors": (
        lambda m, f: gaussgrad.to_normalized(m, cholesky=f, size=(6, 7, 8)),
        (normal(1, 3), PACKED_3D),
    ),
    "Gaussians": (
        lambda m, f: gaussgrad.Gaussians(m, cholesky=f).to_pixels((7, 8)).blur(0.7).packed_covariances(),
        (normal(2, 2), PACKED_2D),
    ),
    "Picture": (
        lambda m, f, w: tuple(
            gaussgrad.Picture(gaussgrad.Gaussians(m, cholesky=f, weights=w), (4, 6), background=[0.1]).render(scale)
            for scale in (0.5, 2)
        ),
        (normal(2, 2), PACKED_2D, normal(2, 1)),
    ),
    "to_normalized": (lambda m: gaussgrad.to_normalized(m, size=(7, 8)), (normal(4, 2),)),
    "from_rows": (lambda r: gaussgrad.from_rows(r)[:2], (np.concatenate([normal(2, 2), PACKED_2D], axis=1),)),
    "reparameterize": (gaussgrad.reparameterize, (normal(3, 4), normal(3, 4), normal(3, 4))),
    "density": (gaussgrad.density, (normal(3), normal(3), np.exp(normal(3)))),
    "kl_divergence": (gaussgrad.kl_divergence, (normal(3, 4), normal(3, 4))),
    "kl_divergence, learned": (gaussgrad.kl_divergence, (normal(3), normal(3), normal(3), np.exp(normal(3)))),
    "kl_divergence_full": (lambda m, c: gaussgrad.kl_divergence_full(m, c), (normal(2, 2), PACKED_2D)),
    "kl_divergence_full, cholesky": (
        lambda m, r, p: gaussgrad.kl_divergence_full(m, cholesky=r, prior_cholesky=p, log_diagonal=True),
        (normal(2, 3), normal(2, 6), normal(2, 6)),
    ),
    "entropy": (gaussgrad.entropy, (normal(3),)),
    "log_density": (gaussgrad.log_density, (normal(4, 2), normal(4, 2, 2), PACKED_2D)),
    "gaussian_mixture_log_density": (
        lambda p, g, m, s: gaussgrad.gaussian_mixture_log_density(p, g, m, log_stddevs=s),
        (normal(4, 3), normal(4, 5), normal(4, 5, 3), 0.3 * normal(4, 5, 3)),
    ),
    "mixture_log_density": (gaussgrad.mixture_log_density, (normal(4, 2), *MIXTURE)),
    "responsibilities": (gaussgrad.responsibilities, (normal(4, 2), *MIXTURE)),
    "bivariate_density": (
        gaussgrad.bivariate_density,
        (normal(4, 1, 2), normal(4, 3, 2), np.exp(normal(4, 3, 2)), np.tanh(normal(4, 3, 1))),
    ),
    "sample_mixture": (
        lambda g, m, s, a, u, z: gaussgrad.sample_mixture(g, m, s, a, uniform=u, noise=z),
        (*MIXTURE, RNG.uniform(size=4), normal(4, 2)),
    ),
    "mixture_moments": (gaussgrad.mixture_moments, MIXTURE),
    "moments": (lambda i: gaussgrad.moments(i, coordinates="normalized"), (RNG.uniform(size=(2, 3, 4, 7)),)),
    "histogram": (
        lambda x, s, w: gaussgrad.histogram(x, (3, 2), [(-1, 1)] * 2, stddev=s, weights=w, density=True),
        (normal(2, 4, 2), np.exp(normal(4, 1)), np.exp(normal(2, 4))),
    ),
    "mutual_information": (lambda a, b: gaussgrad.mutual_information(a, b, 4, (-2, 2), stddev=0.3), normal(2, 3, 6)),
}
every_call = pytest.mark.parametrize("name", CALLS)


def flat(results: Any) -> list[Any]:
    return list(results) if isinstance(results, (tuple, list)) else [results]


def in_torch(name: str) -> list[np.ndarray]:
    """The gradients of the sum of all results' squares."""
    function, arrays = CALLS[name]
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    loss = sum((result**2).sum() for result in flat(function(*leaves)))
    grads = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return [grad.numpy() for grad in grads]


def compare(name: str, results: Any, grads: Any, small: Any) -> None:
    function, arrays = CALLS[name]
    for actual, wanted in zip(flat(results), flat(function(*arrays)), strict=True):
        compare_values(np.asarray(actual), wanted)
    for actual, wanted in zip(grads, in_torch(name), strict=True):
        compare_gradients(np.zeros_like(wanted) if actual is None else np.asarray(actual), wanted)
    for actual, wanted in zip(flat(small), flat(function(*arrays)), strict=True):
        assert np.asarray(actual).dtype == "float32"
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


@every_call
def test_jax_gives_what_numpy_gives(name: str):
    jax = pytest.importorskip("jax")
    function, arrays = CALLS[name]
    # XLA takes a minute for the rotations of eigenvectors, unrolled
    compiled = (lambda function: function) if name == "to_scale_rotation 3-D" else jax.jit
    with jax.enable_x64(True):
        given = [jax.numpy.asarray(array) for array in arrays]

        def loss(*given: Any) -> tuple[Any, Any]:
            results = function(*given)
            return sum((result**2).sum() for result in flat(results)), results

        grads, results = compiled(jax.grad(loss, tuple(range(len(given))), has_aux=True))(*given)
    small = compiled(function)(*(jax.numpy.asarray(array, "float32") for array in arrays))
    compare(name, results, grads, small)


@every_call
def test_tensorflow_gives_what_numpy_gives(name: str):
    tf = pytest.importorskip("tensorflow")
    function, arrays = CALLS[name]
    given = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(given)
        results = function(*given)
        loss = tf.add_n([tf.reduce_sum(result**2) for result in flat(results)])
    grads = tape.gradient(loss, given)
    compare(name, results, grads, function(*(tf.constant(array, "float32") for array in arrays)))


@every_call
def test_tensorflow_traces_sizes_that_are_not_known(name: str):
    tf = pytest.importorskip("tensorflow")
    function, arrays = CALLS[name]
    signature = [tf.TensorSpec((None, *array.shape[1:]), "float64") for array in arrays]
    results = tf.function(function, signature, autograph=False)(*(tf.constant(array) for array in arrays))
    for actual, wanted in zip(flat(results), flat(function(*arrays)), strict=True):
        compare_values(np.asarray(actual), wanted)
