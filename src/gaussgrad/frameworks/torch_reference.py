"""The reference as a kernel for torch devices without one: cut into spans of the output, so that it fits memory."""

import functools
from collections.abc import Iterator
from typing import Any

import array_api_compat.torch as namespace
import torch

from gaussgrad.op import Operation

SPAN_ELEMENTS = 2**25  # elements of one dense intermediate: 128 MiB in float32, a few of them live at a time

Tensors = tuple[torch.Tensor, ...]


def forward(operation: Operation, arrays: Tensors, options: dict[str, Any]) -> torch.Tensor:
    """The output (b, c, positions)."""
    spans = _spans(operation, arrays, options)
    return torch.cat([_piece(operation, options, start, stop, *arrays) for start, stop in spans], dim=-1)


def backward(operation: Operation, grad: torch.Tensor, arrays: Tensors, options: dict[str, Any]) -> list[torch.Tensor]:
    """A gradient per array, summed over the spans in their order.

    By `torch.func`: inside a custom op, where this runs, torch's own autograd records nothing.
    """
    totals = [torch.zeros_like(array) for array in arrays]
    for start, stop in _spans(operation, arrays, options):
        piece = functools.partial(_piece, operation, options, start, stop)
        parts = torch.func.vjp(piece, *(array.detach() for array in arrays))[1](grad[..., start:stop])
        for total, part in zip(totals, parts, strict=True):
            total += part
    return totals


def _piece(operation: Operation, options: dict[str, Any], start: int, stop: int, *arrays: torch.Tensor) -> torch.Tensor:
    """The positions [start, stop) of the output."""
    return operation.reference(namespace, *arrays, **options, start=start, count=stop - start)


def _spans(operation: Operation, arrays: Tensors, options: dict[str, Any]) -> Iterator[tuple[int, int]]:
    shapes = tuple(tuple(array.shape) for array in arrays)
    positions = operation.output(shapes, options).shape[-1]
    step = max(1, SPAN_ELEMENTS // max(1, operation.elements(shapes, options)))
    for start in range(0, positions, step):
        yield start, min(positions, start + step)
