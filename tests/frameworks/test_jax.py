"""What JAX users do with an operation: compile, transform, differentiate twice, scan, and mix it with other work."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gaussgrad
from gaussgrad.frameworks import xla

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
pytest.importorskip("jax.export")

COMPOSES = pytest.mark.parametrize("compose", ["sum", "max", "union"])

Arrays = tuple[Any, ...]


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def arrays(rng: np.random.Generator, float64: None) -> Arrays:
    means = rng.uniform(0, 6, (2, 3, 2))
    covariances = np.tile([2.0, 0.5, 1.5], (2, 3, 1))
    return tuple(map(jnp.asarray, (means, covariances, rng.uniform(0.3, 0.8, (2, 3)))))


def draw(compose: str, backend: str | None = None) -> Callable[..., Any]:
    def function(*arrays: Any) -> Any:
        return gaussgrad.render(
            *arrays, size=(7, 8), amplitude="peak", compose=compose, tolerance=1e-3, backend=backend
        )

    return function


def loss(compose: str, backend: str | None = None) -> Callable[..., Any]:
    return lambda *arrays: (draw(compose, backend)(*arrays) ** 2).sum()


def assert_same(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-11)


@COMPOSES
def test_vmap_is_a_loop(compose: str, arrays: Arrays):
    means, covariances, weights = arrays
    mapped = jax.vmap(draw(compose), in_axes=(0, None, 1), out_axes=1)(means, covariances[0], weights.T)
    looped = np.stack([draw(compose)(means[i], covariances[0], weights[i]) for i in range(2)], axis=1)
    assert_same(mapped, looped)
    nested = jax.vmap(jax.vmap(draw(compose)))(*(array[None] for array in arrays))
    assert_same(nested[0], draw(compose)(*arrays))


@COMPOSES
def test_gradients_under_transforms_match_the_reference(compose: str, arrays: Arrays):
    every = (0, 1, 2)
    expected = jax.jit(jax.vmap(jax.grad(loss(compose, "reference"), every)))(*arrays)
    results = (
        jax.vmap(jax.grad(loss(compose), every))(*arrays),
        jax.jit(jax.vmap(jax.grad(loss(compose), every)))(*arrays),
        jax.grad(loss(compose), every)(*arrays),
    )
    for result in results:
        for actual, wanted in zip(result, expected, strict=True):
            assert_same(actual, wanted)


@COMPOSES
def test_second_derivatives_match_the_reference(compose: str, arrays: Arrays):
    one = [array[0] for array in arrays]
    hessians = [jax.jit(jax.jacrev(jax.grad(loss(compose, backend), 1), 0))(*one) for backend in (None, "reference")]
    assert np.abs(hessians[0]).max() > 1e-3
    assert_same(*hessians)


def test_third_derivatives_match_the_reference(arrays: Arrays):
    point = jnp.asarray(2.3)

    def third(backend: str | None) -> Any:
        along = lambda x: loss("sum", backend)(x * arrays[0][0, :1], arrays[1][0, :1], arrays[2][0, :1])  # noqa: E731
        return jax.jit(jax.grad(jax.grad(jax.grad(along))))(point)

    assert_same(third(None), third("reference"))


def test_forward_mode_raises_instead_of_giving_zeros(arrays: Arrays):
    means, *rest = arrays
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda m: draw("sum")(m, *rest), (means,), (means,))


def test_forward_mode_through_the_reference_is_right(arrays: Arrays):
    means, *rest = arrays
    _, tangent = jax.jvp(lambda m: draw("sum", "reference")(m, *rest), (means,), (means,))
    step = 1e-6
    difference = (draw("sum")(means * (1 + step), *rest) - draw("sum")(means * (1 - step), *rest)) / (2 * step)
    np.testing.assert_allclose(tangent, difference, rtol=1e-5, atol=1e-8)


def test_a_loop_in_a_program_calls_the_kernels_each_time(arrays: Arrays):
    def step(means: Any, _: Any) -> tuple[Any, Any]:
        return means - 0.01 * jax.grad(loss("sum"))(means, *arrays[1:]), None

    moved, _ = jax.lax.scan(step, arrays[0], length=3)
    expected = arrays[0]
    for _ in range(3):
        expected, _ = step(expected, None)
    assert_same(moved, expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_dtype_that_comes_goes_out(dtype: str, arrays: Arrays):
    image, pull = jax.vjp(draw("sum"), *(array.astype(dtype) for array in arrays))
    assert image.dtype == dtype
    assert {grad.dtype.name for grad in pull(jnp.ones_like(image))} == {dtype}
    np.testing.assert_allclose(np.asarray(image, "float64"), draw("sum")(*arrays), rtol=0, atol=0.03)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m, c, w: (m[..., :1], c, w), ValueError, "means must be of shape"),
        (lambda m, c, w: (m, c[..., :2], w), ValueError, "covariances must be packed"),
        (lambda m, c, w: (m, c, w.astype("float32")), TypeError, "weights must be of the same dtype"),
        (lambda m, c, w: (m.astype("int32"), c, w), TypeError, r"means must be of a floating-point dtype.*jax\.numpy"),
    ],
)
def test_shapes_and_dtypes_are_refused_while_tracing(change: Callable, error: type, message: str, arrays: Arrays):
    with pytest.raises(error, match=message):
        jax.eval_shape(lambda *given: draw("sum")(*change(*given)), *arrays)


def test_options_are_refused_while_tracing(arrays: Arrays):
    with pytest.raises(ValueError, match="compose must be one of"):
        jax.eval_shape(draw("mean"), *arrays)


def test_values_are_refused_in_a_plain_call_only(arrays: Arrays):
    means, covariances, weights = arrays
    with pytest.raises(ValueError, match="covariances must be positive definite"):
        draw("sum")(means, -covariances, weights)
    assert np.isnan(jax.jit(draw("sum"))(means, -covariances, weights)).all()


@COMPOSES
def test_what_is_not_positive_definite_gives_nan_in_its_image_and_no_other(compose: str, arrays: Arrays):
    means, covariances, weights = arrays
    spoilt = covariances.at[1, 2].set(jnp.asarray([1.0, 2.0, 1.0]))
    image = jax.jit(draw(compose))(means, spoilt, weights)
    assert np.isnan(image[1]).all()
    assert_same(image[0], draw(compose)(*arrays)[0])
    grads = jax.jit(jax.grad(loss(compose), (0, 1, 2)))(means, spoilt, weights)
    expected = jax.grad(loss(compose), (0, 1, 2))(*arrays)
    for grad, wanted in zip(grads, expected, strict=True):
        assert np.isnan(grad[1]).all()
        assert_same(grad[0], wanted[0])


def test_an_error_inside_a_program_is_raised_with_its_name_and_reason(monkeypatch: pytest.MonkeyPatch, arrays: Arrays):
    from gaussgrad.frameworks import kernels

    def fail(*_: Any) -> None:
        raise MemoryError("none left")

    drawn = jax.jit(draw("sum"))
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "forward", fail)
        with pytest.raises(jax.errors.JaxRuntimeError, match="gaussgrad: MemoryError: none left"):
            drawn(*arrays).block_until_ready()
    assert np.isfinite(drawn(*arrays)).all()


def test_lists_and_numbers_join_arrays(arrays: Arrays):
    image = jax.jit(lambda means: gaussgrad.render(means, [2, 0.5, 1.5], size=[7, 8], tolerance=0))(arrays[0])
    assert_same(image, gaussgrad.render(np.asarray(arrays[0]), [2, 0.5, 1.5], size=(7, 8), tolerance=0))


def test_arrays_of_numpy_beside_those_of_jax_are_refused(arrays: Arrays):
    with pytest.raises(TypeError, match=r"covariances must be a JAX array like means; .* jax\.numpy\.asarray"):
        draw("sum")(arrays[0], np.asarray(arrays[1]), arrays[2])


def test_large_programs_in_several_threads_end(rng: np.random.Generator):
    """Callbacks that make JAX arrays wait for each other here: jax-ml/jax issue 24255."""
    means = jnp.asarray(rng.uniform(0, 700, (50_000, 2)), "float32")
    weights = jnp.ones((50_000, 3), "float32")

    @jax.jit
    def program(means: Any) -> Any:
        for _ in range(3):
            image = gaussgrad.render(means, [0.5, 0.0, 0.5], weights, size=(512, 768))
            means = means + image[0, 0, 0]
        return image.sum()

    sums: list[float] = []
    workers = [threading.Thread(target=lambda: sums.append(float(program(means))), daemon=True) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert len(sums) == 3
    assert len(set(sums)) == 1


def test_an_empty_set_draws_nothing():
    image = jax.jit(lambda m, c: gaussgrad.render(m, c, size=(3, 4)))(jnp.zeros((0, 2)), jnp.zeros((0, 3)))
    np.testing.assert_array_equal(image, np.zeros((3, 4)))


def test_threads_reach_the_kernels(monkeypatch: pytest.MonkeyPatch, arrays: Arrays):
    from gaussgrad.frameworks import kernels

    seen = []
    forward = kernels.forward
    monkeypatch.setattr(kernels, "forward", lambda *given: seen.append(given[-1]) or forward(*given))
    jax.jit(lambda *given: gaussgrad.render(*given, size=(7, 8), threads=3))(*arrays).block_until_ready()
    assert seen == [3]


def test_other_functions_take_and_give_jax_arrays(arrays: Arrays):
    means, covariances, _ = arrays
    chained = jax.jit(lambda c: gaussgrad.covariance.from_cholesky(gaussgrad.covariance.to_cholesky(c)))(covariances)
    assert_same(chained, covariances)
    assert_same(jax.jit(lambda m: gaussgrad.to_pixels(m, size=(7, 8)))(means), gaussgrad.to_pixels(means, size=(7, 8)))


def test_views_are_the_buffers_themselves():
    values = np.arange(6, dtype="float32").reshape(2, 3)
    dims = (xla.ctypes.c_int64 * 2)(2, 3)
    view = xla._view(xla._Buffer(dtype=11, data=values.ctypes.data, rank=2, dims=dims))
    view[1, 2] = 7
    assert values[1, 2] == 7
    assert view.flags.c_contiguous


def test_programs_with_symbols_for_sizes_are_exported_by_the_reference(arrays: Arrays):
    batch, count = jax.export.symbolic_shape("b, n")
    shapes = [(batch, count, 2), (batch, count, 3), (batch, count)]
    exported = jax.export.export(jax.jit(draw("sum")))(*(jax.ShapeDtypeStruct(shape, float) for shape in shapes))
    loaded = jax.export.deserialize(exported.serialize())
    assert_same(loaded.call(*arrays), draw("sum")(*arrays))


def test_programs_of_kernels_are_not_exported_and_name_the_way_out(arrays: Arrays):
    with pytest.raises(ValueError, match="a kernel calls Python; to export, pass backend='reference'"):
        jax.export.export(jax.jit(draw("sum")))(*arrays)
    exported = jax.export.export(jax.jit(draw("sum", "reference")))(*arrays)
    assert_same(exported.call(*arrays), draw("sum")(*arrays))
