"""Which kernels serve the tensors of a device; where none do, one warning says why."""

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from gaussgrad import launching
from gaussgrad.op import OPERATIONS, Kernels, Operation, backend_of

TRITON = "triton"
P = ParamSpec("P")
T = TypeVar("T")


def _interpreted(operation: Operation) -> Operation:
    """The same operation with Triton's kernels on the CPU."""
    name = f"{operation.name}_interpreted"
    return dataclasses.replace(operation, name=name, kernels={"cpu": operation.kernels["cuda"]})


INTERPRETED = {name: _interpreted(operation) for name, operation in OPERATIONS.items() if "cuda" in operation.kernels}


def load(operation: Operation, device: str) -> Kernels | None:
    """The kernels for tensors on a type of device, or None, with a warning where other devices have some."""
    if serves(operation, device):
        return operation.load_kernels(device)
    if "cuda" in operation.kernels:
        _warn(device)
    return None


def serves(operation: Operation, device: str) -> bool:
    """Whether there are kernels for tensors on a type of device, and they run here."""
    module = operation.kernels.get(device)
    return module is not None and (device == "cpu" or backend_of(module) != TRITON or missing_for(device) is None)


def force(operation: Operation, backend: str, device: torch.device) -> Operation:
    """The operation that has this backend on this device, or a refusal of the backend.

    Where Triton interprets its kernels, they also take what is on the CPU.
    """
    place = f"tensors on {device}"
    if backend == TRITON and device.type == "cpu" and operation.name in INTERPRETED and _is_interpreted():
        return INTERPRETED[operation.name]
    operation.check_backend(backend, device.type, place)
    if backend == TRITON and (reason := missing_for(device.type)) is not None:
        raise ValueError(f"backend must be None or 'reference' for {place}, since {reason}; got {backend!r}.")
    return operation


def _constant(function: Callable[P, T]) -> Callable[P, T]:
    """What `torch.compiler.assume_constant_result` does, which imports the compiler for it: a second."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


@_constant
def missing_for(device: str) -> str | None:
    """Why Triton's kernels do not run on a type of device, or None."""
    return launching.missing_for(device)


@_constant
def _is_interpreted() -> bool:
    return launching.is_interpreted()


@functools.cache
def _warn(device: str) -> None:
    """Say it once."""
    reason = launching.missing_for(device)
    warnings.warn(
        f"The dense reference computes on {device}, right but slowly, since {reason}.", RuntimeWarning, stacklevel=2
    )
