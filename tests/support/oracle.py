"""What the contract compares with: the reference in float64, differentiated by torch's own autodiff."""

from types import SimpleNamespace

import array_api_compat.torch as torch_namespace
import numpy as np
import torch
from cases import Case

import gaussgrad  # noqa: F401 (registers the operations)
from gaussgrad.op import OPERATIONS, Operation


def operation_of(case: Case) -> Operation:
    return OPERATIONS[case.operation]


def upstream_of(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


def reference_in_torch(case: Case, dtype: str) -> SimpleNamespace:
    """The reference's output and the gradients that torch's own autodiff gives it, computed in float64."""
    arrays = [torch.tensor(array.astype("float64"), requires_grad=True) for array in case.typed(dtype)]
    out = operation_of(case).reference(torch_namespace, *arrays, **case.options)
    upstream = upstream_of(out.shape, dtype)
    grads = torch.autograd.grad(out, arrays, torch.tensor(upstream.astype("float64")))
    return SimpleNamespace(out=out.detach().numpy(), upstream=upstream, grads=[grad.numpy() for grad in grads])
