"""Where Triton's kernels run: on which devices, and why not elsewhere; and how arrays come to them."""

import functools
import importlib.metadata
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

OLDEST = (3, 4)  # of Triton: the first with `triton.knobs`


@functools.cache
def missing_for(device: str) -> str | None:
    """Why Triton's kernels do not run on a type of device, as torch calls it; None where they do."""
    if device != "cuda":
        return f"there are no kernels for devices of type {device}"
    import torch

    if torch.version.hip is not None:
        return "the kernels are not tested on AMD GPUs (ROCm)"
    return missing_here()


def missing_here() -> str | None:
    """Why Triton cannot be used, or None; without importing it."""
    wanted = ".".join(map(str, OLDEST))
    if find_spec("triton") is None:
        return f'Triton is not installed. Install "triton>={wanted}"'
    found = version()
    if tuple(map(int, re.findall(r"\d+", found)[:2])) < OLDEST:
        return f'Triton {found} is older than {wanted}. Install "triton>={wanted}"'
    return None


def version() -> str:
    """That of Triton, which builds of PyTorch bring by several names; the newest where nothing says it."""
    for name in ("triton", "pytorch-triton", "triton-windows"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "999.0"


def is_interpreted() -> bool:
    """Whether Triton interprets its kernels, which then take arrays of the CPU."""
    if missing_here() is not None:
        return False
    from triton import knobs

    return bool(knobs.runtime.interpret)


def on_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors, made to launch its kernels on their device, and to take and give NumPy arrays too.

    The interpreter needs that: on the CPU kernels are of NumPy arrays.
    """

    @functools.wraps(function)
    def launch(*arguments: Any, **options: Any) -> Any:
        import torch

        if any(isinstance(argument, np.ndarray) for argument in arguments):
            return _mapped(_to_numpy, function(*_mapped(_to_tensor, arguments), **options))
        tensor = arguments[0]
        if not tensor.is_cuda:
            return function(*arguments, **options)
        with torch.cuda.device(tensor.device):  # Triton launches on the current device, and on its current stream
            return function(*arguments, **options)

    return launch


def _mapped(function: Callable[[Any], Any], values: Any) -> Any:
    """The function of each array in nested tuples."""
    return tuple(_mapped(function, value) for value in values) if isinstance(values, tuple) else function(values)


def _to_tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(array)


def _to_numpy(result: Any) -> Any:
    return result.numpy() if hasattr(result, "numpy") else result
