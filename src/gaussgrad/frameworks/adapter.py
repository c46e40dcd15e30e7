"""What the module of each framework provides."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from gaussgrad.op import Operation


class Adapter(Protocol):
    """One framework's arrays, and how an operation runs on them, differentiably."""

    namespace: Any
    """Its functions by the names of the array API standard."""

    @property
    def COMPUTED(self) -> Mapping[Any, str]:
        """The dtypes that operations compute in, and how they are called."""

    def owns(self, value: Any) -> bool:
        """Whether the value is an array of the framework."""

    def agree(self, array: Any, other: Any) -> bool:
        """Whether two of its arrays are of one dtype and on one device, and the first can be used as it is."""

    def dtype_name(self, array: Any) -> str: ...

    def device_name(self, array: Any) -> str: ...

    def to_float_hint(self, name: str) -> str:
        """How a user makes an array of that name a floating-point one."""

    def cast(self, array: Any, dtype: str) -> Any: ...

    def from_list(self, values: Any, dtype: str, like: Any) -> Any:
        """An array of numbers, on the device of the array `like`, if that is not None."""

    def concrete(self, array: Any) -> np.ndarray | None:
        """The values to check, or None where they are not known, as while tracing."""

    def apply(
        self, operation: Operation, arrays: Any, options: dict[str, Any], backend: str | None, threads: int
    ) -> Any:
        """The operation on checked arrays of one dtype, each with one leading batch axis."""
