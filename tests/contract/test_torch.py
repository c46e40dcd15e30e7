"""The contract: every operation, implementation and framework computes one function and its gradient."""

import itertools
import sys
from typing import Any

import numpy as np
import pytest
import torch
from cases import CASES, MAY_BE_MINUS_INFINITY, Case, with_dtypes
from dirty_memory import leave_dirty_memory
from oracle import operation_of, reference_in_torch, upstream_of
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad import parallel
from gaussgrad.frameworks import numpy as numpy_framework
from gaussgrad.frameworks import torch as torch_framework
from gaussgrad.frameworks import torch_reference
from gaussgrad.op import OPERATIONS

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
every_typed_case = pytest.mark.parametrize(
    ("case", "dtype"), [pytest.param(case, dtype, id=f"{dtype}-{case.label}") for case, dtype in with_dtypes(CASES)]
)


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `empty` start as NaN, so that an element that nobody writes shows."""

    def empty(shape: Any, dtype: Any = float) -> np.ndarray:
        return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 77, dtype)

    monkeypatch.setattr(np, "empty", empty)
    monkeypatch.setattr(np, "empty_like", lambda array, **_: empty(array.shape, array.dtype))


def test_every_operation_has_cases():
    assert {case.operation for case in CASES} == set(OPERATIONS)


@every_typed_case
def test_kernels_match_the_reference(case: Case, dtype: str, monkeypatch: pytest.MonkeyPatch):
    expected = reference_in_torch(case, dtype)
    kernels = operation_of(case).load_kernels("cpu")
    arrays = case.typed(dtype)
    scale = 1.0 if case.options.get("compose") == "union" else None
    kernels.backward(
        expected.upstream, kernels.forward(*arrays, threads=1, **case.options)[1], *arrays, threads=1, **case.options
    )
    poison(monkeypatch)  # once compiled: Numba itself calls numpy.empty by name
    out, saved = kernels.forward(*arrays, threads=1, **case.options)
    compare_values(out, expected.out, scale=scale, dtype=case.exactness(dtype))
    grads = kernels.backward(expected.upstream, saved, *arrays, threads=1, **case.options)
    for grad, array, wanted in zip(grads, arrays, expected.grads, strict=True):
        assert grad.dtype == array.dtype
        compare_gradients(grad, wanted)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the C library of Linux for memory")
@every_typed_case
def test_kernels_take_nothing_from_memory_that_was_not_written(case: Case, dtype: str):
    kernels = operation_of(case).load_kernels("cpu")
    arrays = case.typed(dtype)

    def both() -> list[np.ndarray]:
        leave_dirty_memory()
        out, saved = kernels.forward(*arrays, threads=1, **case.options)
        upstream = upstream_of(out.shape, dtype)
        leave_dirty_memory()
        return [out, *kernels.backward(upstream, saved, *arrays, threads=1, **case.options)]

    for first, again in zip(both(), both(), strict=True):
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, again)


@every_typed_case
def test_kernels_write_what_the_operation_declares(case: Case, dtype: str):
    operation = operation_of(case)
    arrays = case.typed(dtype)
    shapes = tuple(array.shape for array in arrays)
    out, saved = operation.load_kernels("cpu").forward(*arrays, threads=1, **case.options)
    declared = (operation.output(shapes, case.options), *operation.saved(shapes, case.options))
    assert [(array.shape, array.dtype.name) for array in (out, *saved)] == [
        (output.shape, output.dtype or dtype) for output in declared
    ]


@every_typed_case
def test_valid_is_what_the_value_check_takes(case: Case, dtype: str):
    operation = operation_of(case)
    kernels = operation.load_kernels("cpu")
    arrays = case.typed(dtype)
    operation.check_values(*arrays, **case.options)
    assert kernels.valid(*arrays, **case.options)
    for position, bad in itertools.product(range(len(arrays)), (np.nan, np.inf, -np.inf)):
        spoilt = [array.copy() for array in arrays]
        spoilt[position].reshape(-1)[-1] = bad
        if bad == -np.inf and (operation.name, operation.arrays[position]) in MAY_BE_MINUS_INFINITY:
            spoilt[position][-1] = bad
        assert not kernels.valid(*spoilt, **case.options)
        with pytest.raises(ValueError, match=f"{case.names[position]} must be"):
            operation.check_values(*spoilt, **case.options)


@every_case
def test_kernel_gradients_match_central_differences(case: Case):
    """Of the very function the kernel computes: its truncation included."""
    kernels = operation_of(case).load_kernels("cpu")
    arrays = case.typed("float64")
    out, saved = kernels.forward(*arrays, threads=1, **case.options)
    upstream = upstream_of(out.shape, "float64")
    grads = kernels.backward(upstream, saved, *arrays, threads=1, **case.options)
    rng = np.random.default_rng(2)
    for position, grad in enumerate(grads):
        direction = rng.normal(size=grad.shape)

        def loss(step: float, position: int = position, direction: np.ndarray = direction) -> float:
            moved = list(arrays)
            moved[position] = arrays[position] + step * direction
            return float(np.sum(kernels.forward(*moved, threads=1, **case.options)[0] * upstream))

        step = 1e-6
        difference = (loss(step) - loss(-step)) / (2 * step)
        scale = max(float(np.max(np.abs(grad))), 1e-6 * float(np.max(np.abs(upstream)))) * np.sqrt(grad.size)
        assert abs(difference - np.sum(grad * direction)) <= 1e-6 * scale


@every_case
def test_any_number_of_threads_gives_the_same_bits(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    kernels = operation_of(case).load_kernels("cpu")
    dtype = case.dtypes[-1]
    arrays, results = case.typed(dtype), []
    for threads in (1, 2, 3, 7):
        out, saved = kernels.forward(*arrays, threads=threads, **case.options)
        grads = kernels.backward(upstream_of(out.shape, dtype), saved, *arrays, threads=threads, **case.options)
        results.append((out, *saved, *grads))
    for result in results[1:]:
        for first, other in zip(results[0], result, strict=True):
            np.testing.assert_array_equal(first, other)


@every_typed_case
def test_torch_gives_what_the_kernels_give(case: Case, dtype: str):
    operation = operation_of(case)
    expected = reference_in_torch(case, dtype)
    arrays = tuple(torch.tensor(array, requires_grad=True) for array in case.typed(dtype))
    out = torch_framework.apply(operation, arrays, case.options, None, 0)
    scale = 1.0 if case.options.get("compose") == "union" else None
    compare_values(out, expected.out, scale=scale, dtype=case.exactness(dtype))
    grads = torch.autograd.grad(out, arrays, torch.tensor(expected.upstream))
    for grad, wanted in zip(grads, expected.grads, strict=True):
        compare_gradients(grad, wanted)


@every_case
def test_numpy_gives_what_the_kernels_give(case: Case):
    operation = operation_of(case)
    arrays = case.typed("float64")
    wanted = operation.load_kernels("cpu").forward(*arrays, threads=1, **case.options)[0]
    np.testing.assert_array_equal(numpy_framework.apply(operation, arrays, case.options, None, 1), wanted)
    reference = numpy_framework.apply(operation, arrays, case.options, "reference", 1)
    compare_values(reference, wanted, dtype=case.exactness("float64"))


@every_case
def test_reference_in_spans_matches_the_whole(case: Case, monkeypatch: pytest.MonkeyPatch):
    """What devices without kernels run: the reference cut into pieces that fit memory, and its gradient."""
    expected = reference_in_torch(case, "float64")
    operation, arrays = operation_of(case), tuple(torch.tensor(array) for array in case.typed("float64"))
    elements = operation.elements(tuple(tuple(array.shape) for array in arrays), case.options)
    span = max(1, expected.out.shape[-1] // 6)  # the last one is shorter
    monkeypatch.setattr(torch_reference, "SPAN_ELEMENTS", span * elements)
    out = torch_reference.forward(operation, arrays, case.options)
    compare_values(out, expected.out)
    grads = torch_reference.backward(operation, torch.tensor(expected.upstream), arrays, case.options)
    for grad, wanted in zip(grads, expected.grads, strict=True):
        compare_gradients(grad, wanted)


@pytest.fixture
def without_reference(monkeypatch: pytest.MonkeyPatch):
    """Operations whose reference raises; `gaussgrad` must not need it where kernels exist."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the reference was used where a kernel should be")

    originals = {name: operation.reference for name, operation in OPERATIONS.items()}
    for operation in OPERATIONS.values():
        object.__setattr__(operation, "reference", refuse)
    yield
    for name, operation in OPERATIONS.items():
        object.__setattr__(operation, "reference", originals[name])


@every_case
@pytest.mark.usefixtures("without_reference")
def test_no_reference_is_used_where_a_kernel_should_be(case: Case):
    operation = operation_of(case)
    numpy_framework.apply(operation, case.typed(case.dtypes[-1]), case.options, None, 1)
    arrays = tuple(torch.tensor(array, requires_grad=True) for array in case.typed(case.dtypes[-1]))
    torch_framework.apply(operation, arrays, case.options, None, 1).sum().backward()
    assert all(array.grad is not None for array in arrays)


@pytest.mark.usefixtures("without_reference")
def test_the_guard_against_the_reference_bites():
    with pytest.raises(AssertionError, match="where a kernel should be"):
        gaussgrad.render([[1.0, 1.0]], [1.0, 0.0, 1.0], size=(3, 3), backend="reference")
