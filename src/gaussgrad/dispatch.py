"""From the user's arrays to the framework that runs them; looks only at what the user has already imported."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.frameworks.adapter import Adapter
from gaussgrad.op import Operation


@dataclass(frozen=True)
class ArrayKind:
    """How the arrays of a framework are called, and how to make one."""

    types: tuple[str, ...]  # as the framework's own module names them
    noun: str
    conversion: str


ARRAYS = {
    "torch": ArrayKind(("Tensor",), "a torch tensor", "torch.as_tensor"),
    "jax": ArrayKind(("Array",), "a JAX array", "jax.numpy.asarray"),
    "tensorflow": ArrayKind(("Tensor", "Variable"), "a TensorFlow tensor", "tensorflow.convert_to_tensor"),
}
_COMPUTE = {"float16": "float32", "bfloat16": "float32", "float32": "float32", "float64": "float64"}


@dataclass(frozen=True)
class Unified:
    """The arguments of one call as arrays of one framework, one dtype (float32 or float64) and one device."""

    framework: Adapter
    arrays: tuple[Any, ...]
    dtype: str  # the dtype the user came with

    @property
    def namespace(self) -> Any:
        return self.framework.namespace

    def restore(self, result: Any) -> Any:
        """The result in the dtype the user came with."""
        return self.framework.cast(result, self.dtype)


def unify(optional: tuple[str, ...] = (), /, **arguments: Any) -> Unified:
    """The named arguments as arrays of one framework; those named in `optional` may be None and stay so.

    Lists, Python numbers and NumPy integers have no dtype of their own: they take that of the arrays beside them,
    or float64.
    """
    given = []
    for name, value in arguments.items():
        if value is not None:
            given.append(value)
        elif name not in optional:
            raise TypeError(checks.complain(name, "an array", "None"))
    found = _as_they_are(given)
    if found is not None:
        return Unified(found[0], tuple(arguments.values()), found[1])
    arguments = {name: _tensor_of(value) for name, value in arguments.items()}
    framework = _framework_of(arguments)
    typed = {name: value for name, value in arguments.items() if framework.owns(value) and not _is_weak(value)}
    dtype = _common_dtype(framework, typed)
    like = [*typed.values(), None][0]
    _check_devices(framework, typed)
    compute = _COMPUTE[dtype]
    arrays = []
    for name, value in arguments.items():
        if name in typed:
            arrays.append(framework.cast(value, compute))
        elif value is None:
            arrays.append(None)
        else:
            arrays.append(_from_list(framework, name, value, compute, like))
    return Unified(framework, tuple(arrays), dtype)


def run(operation: Operation, arrays: tuple[Any, ...], unified: Unified, backend: Any, threads: Any, **options: Any):
    """The operation on checked arrays with one leading batch axis, in their framework."""
    backend = checks.option("backend", backend, operation.backends)
    return unified.framework.apply(operation, arrays, options, backend, checks.thread_count(threads))


def _tensor_of(value: Any) -> Any:
    """What a variable of Keras holds, through which its gradient flows; other values as they are."""
    keras: Any = sys.modules.get("keras")
    known = () if keras is None else getattr(keras, "Variable", ())
    return value.value if isinstance(value, known) else value


def _is_weak(value: Any) -> bool:
    """Whether the value takes its dtype from the arrays beside it."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "iu"
    return isinstance(value, (list, tuple, int, float))


def _as_they_are(values: list[Any]) -> tuple[Adapter, str] | None:
    """The framework and dtype of arrays of kinds seen before, if nothing is to be converted or refused."""
    first = values[0]
    library = _LIBRARY_OF_TYPE.get(type(first))
    if library is None:
        return None
    framework = _adapter(library)
    dtype = framework.COMPUTED.get(first.dtype)
    if dtype is None:
        return None
    for value in values:  # a plain loop: all this is done for images that take a few microseconds
        if _LIBRARY_OF_TYPE.get(type(value)) != library or not framework.agree(value, first):
            return None
    return framework, dtype


def _framework_of(arguments: dict[str, Any]) -> Adapter:
    library, found = "numpy", ""
    for name, value in arguments.items():
        if value is None or isinstance(value, (np.ndarray, np.generic, list, tuple, int, float)):
            continue
        own = _library_of(name, value)
        if found and own != library:
            raise TypeError(
                checks.complain(name, f"{ARRAYS[library].noun} like {found}", ARRAYS[own].noun, "Convert it.")
            )
        library, found = own, found or name
    if found:
        for name, value in arguments.items():
            if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "iu":
                kind = ARRAYS[library]
                cure = f"Use {kind.conversion}({name})."
                raise TypeError(checks.complain(name, f"{kind.noun} like {found}", "a NumPy array", cure))
    return _adapter(library)


_LIBRARY_OF_TYPE: dict[type, str] = {np.ndarray: "numpy"}  # of those seen: asking every framework costs microseconds


def _library_of(argument: str, value: Any) -> str:
    """The framework whose array the value is, among those that the user has imported, or an error."""
    known = _LIBRARY_OF_TYPE.get(type(value))
    if known is not None:
        return known
    for library, kind in ARRAYS.items():
        module = sys.modules.get(library)
        if module is not None and isinstance(value, tuple(getattr(module, name, ()) for name in kind.types)):
            return _LIBRARY_OF_TYPE.setdefault(type(value), library)
    got = f"a {type(value).__module__}.{type(value).__qualname__}"
    wanted = "an array of NumPy, PyTorch, JAX or TensorFlow, or a list of numbers"
    cure = "Convert it with numpy.asarray."
    if type(value).__name__ == "KerasTensor":
        cure = "Use a layer of gaussgrad.layers.keras, or wrap the call into keras.layers.Lambda."
    raise TypeError(checks.complain(argument, wanted, got, cure))


def _adapter(library: str) -> Adapter:
    """The adapter of a framework, by import statements, which torch.compile can trace."""
    if library == "torch":
        from gaussgrad.frameworks import torch as torch_adapter

        return torch_adapter
    if library == "jax":
        from gaussgrad.frameworks import jax as jax_adapter

        return jax_adapter
    if library == "tensorflow":
        from gaussgrad.frameworks import tensorflow as tensorflow_adapter

        return tensorflow_adapter
    from gaussgrad.frameworks import numpy as numpy_adapter

    return numpy_adapter


def _common_dtype(framework: Adapter, typed: dict[str, Any]) -> str:
    dtype, owner = None, ""
    for name, value in typed.items():
        own = framework.dtype_name(value)
        if own not in _COMPUTE:
            cure = f"Use {framework.to_float_hint(name)}."
            raise TypeError(checks.complain(name, "of a floating-point dtype (float16 to float64)", own, cure))
        if dtype is not None and own != dtype:
            cure = "Convert one of them."
            raise TypeError(checks.complain(name, f"of the same dtype as {owner} ({dtype})", own, cure))
        dtype, owner = own, name
    return dtype or "float64"


def _check_devices(framework: Adapter, typed: dict[str, Any]) -> None:
    device, owner = None, ""
    for name, value in typed.items():
        own = framework.device_name(value)
        if device is not None and own != device:
            raise ValueError(
                checks.complain(name, f"on the same device as {owner} ({device})", own, "Move one of them.")
            )
        device, owner = own, name


def _from_list(framework: Adapter, name: str, value: Any, dtype: str, like: Any) -> Any:
    wanted = "numbers in a regular (not ragged) list"
    try:
        numbers = _holds_numbers(value)
    except RecursionError:
        raise TypeError(checks.complain(name, wanted, "one that contains itself, or is nested too deeply")) from None
    if not numbers:
        raise TypeError(
            checks.complain(name, wanted, "something else inside", f"Stack arrays first, as in stack({name}).")
        )
    try:
        return framework.from_list(value, dtype, like)
    except OverflowError:
        raise ValueError(checks.complain(name, "of numbers in the range of float64", "one beyond")) from None
    except (ValueError, TypeError):
        raise TypeError(checks.complain(name, wanted, "a ragged one", "Give every row the same length.")) from None


def _holds_numbers(value: Any) -> bool:
    """Whether a list holds numbers only, to any depth; arrays inside would lose their gradient."""
    if isinstance(value, (list, tuple)):
        return all(_holds_numbers(item) for item in value)
    return isinstance(value, (int, float, np.ndarray, np.generic))
