"""What an operation is: a name, its arrays and options, one reference, and kernels that compute the same function."""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Shape = tuple[int, ...]
Options = Mapping[str, Any]
Results = tuple[Any, tuple[Any, ...]]  # the output, and what is saved for the backward pass


@dataclass(frozen=True)
class Output:
    """One array that a kernel writes: its shape, and its dtype (None: the dtype of the inputs)."""

    shape: Shape
    dtype: str | None = None


class Kernels(Protocol):
    """A module that computes one operation on one type of device.

    On the CPU it takes and gives NumPy arrays, contiguous and writeable as Numba compiles for them; elsewhere it takes
    and gives arrays of the framework. They are of one dtype, share one leading batch axis, and are never changed. Every
    element of the results is written.
    """

    @property
    def forward(self) -> Callable[..., Results]:
        """`forward(*arrays, threads, **options)`: the output, and what `backward` needs of it, for checked arrays."""

    @property
    def forward_if_valid(self) -> Callable[..., Results | None]:
        """The same of arrays that nobody checked; None where `valid` is False. It may read the arrays once for both."""

    @property
    def backward(self) -> Callable[..., tuple[Any, ...]]:
        """`backward(grad, saved, *arrays, threads, **options)`: a gradient per array."""

    @property
    def valid(self) -> Callable[..., bool]:
        """`valid(*arrays, threads=1, **options)`: quickly, whether `check_values` has nothing to refuse."""


@dataclass(frozen=True, eq=False)
class Operation:
    """A differentiable function of arrays that all carry one leading batch axis.

    `reference(xp, *arrays, **options, start=0, count=None)` evaluates `count` positions of the output from `start` on,
    its axes after (batch, channel) taken flat, in any framework with the namespace `xp`, and is differentiated there.
    In a traced program `start` may be an array.
    `kernels` is the table of what computes it faster: a type of device, as torch calls it, and the module of its
    `Kernels`. The backend that a user asks for is called like the last part of the module's name. Another backend is a
    new folder, and its line in this table.
    """

    name: str
    arrays: tuple[str, ...]
    options: Mapping[str, str]  # option name -> its type: "int[]", "str", "float"
    reference: Callable[..., Any]
    kernels: Mapping[str, str]  # type of device -> module
    output: Callable[[tuple[Shape, ...], Options], Output]
    saved: Callable[[tuple[Shape, ...], Options], tuple[Output, ...]]
    elements: Callable[[tuple[Shape, ...], Options], int]  # in the reference's largest array, per output position
    check_values: Callable[..., None]  # on NumPy arrays; raises ValueError
    backends: tuple[str | None, ...] = field(init=False)  # what a user may ask for

    def __post_init__(self) -> None:
        names = (backend_of(module) for module in self.kernels.values())
        object.__setattr__(self, "backends", (None, "reference", *names))  # every call looks it up

    def load_kernels(self, device: str) -> Kernels | None:
        """The kernels of a type of device, imported (and so their compiler with them) on first use; or None."""
        module = self.kernels.get(device)
        return None if module is None else _import(module)

    def check_backend(self, backend: str | None, device: str, place: str) -> None:
        """Refuse a backend of another type of device; `place` says where the arrays are."""
        here = (None, "reference", *(backend_of(module) for known, module in self.kernels.items() if known == device))
        if backend not in here:
            wanted = " or ".join(map(repr, here))
            raise ValueError(f"backend must be {wanted} for {place}; got {backend!r}.")

    def forward(self, kernels: Kernels, arrays: Sequence[Any], options: Options, threads: int) -> Results:
        """What the kernels give and save of NumPy arrays; what is to be refused raises its ValueError."""
        found = kernels.forward_if_valid(*arrays, threads=threads, **options)
        if found is None:
            self.check_values(*arrays, **options)
            return kernels.forward(*arrays, threads=threads, **options)
        return found


@functools.cache
def _import(module: str) -> Any:
    return importlib.import_module(module)


def backend_of(module: str) -> str:
    """What users call the kernels of a module."""
    return module.rpartition(".")[2]


OPERATIONS: dict[str, Operation] = {}


def register(operation: Operation) -> Operation:
    """Make the operation known to the framework adapters; each op's room calls this once, on import."""
    OPERATIONS[operation.name] = operation
    return operation
