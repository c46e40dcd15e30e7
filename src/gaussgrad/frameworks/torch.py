"""PyTorch: every operation as a custom op with a fake implementation, wrapped in an autograd function with a vmap rule.

A custom op's own autograd (`register_autograd`) raises under `torch.func` and gives silent zeros in forward mode, so
the derivatives live in `torch.autograd.Function`s: the kernel's backward is the first derivative, the reference,
differentiated by torch, the second and higher ones. Forward mode raises.

Plain tensors in a plain call need none of this: they go to the kernels by a shorter way, which saves a third of the
time of a small image.
"""

import inspect
from typing import Any

import array_api_compat.torch
import numpy as np
import torch
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from gaussgrad.arrays import for_kernels
from gaussgrad.frameworks import torch_kernels, torch_reference
from gaussgrad.op import OPERATIONS, Operation, Output

Tensors = tuple[torch.Tensor, ...]

namespace = array_api_compat.torch

_PLAIN = (torch.Tensor, torch.nn.Parameter)
_DTYPES = {name: getattr(torch, name) for name in ("float16", "bfloat16", "float32", "float64", "int32")}
COMPUTED = {_DTYPES[name]: name for name in ("float32", "float64")}


def owns(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def dtype_name(array: torch.Tensor) -> str:
    return str(array.dtype).removeprefix("torch.")


def device_name(array: torch.Tensor) -> str:
    return str(array.device)


def to_float_hint(name: str) -> str:
    return f"{name}.float()"


def agree(array: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two arrays are of one dtype and on one device."""
    return array.dtype == other.dtype and array.device == other.device


def cast(array: torch.Tensor, dtype: str) -> torch.Tensor:
    return array if array.dtype == _DTYPES[dtype] else array.to(_DTYPES[dtype])  # `to` itself takes a microsecond


def from_list(values: Any, dtype: str, like: torch.Tensor | None) -> torch.Tensor:
    return torch.tensor(values, dtype=_DTYPES[dtype], device=None if like is None else like.device)


def concrete(array: torch.Tensor) -> np.ndarray | None:
    """The values to check, or None where they are not known: while tracing, under transforms, off the CPU."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or array.device.type != "cpu":
        return None
    try:
        return array.numpy(force=True)
    except (RuntimeError, TypeError):  # fake tensors and those wrapped by torch.func
        return None


def apply(
    operation: Operation, arrays: Tensors, options: dict[str, Any], backend: str | None, threads: int
) -> torch.Tensor:
    if backend is not None:
        operation = torch_kernels.force(operation, backend, arrays[0].device)
    if backend == "reference":
        _check_values(operation, arrays, options)
        return operation.reference(namespace, *arrays, **options)
    direct, general = _functions_of(operation)
    values = _plain_values(arrays) if "cpu" in operation.kernels else None
    if values is not None:
        return direct.apply(values, *arrays, *options.values(), threads)
    if backend is None and _in_onnx_export():
        return operation.reference(namespace, *arrays, **options)
    return general.apply(*arrays, *options.values(), threads)[0]


def _plain_values(tensors: Tensors) -> list[np.ndarray] | None:
    """The values, or None where somebody looks on who must see an operation of torch: a tracer, a transform, a mode."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or is_in_torch_dispatch_mode():
        return None
    if not all(type(tensor) in _PLAIN and tensor.is_cpu for tensor in tensors):
        return None
    try:
        return _numpy(tensors)
    except (RuntimeError, TypeError):  # wrapped by torch.func
        return None


def _in_onnx_export() -> bool:
    """Whether the program is on its way to ONNX, which knows no kernels of ours."""
    return (torch.jit.is_tracing() or torch.compiler.is_compiling()) and torch.onnx.is_in_onnx_export()


def _check_values(operation: Operation, arrays: Tensors, options: dict[str, Any]) -> None:
    values = [concrete(array) for array in arrays]
    if all(value is not None for value in values):
        operation.check_values(*values, **options)


def _shapes(arrays: Tensors) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(array.shape) for array in arrays)


def _empty(output: Output, like: torch.Tensor) -> torch.Tensor:
    return like.new_empty(output.shape, dtype=_DTYPES[output.dtype] if output.dtype else like.dtype)


def _numpy(tensors: Any) -> list[np.ndarray]:
    return [for_kernels(tensor.numpy(force=True)) for tensor in tensors]


def _contiguous(tensors: Any) -> list[torch.Tensor]:
    return [tensor.contiguous() for tensor in tensors]


class _CustomOps:
    """The two custom ops of an operation: `gaussgrad::name` and `gaussgrad::name_backward`."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.count = len(operation.arrays)
        named = ", ".join(f"Tensor {name}" for name in operation.arrays)
        options = ", ".join(f"{kind} {name}" for name, kind in {**operation.options, "threads": "int"}.items())
        self.forward = self._define(operation.name, f"({named}, {options}) -> Tensor[]", self._run_forward, self._fake)
        self.backward = self._define(
            f"{operation.name}_backward",
            f"(Tensor grad, Tensor[] saved, {named}, {options}) -> Tensor[]",
            self._run_backward,
            self._fake_backward,
        )

    @staticmethod
    def _define(name: str, schema: str, function: Any, fake: Any) -> Any:
        custom = torch.library.custom_op(f"gaussgrad::{name}", function, mutates_args=(), schema=schema)
        custom.register_fake(fake)
        return custom

    def _options(self, values: Any) -> dict[str, Any]:
        return dict(zip(self.operation.options, values, strict=True))

    def split(self, args: Any) -> tuple[Tensors, dict[str, Any], int]:
        """Arrays, options, threads."""
        return args[: self.count], self._options(args[self.count : -1]), args[-1] or torch.get_num_threads()

    def _run_forward(self, *args: Any) -> list[torch.Tensor]:
        arrays, options, threads = self.split(args)
        kernels = torch_kernels.load(self.operation, arrays[0].device.type)
        if kernels is None:
            return [torch_reference.forward(self.operation, arrays, options)]
        if arrays[0].is_cpu:
            return self.forward_values(kernels, _numpy(arrays), options, threads)
        out, saved = kernels.forward(*_contiguous(arrays), threads=threads, **options)
        return [out, *saved]

    def forward_values(
        self, kernels: Any, values: list[np.ndarray], options: dict[str, Any], threads: int
    ) -> list[torch.Tensor]:
        """On the CPU, whose kernels are of NumPy arrays."""
        out, saved = self.operation.forward(kernels, values, options, threads)
        return [torch.from_numpy(array) for array in (out, *saved)]

    def _fake(self, *args: Any) -> list[torch.Tensor]:
        arrays, options, _ = self.split(args)
        outputs = [self.operation.output(_shapes(arrays), options)]
        if torch_kernels.serves(self.operation, arrays[0].device.type):
            outputs += self.operation.saved(_shapes(arrays), options)
        return [_empty(output, arrays[0]) for output in outputs]

    def _run_backward(self, grad: torch.Tensor, saved: Any, *args: Any) -> list[torch.Tensor]:
        arrays, options, threads = self.split(args)
        kernels = torch_kernels.load(self.operation, grad.device.type)
        if kernels is None:
            return torch_reference.backward(self.operation, grad, arrays, options)
        if grad.is_cpu:
            return self.backward_values(kernels, _numpy((grad, *arrays)), saved, options, threads)
        grad, *values = _contiguous((grad, *arrays))
        return list(kernels.backward(grad, tuple(saved), *values, threads=threads, **options))

    @staticmethod
    def backward_values(
        kernels: Any, values: list[np.ndarray], saved: Any, options: dict[str, Any], threads: int
    ) -> list[torch.Tensor]:
        """On the CPU."""
        grad, *arrays = values
        grads = kernels.backward(grad, tuple(_numpy(saved)), *arrays, threads=threads, **options)
        return [torch.from_numpy(array) for array in grads]

    def _fake_backward(self, grad: torch.Tensor, saved: Any, *args: Any) -> list[torch.Tensor]:
        arrays, _, _ = self.split(args)
        return [array.new_empty(array.shape) for array in arrays]


def _fold(info: Any, tensors: Any, dims: Any) -> list[torch.Tensor]:
    """Tensors with the vmapped axis merged into their leading batch axis."""
    folded = []
    for tensor, dim in zip(tensors, dims, strict=True):
        whole = tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        folded.append(whole.reshape(-1, *whole.shape[2:]) if whole.shape[1] else whole.flatten(0, 1))
    return folded


def _unfold(info: Any, tensors: Any) -> Tensors:
    return tuple(tensor.reshape(info.batch_size, -1, *tensor.shape[1:]) for tensor in tensors)


def _make_functions(operation: Operation) -> tuple[type[torch.autograd.Function], type[torch.autograd.Function]]:
    """The differentiable functions of an operation, of arrays, options and threads.

    The first, for plain tensors, gives the output; the second gives the output and `saved`.
    """
    custom = _CustomOps(operation)
    # while tracing, closures may hold functions, numbers and op overloads only
    namespace_of_ops = torch.ops.gaussgrad
    run_forward = getattr(namespace_of_ops, operation.name).default
    run_backward = getattr(namespace_of_ops, f"{operation.name}_backward").default
    count = len(operation.arrays)
    extra = len(operation.options) + 1

    class Forward(torch.autograd.Function):
        @staticmethod
        def forward(*args: Any) -> Tensors:
            return tuple(run_forward(*args))

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs[:count], *output[1:])
            ctx.mark_non_differentiable(*output[1:])
            ctx.options = inputs[count:]

        @staticmethod
        def backward(ctx: Any, grad: Any, *_: Any) -> Any:
            tensors = ctx.saved_tensors  # once: checkpointing recomputes them each time
            arrays, saved = tensors[:count], tensors[count:]
            if torch.compiler.is_compiling() or not torch.is_grad_enabled():  # nobody will differentiate the gradient
                grads = run_backward(grad, list(saved), *arrays, *ctx.options)
            else:
                grads = Backward.apply(grad, *arrays, *ctx.options, *saved)
            return (*grads, *(None,) * extra)

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            out = Forward.apply(*_fold(info, args[:count], in_dims[:count]), *args[count:])
            return _unfold(info, out), (0,) * len(out)

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(grad: Any, *args: Any) -> Tensors:
            return tuple(run_backward(grad, list(args[count + extra :]), *args[: count + extra]))

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs[: count + 1])
            ctx.options = inputs[count + 1 : count + 1 + extra]
            ctx.saved_count = len(inputs) - count - extra - 1

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            options = dict(zip(operation.options, ctx.options[:-1], strict=True))

            def gradient(grad: Any, *arrays: Any) -> Any:
                reference = lambda *values: operation.reference(namespace, *values, **options)  # noqa: E731
                return torch.func.vjp(reference, *arrays)[1](grad)

            second = torch.func.vjp(gradient, *ctx.saved_tensors)[1](grads)
            return (*second, *(None,) * (extra + ctx.saved_count))

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            first, last = count + 1, count + 1 + extra
            arrays = _fold(info, args[:first], in_dims[:first])
            saved = _fold(info, args[last:], in_dims[last:])
            out = Backward.apply(*arrays, *args[first:last], *saved)
            return _unfold(info, out), (0,) * len(out)

    class Direct(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, values: list[np.ndarray], *args: Any) -> torch.Tensor:
            arrays, options, threads = custom.split(args)
            out, *saved = custom.forward_values(operation.load_kernels("cpu"), values, options, threads)
            ctx.save_for_backward(*arrays, *saved)
            ctx.options = args[count:]
            return out

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            tensors = ctx.saved_tensors  # once: checkpointing recomputes them each time
            arrays, saved = tensors[:count], tensors[count:]
            values = None if torch.is_grad_enabled() else _plain_values((grad, *arrays))
            if values is None:
                grads = Backward.apply(grad, *arrays, *ctx.options, *saved)
            else:
                _, options, threads = custom.split((*arrays, *ctx.options))
                grads = custom.backward_values(operation.load_kernels("cpu"), values, saved, options, threads)
            return (None, *grads, *(None,) * extra)

    # torch.compile tells a forward with a context from one without by counting parameters
    Forward.forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in (*operation.arrays, *operation.options)]
        + [inspect.Parameter("threads", inspect.Parameter.POSITIONAL_ONLY)]
    )
    for function in (Direct, Forward):
        function.__name__ = function.__qualname__ = operation.name
    Backward.__name__ = Backward.__qualname__ = f"{operation.name}_backward"
    return Direct, Forward


def _functions_of(operation: Operation) -> tuple[type[torch.autograd.Function], type[torch.autograd.Function]]:
    """Those of the operation, made when they are first asked for where it is the interpreted form of one."""
    if operation.name not in _FUNCTIONS:
        _FUNCTIONS[operation.name] = _make_functions(operation)
    return _FUNCTIONS[operation.name]


_FUNCTIONS = {name: _make_functions(operation) for name, operation in OPERATIONS.items()}
