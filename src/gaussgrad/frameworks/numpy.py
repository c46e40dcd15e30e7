"""NumPy: values only, checked at the door."""

from typing import Any

import array_api_compat.numpy
import numpy as np

from gaussgrad import parallel
from gaussgrad.arrays import for_kernels
from gaussgrad.op import Operation

namespace = array_api_compat.numpy


def owns(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic))


_NAMES = {np.dtype(name): name for name in ("float16", "float32", "float64")}  # dtype.name itself takes a microsecond
COMPUTED = {np.dtype(name): name for name in ("float32", "float64")}


def dtype_name(array: Any) -> str:
    return _NAMES.get(array.dtype) or array.dtype.name


def device_name(array: Any) -> str:
    return "cpu"


def to_float_hint(name: str) -> str:
    return f"{name}.astype(numpy.float64)"


def agree(array: Any, other: Any) -> bool:
    """Whether two arrays are of one dtype."""
    return array.dtype == other.dtype


def cast(array: Any, dtype: str) -> Any:
    return np.asarray(array).astype(dtype, copy=False)


def from_list(values: Any, dtype: str, like: Any) -> Any:
    return np.array(values, dtype=dtype)


def concrete(array: Any) -> np.ndarray | None:
    """The values to check, or None where they are not known (never, in NumPy)."""
    return array


def apply(operation: Operation, arrays: tuple[Any, ...], options: dict[str, Any], backend: str | None, threads: int):
    if backend is not None:
        operation.check_backend(backend, "cpu", "NumPy arrays")
    kernels = None if backend == "reference" else operation.load_kernels("cpu")
    if kernels is None:
        operation.check_values(*arrays, **options)
        return operation.reference(namespace, *arrays, **options)
    values = [for_kernels(array) for array in arrays]
    return operation.forward(kernels, values, options, threads or parallel.available_cores())[0]
