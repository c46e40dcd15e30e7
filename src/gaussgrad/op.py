"""What an operation is: a name, its arrays and options, one reference, and kernels that compute the same function."""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Shape = tuple[int, ...]
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Output:
    """One array that a kernel writes: its shape, and its dtype (None: the dtype of the inputs)."""

    shape: Shape
    dtype: str | None = None


@dataclass(frozen=True, eq=False)
class Operation:
    """A differentiable function of arrays that all carry one leading batch axis.

    `reference(xp, *arrays, **options, start=0, count=None)` evaluates `count` positions of the output from `start` on,
    its axes after (batch, channel) taken flat, in any framework with the namespace `xp`, and is differentiated there.
    In a traced program `start` may be an array.
    `kernels` names a module with `forward(*arrays, threads, **options) -> out, saved` and
    `backward(grad_out, saved, *arrays, threads, **options) -> a gradient per array`, both on NumPy arrays, and
    `valid(*arrays, threads=1)`, which tells quickly whether `check_values` has nothing to refuse. Kernels that spend
    their time reading have `forward_if_valid(*arrays, threads, **options)` too, which reads the arrays once for both.
    """

    name: str
    arrays: tuple[str, ...]
    options: Mapping[str, str]  # option name -> its type: "int[]", "str", "float"
    reference: Callable[..., Any]
    kernels: str
    output: Callable[[tuple[Shape, ...], Options], Output]
    saved: Callable[[tuple[Shape, ...], Options], tuple[Output, ...]]
    elements: Callable[[tuple[Shape, ...], Options], int]  # in the reference's largest array, per output position
    check_values: Callable[..., None]  # on NumPy arrays; raises ValueError

    def load_kernels(self) -> ModuleType:
        """The kernel module, imported (and so Numba with it) on first use."""
        return _import(self.kernels)

    def forward_if_valid(self, arrays: Sequence[Any], options: Options, threads: int) -> tuple[Any, tuple] | None:
        """What the kernels give and save of NumPy arrays; None where `check_values` has something to refuse."""
        kernels = self.load_kernels()
        if hasattr(kernels, "forward_if_valid"):
            return kernels.forward_if_valid(*arrays, threads=threads, **options)
        if not kernels.valid(*arrays, threads=threads):
            return None
        return kernels.forward(*arrays, threads=threads, **options)

    def forward(self, arrays: Sequence[Any], options: Options, threads: int) -> tuple[Any, tuple]:
        """The same; what is to be refused raises its ValueError."""
        found = self.forward_if_valid(arrays, options, threads)
        if found is None:
            self.check_values(*arrays, **options)
            return self.load_kernels().forward(*arrays, threads=threads, **options)
        return found


@functools.cache
def _import(module: str) -> ModuleType:
    return importlib.import_module(module)


OPERATIONS: dict[str, Operation] = {}


def register(operation: Operation) -> Operation:
    """Make the operation known to the framework adapters; each op's room calls this once, on import."""
    OPERATIONS[operation.name] = operation
    return operation
