"""The contract of kernels: each module of the tables fits the protocol, and another backend is a folder and a line."""

import dataclasses
import inspect
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from cases import SAMPLE
from oracle import reference_in_torch
from tolerances import compare_gradients, compare_values

from gaussgrad.frameworks import numpy as numpy_framework
from gaussgrad.frameworks import torch as torch_framework
from gaussgrad.op import OPERATIONS, Operation, Output

TABLES = [(name, device) for name, operation in OPERATIONS.items() for device in operation.kernels]
VALUES = np.arange(6, dtype=np.float32).reshape(2, 1, 3)


@pytest.mark.parametrize(("name", "device"), TABLES)
def test_kernels_take_what_the_protocol_hands_them(name: str, device: str):
    operation = OPERATIONS[name]
    if device == "cuda":
        pytest.importorskip("triton")
    kernels = operation.load_kernels(device)
    arrays = [object()] * len(operation.arrays)
    options = dict.fromkeys(operation.options, object())
    assert kernels is not None
    inspect.signature(kernels.forward).bind(*arrays, threads=1, **options)
    inspect.signature(kernels.forward_if_valid).bind(*arrays, threads=1, **options)
    inspect.signature(kernels.backward).bind(object(), (), *arrays, threads=1, **options)
    inspect.signature(kernels.valid).bind(*arrays, threads=1, **options)
    inspect.signature(kernels.valid).bind(*arrays, **options)


class Counting(ModuleType):
    """Kernels that double values, of any framework, and count how often they do."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[str] = []

    def forward(self, values: Any, *, threads: int) -> tuple[Any, tuple]:
        self.calls.append("forward")
        return 2 * values, ()

    def forward_if_valid(self, values: Any, *, threads: int) -> tuple[Any, tuple]:
        return self.forward(values, threads=threads)

    def backward(self, grad: Any, saved: tuple, values: Any, *, threads: int) -> tuple[Any]:
        self.calls.append("backward")
        return (2 * grad,)

    def valid(self, values: Any, *, threads: int = 1) -> bool:
        return True


def reference_of_doubling(xp: Any, values: Any, *, start: int = 0, count: int | None = None) -> Any:
    return 2 * values[..., start : None if count is None else start + count]


def doubling(kernels: dict[str, str]) -> Operation:
    """An operation with this table; no framework is told of it."""
    return Operation(
        name="double",
        arrays=("values",),
        options={},
        reference=lambda xp, values, *, start=0, count=None: (
            2 * values[..., start : None if count is None else start + count]
        ),
        kernels=kernels,
        output=lambda shapes, options: Output(shapes[0]),
        saved=lambda shapes, options: (),
        elements=lambda shapes, options: 1,
        check_values=lambda values: None,
    )


@pytest.fixture
def abacus(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """What a new folder of kernels would be."""
    module = Counting("tests.abacus")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("gaussgrad.op._import", lambda name: sys.modules[name])
    return module


@pytest.fixture(scope="module")
def operation() -> Operation:
    """The operation with a backend for the CPU and one for GPUs: its two lines."""
    operation = doubling({"cpu": "tests.abacus", "cuda": "tests.abacus"})
    torch_framework._FUNCTIONS["double"] = torch_framework._make_functions(operation)
    yield operation
    del torch_framework._FUNCTIONS["double"]


def test_a_new_backend_is_called_by_its_folder_and_serves_numpy(abacus: Counting, operation: Operation):
    assert operation.backends == (None, "reference", "abacus", "abacus")
    for backend in (None, "abacus"):
        np.testing.assert_array_equal(numpy_framework.apply(operation, (VALUES,), {}, backend, 1), 2 * VALUES)
    assert abacus.calls == ["forward"] * 2
    numpy_framework.apply(operation, (VALUES,), {}, "reference", 1)
    assert abacus.calls == ["forward"] * 2


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_new_backend_serves_torch(abacus: Counting, operation: Operation, device: str):
    values = torch.tensor(VALUES, device=device, requires_grad=True)

    def double(values: torch.Tensor) -> torch.Tensor:
        return torch_framework.apply(operation, (values,), {}, "abacus", 1)

    out = double(values)
    torch.testing.assert_close(out, 2 * values)
    (grad,) = torch.autograd.grad(out.sum(), values)
    torch.testing.assert_close(grad, torch.full_like(values, 2))
    torch.func.grad(lambda values: double(values).sum())(values.detach())
    assert abacus.calls == ["forward", "backward"] * 2


@pytest.mark.parametrize("name", OPERATIONS)
def test_devices_without_a_backend_run_the_reference_and_its_gradient(name: str, monkeypatch: pytest.MonkeyPatch):
    """Through the custom ops of torch, as a GPU does."""
    case = next(case for case in SAMPLE if case.operation == name)
    expected = reference_in_torch(case, "float64")
    nowhere = dataclasses.replace(OPERATIONS[name], name=f"{name}_nowhere", kernels={})
    functions = torch_framework._make_functions(nowhere)
    monkeypatch.setitem(torch_framework._FUNCTIONS, nowhere.name, functions)
    monkeypatch.setattr(torch_framework.torch_reference, "SPAN_ELEMENTS", 200)
    arrays = tuple(torch.tensor(array, requires_grad=True) for array in case.typed("float64"))
    out = torch_framework.apply(nowhere, arrays, case.options, None, 1)
    compare_values(out, expected.out)
    for grad, wanted in zip(
        torch.autograd.grad(out, arrays, torch.tensor(expected.upstream)), expected.grads, strict=True
    ):
        compare_gradients(grad, wanted)
    found = numpy_framework.apply(nowhere, case.typed("float64"), case.options, None, 1)
    compare_values(found, expected.out)


def test_a_backend_of_another_device_is_refused(abacus: Counting):
    on_gpus = doubling({"cuda": "tests.abacus"})
    with pytest.raises(ValueError, match="backend must be None or 'reference' for NumPy arrays; got 'abacus'"):
        numpy_framework.apply(on_gpus, (VALUES,), {}, "abacus", 1)
    with pytest.raises(ValueError, match="backend must be None or 'reference' for tensors on cpu; got 'abacus'"):
        torch_framework.apply(on_gpus, (torch.tensor(VALUES),), {}, "abacus", 1)
    everywhere = doubling({"cpu": "tests.abacus", "cuda": "tests.triton"})
    with pytest.raises(ValueError, match="must be None or 'reference' or 'abacus' for NumPy arrays; got 'triton'"):
        numpy_framework.apply(everywhere, (VALUES,), {}, "triton", 1)
