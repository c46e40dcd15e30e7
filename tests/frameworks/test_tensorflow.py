"""What TensorFlow users do with an operation: eager tensors, variables, graphs, tapes in tapes, XLA."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fresh import in_fresh_process

import gaussgrad

tf = pytest.importorskip("tensorflow")

COMPOSES = pytest.mark.parametrize("compose", ["sum", "max", "union"])

Tensors = tuple[Any, ...]


@pytest.fixture
def tensors(rng: np.random.Generator) -> Tensors:
    means = rng.uniform(0, 6, (2, 3, 2))
    covariances = np.tile([2.0, 0.5, 1.5], (2, 3, 1))
    return tuple(map(tf.constant, (means, covariances, rng.uniform(0.3, 0.8, (2, 3)))))


def draw(compose: str, backend: str | None = None) -> Callable[..., Any]:
    def function(*arrays: Any) -> Any:
        return gaussgrad.render(
            *arrays, size=(7, 8), amplitude="peak", compose=compose, tolerance=1e-3, backend=backend
        )

    return function


def gradients(function: Callable[..., Any], tensors: Tensors) -> list[Any]:
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = tf.reduce_sum(function(*tensors) ** 2)
    return tape.gradient(loss, tensors)


def second_derivative(function: Callable[..., Any], tensors: Tensors) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(tensors[0])
        along = tf.reduce_sum(gradients(function, tensors)[1])
    return tape.gradient(along, tensors[0])


def assert_same(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-11)


@COMPOSES
def test_second_derivatives_match_the_reference(compose: str, tensors: Tensors):
    expected = second_derivative(draw(compose, "reference"), tensors)
    assert np.abs(expected).max() > 1e-3
    assert_same(second_derivative(draw(compose), tensors), expected)
    assert_same(tf.function(lambda: second_derivative(draw(compose), tensors))(), expected)


def test_variables_are_tensors(tensors: Tensors):
    means = tf.Variable(tensors[0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(draw("sum")(means, *tensors[1:]) ** 2)
    assert_same(tape.gradient(loss, means), gradients(draw("sum"), tensors)[0])


def test_a_graph_of_unknown_sizes_broadcasts_as_a_plain_call(tensors: Tensors):
    means, covariances, weights = tensors
    unknown = [tf.TensorSpec((None, None, 2), "float64"), tf.TensorSpec((3,), "float64")]
    graph = tf.function(lambda m, c: draw("sum")(m, c, weights), unknown)
    assert_same(graph(means, covariances[0, 0]), draw("sum")(*tensors))
    rest = covariances, weights[None]
    batches = tf.function(lambda m: draw("sum")(m, *rest), [tf.TensorSpec((None, 1, 3, 2), "float64")])
    assert_same(batches(means[:, None]), draw("sum")(means[:, None], *rest))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_dtype_that_comes_goes_out(dtype: str, tensors: Tensors):
    typed = [tf.cast(tensor, dtype) for tensor in tensors]
    image = draw("sum")(*typed)
    assert image.dtype == dtype
    assert {grad.dtype.name for grad in gradients(draw("sum"), typed)} == {dtype}
    np.testing.assert_allclose(np.asarray(image, "float64"), draw("sum")(*tensors), rtol=0, atol=0.03)


def test_values_are_refused_in_a_plain_call_and_give_nan_in_a_graph(tensors: Tensors):
    means, covariances, weights = tensors
    with pytest.raises(ValueError, match="covariances must be positive definite"):
        draw("sum")(means, -covariances, weights)
    signs = tf.reshape(tf.constant([1.0, -1.0], "float64"), (2, 1, 1))
    image = tf.function(draw("sum"))(means, signs * covariances, weights)
    assert np.isnan(image[1]).all()
    assert_same(image[0], draw("sum")(*tensors)[0])


def test_shapes_and_dtypes_are_refused_while_tracing(tensors: Tensors):
    means, covariances, weights = tensors
    with pytest.raises(ValueError, match="covariances must be packed"):
        tf.function(draw("sum"))(means, covariances[..., :2], weights)
    with pytest.raises(TypeError, match=r"means must be of a floating-point dtype.*tensorflow\.cast"):
        tf.function(draw("sum"))(tf.cast(means, "int32"), covariances, weights)


def test_arrays_of_other_frameworks_beside_tensors_are_refused(tensors: Tensors):
    with pytest.raises(TypeError, match="weights must be a TensorFlow tensor like means; got a NumPy array"):
        draw("sum")(*tensors[:2], tensors[2].numpy())
    import torch

    with pytest.raises(TypeError, match="covariances must be a TensorFlow tensor like means; got a torch tensor"):
        draw("sum")(tensors[0], torch.ones(3, dtype=torch.float64))


def test_lists_and_numbers_join_tensors(tensors: Tensors):
    image = gaussgrad.render(tensors[0], [2, 0.5, 1.5], size=[7, 8], tolerance=0)
    assert_same(image, gaussgrad.render(tensors[0].numpy(), [2, 0.5, 1.5], size=(7, 8), tolerance=0))


def test_an_empty_set_draws_nothing():
    for function in (gaussgrad.render, tf.function(gaussgrad.render)):
        image = function(tf.zeros((0, 2)), tf.zeros((0, 3)), size=(3, 4))
        np.testing.assert_array_equal(image, np.zeros((3, 4)))


def test_impulses_of_unknown_number_share_their_kernel(tensors: Tensors):
    kernel = tf.constant([[1.0, 2.0], [3.0, 4.0]], "float64")
    graph = tf.function(
        lambda m: gaussgrad.render_impulses(m, kernel, size=(7, 8)), [tf.TensorSpec((None, 3, 2), "float64")]
    )
    assert_same(graph(tensors[0]), gaussgrad.render_impulses(tensors[0], kernel, size=(7, 8)))


@COMPOSES
@pytest.mark.parametrize("taped", [False, True])
def test_large_images_are_taken_over_whole(compose: str, taped: bool, rng: np.random.Generator):
    """They lie in memory of NumPy's, lent and given back, which must outlive the array and be nobody else's."""
    options = {"size": (400, 410), "amplitude": "peak", "compose": compose}
    arrays = (rng.uniform(0, 130, (20, 2)), np.tile([9.0, 1.0, 8.0], (20, 1)), rng.uniform(0.2, 0.9, 20))
    wanted = gaussgrad.render(*arrays, **options)
    tensors = tuple(map(tf.constant, arrays))
    with tf.GradientTape() if taped else contextlib.nullcontext():
        images = [gaussgrad.render(*tensors, **options) for _ in range(3)]
        gaussgrad.render(-tensors[0], *tensors[1:], **options)  # black, and gone
    for image in images:
        np.testing.assert_array_equal(image, wanted)


def draw_in_a_graph_first() -> list[float]:
    """The total of an image drawn by a graph, then plainly, in a process that draws for the first time."""
    means, covariances = tf.constant([[3.0, 3.0]]), tf.constant([1.0, 0.0, 1.0])

    def total() -> Any:
        return tf.reduce_sum(gaussgrad.render(means, covariances, size=(7, 8)))

    return [float(tf.function(total)()), float(total())]


def test_a_first_call_in_a_graph_leaves_plain_calls_right():
    """What a plain tensor is was once asked while a graph was under construction."""
    in_graph, plain = in_fresh_process(draw_in_a_graph_first)
    assert in_graph == plain == pytest.approx(1.0, abs=1e-2)


def test_a_graph_of_kernels_is_not_saved_and_names_the_way_out(tmp_path: Path):
    """TensorFlow would save it, and the process that loads it would fail."""
    module, points = tf.Module(), tf.constant([[1.0, 2.0], [3.0, 4.0]])
    module.draw = tf.function(lambda points: gaussgrad.render(points, [2.0, 0.0, 2.0], size=(7, 8)))
    module.draw(points)
    with pytest.raises((AssertionError, KeyError), match='a kernel calls Python; to export, pass backend="reference"'):
        tf.saved_model.save(module, tmp_path / "kernels")
    by_reference = lambda points: gaussgrad.render(points, [2.0, 0.0, 2.0], size=(7, 8), backend="reference")  # noqa: E731
    module.draw = tf.function(by_reference)
    image = module.draw(points)
    tf.saved_model.save(module, tmp_path / "reference")
    loaded = tf.saved_model.load(tmp_path / "reference")
    np.testing.assert_array_equal(loaded.draw(points), image)
