"""From divergences to one loss: free bits, reductions in every framework, and the factor beta."""

import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values

from gaussgrad.layers.reductions import annealed_beta, reduce_divergence


def test_free_bits_leave_small_divergences_without_gradient():
    each = torch.tensor([[0.1, 0.8], [0.5, 0.1]], requires_grad=True)
    total = reduce_divergence(each, "batch", free_bits=0.4)
    compare_values(total, torch.tensor((0.4 + 0.8 + 0.5 + 0.4) / 2))
    total.backward()
    compare_gradients(each.grad, torch.tensor([[0.0, 0.5], [0.5, 0.0]]))
    each.grad = None
    total = reduce_divergence(each, "batch", free_bits=0.4, free_bits_of="batch mean")  # means 0.3 and 0.45
    compare_values(total, torch.tensor(0.4 + 0.45))
    total.backward()
    compare_gradients(each.grad, torch.tensor([[0.0, 0.5], [0.0, 0.5]]))


@pytest.mark.parametrize("free_bits", [0.0, 0.4])
@pytest.mark.parametrize(
    ("reduction", "free_bits_of"),
    [("none", "example"), ("example", "example"), ("batch", "example"), ("batch", "batch mean")],
)
@pytest.mark.parametrize("framework", ["torch", "jax", "tensorflow"])
def test_every_framework_reduces_as_numpy_does(framework, reduction, free_bits_of, free_bits, rng):
    pytest.importorskip(framework)
    each = rng.random((4, 2, 3)).astype(np.float32)
    options = {"free_bits": free_bits, "free_bits_of": free_bits_of, "beta": 0.5}
    reduced = reduce_divergence(make(framework, each), reduction, **options)
    compare_values(np.asarray(reduced), reduce_divergence(each, reduction, **options))


def make(framework, values):
    if framework == "torch":
        return torch.as_tensor(values)
    if framework == "jax":
        import jax

        return jax.numpy.asarray(values)
    import tensorflow as tf

    return tf.constant(values)


def test_beta_rises_once_or_again_and_again():
    assert [annealed_beta(step, rise=4, start=0.2) for step in (0, 2, 4, 9)] == pytest.approx([0.2, 0.6, 1.0, 1.0])
    assert [annealed_beta(step, rise=2, period=3, stop=2.0) for step in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    assert annealed_beta(0, rise=0) == 1.0


@pytest.mark.parametrize(
    ("error", "step", "options", "words"),
    [
        (ValueError, 0, {"rise": 4, "period": 2}, "period must be at least rise, 4 steps"),
        (ValueError, -1, {"rise": 4}, "step must be a number of steps"),
        (TypeError, 0.5, {"rise": 4}, "step must be a number of steps"),
    ],
)
def test_steps_that_cannot_be_are_refused(error, step, options, words):
    with pytest.raises(error, match=words):
        annealed_beta(step, **options)
