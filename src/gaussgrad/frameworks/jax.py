"""JAX: every operation as a custom_vjp of calls that XLA makes, on the CPU to the kernels.

The kernel's backward is the first derivative, the reference, differentiated by JAX, the second and higher ones. On
other devices the reference, compiled by XLA in spans that fit memory, is the forward and the backward pass. Nothing
raises in a program: what is not valid gives NaN. Forward mode raises.
"""

import functools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gaussgrad.frameworks import kernels, xla
from gaussgrad.frameworks.numpy import COMPUTED as COMPUTED  # JAX has the dtypes of NumPy
from gaussgrad.frameworks.numpy import agree as agree
from gaussgrad.op import OPERATIONS, Operation, Output

namespace = jnp

SPAN_ELEMENTS = 2**25  # elements of one dense intermediate: 128 MiB in float32, a few of them live at a time
FORWARD, BACKWARD = (  # where JAX refuses to export a program, it shows these names and no message of ours
    f"gaussgrad {name}: a kernel calls Python; to export, pass backend='reference'" for name in ("forward", "backward")
)
KEPT_CALLS = 1024  # operations with their options, each with the programs compiled for it

Arrays = tuple[jax.Array, ...]
Function = Callable[..., Any]


def owns(value: Any) -> bool:
    return isinstance(value, jax.Array)


def dtype_name(array: jax.Array) -> str:
    return array.dtype.name


def device_name(array: jax.Array) -> str:
    """JAX itself refuses arrays of different devices, and traced ones have none."""
    return "jax"


def to_float_hint(name: str) -> str:
    return f"{name}.astype(jax.numpy.float32)"


def cast(array: jax.Array, dtype: str) -> jax.Array:
    return array if array.dtype == dtype else array.astype(dtype)


def from_list(values: Any, dtype: str, like: jax.Array | None) -> jax.Array:
    return jnp.asarray(values, dtype=dtype)


def concrete(array: jax.Array) -> np.ndarray | None:
    """The values to check, or None where they are not known: while tracing, under transforms, off the CPU."""
    if isinstance(array, jax.core.Tracer) or any(device.platform != "cpu" for device in array.devices()):
        return None
    return np.asarray(array)


def apply(operation: Operation, arrays: Arrays, options: dict[str, Any], backend: str | None, threads: int) -> Any:
    values = [concrete(array) for array in arrays]
    if all(value is not None for value in values):
        operation.check_values(*values, **options)
    if backend is not None:
        operation.check_backend(backend, "cpu", "JAX arrays")
    if backend == "reference" or (backend is None and _in_export(arrays)):
        return operation.reference(jnp, *arrays, **options)
    platforms = _platforms(operation, backend)
    return _function(operation, tuple(options.items()), threads, platforms)(*arrays)


def _in_export(arrays: Arrays) -> bool:
    """Whether the program leaves the process, as only programs with symbols for sizes do for certain."""
    return not all(isinstance(size, int) for array in arrays for size in array.shape)


@functools.lru_cache(maxsize=KEPT_CALLS)
def _function(operation: Operation, options: tuple[tuple[str, Any], ...], threads: int, platforms: str) -> Function:
    """The differentiable function of an operation's arrays, compiled once for each shape."""
    known = dict(options)
    dense = functools.partial(_dense, operation, known)

    def text(out: Any) -> str:
        return _Call(operation, known, threads, len(out.shape)).write()

    @jax.custom_vjp
    def forward(*arrays: jax.Array) -> list[jax.Array]:
        """The output, and what is saved, which has no derivative."""
        outputs = [_struct(output, arrays[0]) for output in _outputs(operation, arrays, known)]
        call = jax.ffi.ffi_call(FORWARD, outputs, vmap_method="broadcast_all")
        unused = [jnp.zeros(output.shape, output.dtype) for output in outputs[1:]]
        return _on(
            platforms,
            lambda *given: list(call(*given, call=text(outputs[0]))),
            lambda *given: [dense(*given), *unused],
            *arrays,
        )

    @jax.custom_vjp
    def backward(grad: jax.Array, saved: list[jax.Array], *arrays: jax.Array) -> Any:
        """A gradient per array."""
        outputs = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]
        call = jax.ffi.ffi_call(BACKWARD, outputs, vmap_method="broadcast_all")
        return tuple(
            _on(
                platforms,
                lambda grad, saved, *given: list(call(grad, *saved, *given, call=text(grad))),
                lambda grad, saved, *given: list(jax.vjp(dense, *given)[1](grad)),
                grad,
                saved,
                *arrays,
            )
        )

    def backward_again(residuals: Any, grads: Any) -> Any:
        grad, *arrays = residuals
        second = jax.vjp(lambda grad, *given: jax.vjp(dense, *given)[1](grad), grad, *arrays)[1](grads)
        return second[0], None, *second[1:]

    def forward_and_keep(*arrays: jax.Array) -> Any:
        results = forward(*arrays)
        return results, (results[1:], arrays)

    backward.defvjp(lambda grad, saved, *arrays: (backward(grad, saved, *arrays), (grad, *arrays)), backward_again)
    forward.defvjp(forward_and_keep, lambda kept, grads: backward(grads[0], kept[0], *kept[1]))
    return jax.jit(lambda *arrays: forward(*arrays)[0])


def _platforms(operation: Operation, backend: str | None) -> str:
    """Where a program may find itself: on the "cpu", with kernels; on "any" device; or where "none" has kernels."""
    if "cpu" not in operation.kernels:
        return "none"
    return "cpu" if backend is not None or jax.default_backend() == "cpu" else "any"


def _on(platforms: str, on_cpu: Function, elsewhere: Function, *arguments: Any) -> Any:
    """Where JAX has nothing but the CPU, the other function is not even traced."""
    if platforms == "cpu":
        return on_cpu(*arguments)
    if platforms == "none":
        return elsewhere(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=on_cpu, default=elsewhere)


def _outputs(operation: Operation, arrays: Arrays, options: dict[str, Any]) -> tuple[Output, ...]:
    shapes = tuple(array.shape for array in arrays)
    return operation.output(shapes, options), *operation.saved(shapes, options)


def _struct(output: Output, like: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(output.shape, output.dtype or like.dtype)


def _dense(operation: Operation, options: dict[str, Any], *arrays: jax.Array) -> jax.Array:
    """The output by the reference, in spans one after the other where it is large; so is its derivative."""
    shapes = tuple(array.shape for array in arrays)
    positions = operation.output(shapes, options).shape[-1]
    count = max(1, SPAN_ELEMENTS // max(1, operation.elements(shapes, options)))
    if count >= positions:
        return operation.reference(jnp, *arrays, **options)
    starts = jnp.arange(0, positions, count)  # the last span goes on beyond the frame

    @jax.checkpoint
    def span(start: jax.Array) -> jax.Array:
        return operation.reference(jnp, *arrays, **options, start=start, count=count)

    pieces = jnp.moveaxis(jax.lax.map(span, starts), 0, -2)  # (b, c, spans, count)
    return pieces.reshape(*pieces.shape[:-2], -1)[..., :positions]


@dataclass(frozen=True)
class _Call:
    """What a program holds of a call, as a text that other processes can read too: programs may be kept on disk."""

    operation: Operation
    options: dict[str, Any]
    threads: int
    rank: int  # of the output, without the axes that vmap adds in front

    @property
    def kernels(self) -> Any:
        """Those that XLA calls: of the CPU."""
        return self.operation.load_kernels("cpu")

    def write(self) -> str:
        call = {"operation": self.operation.name, "options": self.options, "threads": self.threads, "rank": self.rank}
        return json.dumps(call)

    @staticmethod
    @functools.lru_cache(maxsize=KEPT_CALLS)
    def read(text: str) -> "_Call":
        call = json.loads(text)
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in call["options"].items()}
        return _Call(OPERATIONS[call["operation"]], options, call["threads"], call["rank"])


def _run_forward(text: str, arguments: xla.Arrays, results: xla.Arrays) -> None:
    call = _Call.read(text)
    arrays = _fold(arguments, results[0].ndim - call.rank)
    values = kernels.forward(call.kernels, arrays, call.options, call.threads)
    for result, value in zip(results, values, strict=True):
        np.copyto(result, value.reshape(result.shape))


def _run_backward(text: str, arguments: xla.Arrays, results: xla.Arrays) -> None:
    call = _Call.read(text)
    grad, *rest = _fold(arguments, arguments[0].ndim - call.rank)
    saved, arrays = rest[: -len(results)], rest[-len(results) :]
    grads = kernels.backward(call.kernels, grad, saved, arrays, call.options, call.threads)
    for result, value in zip(results, grads, strict=True):
        np.copyto(result, value.reshape(result.shape))


def _fold(arrays: xla.Arrays, mapped: int) -> xla.Arrays:
    """Arrays with the axes that vmap put in front merged into the batch axis."""
    if not mapped:
        return arrays
    return [array.reshape(math.prod(array.shape[: mapped + 1]), *array.shape[mapped + 1 :]) for array in arrays]


_HANDLERS = {FORWARD: xla.make_handler(_run_forward), BACKWARD: xla.make_handler(_run_backward)}
for _name, _handler in _HANDLERS.items():
    jax.ffi.register_ffi_target(_name, jax.ffi.pycapsule(_handler), platform="cpu")
