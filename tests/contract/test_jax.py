"""The contract in JAX: compiled by XLA, every operation computes the same function and gradient as elsewhere.

A program is compiled for each case and dtype, so the cases are those of `SAMPLE`, see there.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from cases import SAMPLE, Case, with_dtypes
from oracle import operation_of, reference_in_torch
from tolerances import compare_gradients, compare_values

from gaussgrad.op import OPERATIONS

jax = pytest.importorskip("jax")
jax_framework = pytest.importorskip("gaussgrad.frameworks.jax")

POINTWISE = [case for case in SAMPLE if case.options.get("pixel") != "area"]
"""Without those whose reference is a long program to compile."""

every_typed_case = pytest.mark.parametrize(
    ("case", "dtype"),
    [pytest.param(case, dtype, id=f"{dtype}-{case.label}") for case, dtype in with_dtypes(SAMPLE)],
    indirect=["dtype"],
)


@pytest.fixture
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


def differentiate(function: Callable[..., Any], arrays: tuple[Any, ...], upstream: Any) -> tuple[Any, tuple[Any, ...]]:
    """The output and the gradients, both from one compiled program."""

    @jax.jit
    def both(*arrays: Any) -> tuple[Any, tuple[Any, ...]]:
        out, pull = jax.vjp(function, *arrays)
        return out, pull(upstream)

    return both(*arrays)


def compare(case: Case, dtype: str, backend: str | None = None) -> None:
    expected = reference_in_torch(case, dtype)

    def function(*arrays: Any) -> Any:
        return jax_framework.apply(operation_of(case), arrays, case.options, backend, 0)

    out, grads = differentiate(function, case.typed(dtype), expected.upstream)
    assert out.dtype == dtype
    compare_values(out, expected.out, scale=case.scale, dtype=case.exactness(dtype))
    for grad, wanted in zip(grads, expected.grads, strict=True):
        assert grad.dtype == dtype
        compare_gradients(grad, wanted)


@every_typed_case
def test_jax_gives_what_the_reference_gives(case: Case, dtype: str):
    compare(case, dtype)


@pytest.mark.parametrize("case", POINTWISE[::4], ids=lambda case: case.label)
def test_devices_without_kernels_run_the_reference_in_spans(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jax_framework, "SPAN_ELEMENTS", 1000)
    monkeypatch.setattr(jax_framework, "_on", lambda platforms, on_cpu, elsewhere, *arrays: elsewhere(*arrays))
    jax_framework._function.cache_clear()
    try:
        with jax.enable_x64(True):
            compare(case, "float64")
    finally:
        jax_framework._function.cache_clear()


@pytest.mark.parametrize("name", OPERATIONS)
def test_kernels_are_taken_where_a_program_could_run_elsewhere_too(name: str, monkeypatch: pytest.MonkeyPatch):
    case = next(case for case in SAMPLE if case.operation == name)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    with jax.enable_x64(True):
        arrays = tuple(map(jax.numpy.asarray, case.arrays))
        out = jax_framework.apply(OPERATIONS[name], arrays, case.options, None, 0)
    wanted = OPERATIONS[name].load_kernels("cpu").forward(*case.arrays, threads=1, **case.options)[0]
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_reference_is_used_where_a_kernel_should_be(name: str, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the reference was used where a kernel should be")

    case = next(case for case in SAMPLE if case.operation == name)
    original = OPERATIONS[name].reference
    jax_framework._function.cache_clear()
    object.__setattr__(OPERATIONS[name], "reference", refuse)
    try:
        with jax.enable_x64(False):
            arrays = tuple(map(jax.numpy.asarray, case.typed("float32")))
            function = lambda *arrays: jax_framework.apply(OPERATIONS[name], arrays, case.options, None, 0)  # noqa: E731
            _, grads = differentiate(function, arrays, jax.numpy.ones_like(function(*arrays)))
            assert all(np.isfinite(grad).all() for grad in grads)
            with pytest.raises(AssertionError, match="where a kernel should be"):
                jax_framework.apply(OPERATIONS[name], arrays, case.options, "reference", 0)
    finally:
        object.__setattr__(OPERATIONS[name], "reference", original)
