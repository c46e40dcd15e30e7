"""The contract in TensorFlow: eager, and in graphs whose batch size is not known, one function and gradient.

A graph is traced for each case and dtype, so the cases are those of `SAMPLE`, see there.
"""

from typing import Any

import numpy as np
import pytest
from cases import SAMPLE, Case, with_dtypes
from oracle import operation_of, reference_in_torch
from tolerances import compare_gradients, compare_values

from gaussgrad.op import OPERATIONS

tf = pytest.importorskip("tensorflow")
tensorflow_framework = pytest.importorskip("gaussgrad.frameworks.tensorflow")

every_typed_case = pytest.mark.parametrize(
    ("case", "dtype"), [pytest.param(case, dtype, id=f"{dtype}-{case.label}") for case, dtype in with_dtypes(SAMPLE)]
)


def differentiate(case: Case, arrays: Any, upstream: Any, backend: str | None = None) -> tuple[Any, list[Any]]:
    """The output and the gradients."""
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        out = tensorflow_framework.apply(operation_of(case), tuple(arrays), case.options, backend, 0)
    return out, tape.gradient(out, arrays, output_gradients=upstream)


def compare(case: Case, dtype: str, differentiate: Any) -> None:
    expected = reference_in_torch(case, dtype)
    out, grads = differentiate([tf.constant(array) for array in case.typed(dtype)], tf.constant(expected.upstream))
    assert out.dtype == dtype
    compare_values(out.numpy(), expected.out, scale=case.scale, dtype=case.exactness(dtype))
    for grad, wanted in zip(grads, expected.grads, strict=True):
        assert grad.dtype == dtype
        compare_gradients(grad.numpy(), wanted)


@every_typed_case
def test_eager_tensors_give_what_the_reference_gives(case: Case, dtype: str):
    compare(case, dtype, lambda arrays, upstream: differentiate(case, arrays, upstream))


@every_typed_case
def test_graphs_of_unknown_batch_size_give_what_the_reference_gives(case: Case, dtype: str):
    arrays = [tf.TensorSpec((None, *array.shape[1:]), dtype) for array in case.arrays]
    rank = 2 if case.operation == "mixture_log_density" else 3
    signature = [arrays, tf.TensorSpec((None,) * rank, dtype)]
    compare(case, dtype, tf.function(lambda arrays, upstream: differentiate(case, arrays, upstream), signature))


@pytest.mark.parametrize("case", [c for c in SAMPLE if c.options.get("pixel") != "area"], ids=lambda case: case.label)
def test_programs_of_xla_run_the_reference(case: Case):
    compiled = tf.function(lambda arrays, upstream: differentiate(case, arrays, upstream), jit_compile=True)
    compare(case, "float64", compiled)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_reference_is_used_where_a_kernel_should_be(name: str):
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the reference was used where a kernel should be")

    case = next(case for case in SAMPLE if case.operation == name)
    arrays = [tf.constant(array) for array in case.arrays]
    original = OPERATIONS[name].reference
    object.__setattr__(OPERATIONS[name], "reference", refuse)
    try:
        for run in (differentiate, lambda *given: tf.function(lambda: differentiate(*given))()):
            _, grads = run(case, arrays, None)
            assert all(np.isfinite(grad).all() for grad in grads)
        with pytest.raises(AssertionError, match="where a kernel should be"):
            differentiate(case, arrays, None, "reference")
    finally:
        object.__setattr__(OPERATIONS[name], "reference", original)
