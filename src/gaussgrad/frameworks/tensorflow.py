"""TensorFlow: every operation with a custom gradient, of calls to the kernels: plain in eager mode, from graphs else.

The kernel's backward is the first derivative, the reference, differentiated by TensorFlow, the second and higher ones.
Kernels run on the CPU; TensorFlow copies what lies on another device. Programs that XLA compiles cannot call Python:
they get the reference. In graphs nothing raises for values: what is not valid gives NaN.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.record import could_possibly_record
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from gaussgrad import parallel
from gaussgrad.arrays import for_kernels, is_large_and_aligned
from gaussgrad.frameworks import kernels, tensorflow_namespace
from gaussgrad.op import Kernels, Operation

namespace = tensorflow_namespace

with tf.init_scope():  # out of the graph that may be under construction when this file is first imported
    _EAGER = type(tf.constant(0.0))
    # Graphs that call Python hold this variable, which nobody can save: TensorFlow then shows its name, and no message
    # of ours. Without it a saved graph would fail in the process that loads it.
    _NOT_SAVED = tf.raw_ops.VarHandleOp(
        dtype=tf.bool, shape=[], shared_name='gaussgrad: a kernel calls Python; to export, pass backend="reference"'
    )

COMPUTED = {tf.float32: "float32", tf.float64: "float64"}

Tensors = tuple[tf.Tensor, ...]


def owns(value: Any) -> bool:
    return isinstance(value, (tf.Tensor, tf.Variable))


def dtype_name(array: Any) -> str:
    return array.dtype.name


def device_name(array: Any) -> str:
    """TensorFlow itself brings tensors of different devices together."""
    return "tensorflow"


def to_float_hint(name: str) -> str:
    return f"tensorflow.cast({name}, 'float32')"


def agree(array: Any, other: Any) -> bool:
    """Whether two arrays are of one dtype, and the first is no variable."""
    return array.dtype == other.dtype and not isinstance(array, tf.Variable)


def cast(array: Any, dtype: str) -> tf.Tensor:
    array = array if isinstance(array, tf.Tensor) else tf.convert_to_tensor(array)
    return array if array.dtype == dtype else tf.cast(array, dtype)


def from_list(values: Any, dtype: str, like: Any) -> tf.Tensor:
    return tf.constant(values, dtype=dtype)


def concrete(array: tf.Tensor) -> np.ndarray | None:
    """The values to check, or None where they are not known: in graphs, and off the CPU."""
    if not isinstance(array, _EAGER) or "CPU" not in array.device:
        return None
    return array.numpy()


def apply(operation: Operation, arrays: Tensors, options: dict[str, Any], backend: str | None, threads: int) -> Any:
    if backend is not None:
        operation.check_backend(backend, "cpu", "TensorFlow tensors")
    in_xla = backend is None and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    kernels_of_cpu = None if backend == "reference" or in_xla else operation.load_kernels("cpu")
    if kernels_of_cpu is not None:
        calls = _Calls(operation, kernels_of_cpu, options, threads)
        recorded = not _known(arrays) or could_possibly_record()
        return _forward(calls, arrays) if recorded else calls.forward(arrays)[0]
    values = [concrete(array) for array in arrays]
    if all(value is not None for value in values):
        operation.check_values(*values, **options)
    return operation.reference(namespace, *arrays, **options)


class _Calls:
    """Calls of an operation's kernels from tensors: at once where their values are here, else later, by the graph."""

    def __init__(self, operation: Operation, kernels: Kernels, options: dict[str, Any], threads: int) -> None:
        self.operation, self.kernels, self.options, self.threads = operation, kernels, options, threads

    def forward(self, arrays: Tensors) -> list[tf.Tensor]:
        """The output and what is saved."""
        if _known(arrays):
            values = [for_kernels(array.numpy()) for array in arrays]
            threads = self.threads or parallel.available_cores()
            out, saved = self.operation.forward(self.kernels, values, self.options, threads)
            return [_tensor(array) for array in (out, *saved)]
        _refuse_to_be_saved()
        shapes = tuple(tuple(array.shape) for array in arrays)
        outputs = (self.operation.output(shapes, self.options), *self.operation.saved(shapes, self.options))
        dtypes = [output.dtype or arrays[0].dtype for output in outputs]
        results = tf.numpy_function(self._forward, arrays, dtypes, stateful=False)
        return [tf.ensure_shape(result, output.shape) for result, output in zip(results, outputs, strict=True)]

    def backward(self, grad: tf.Tensor, saved: list[tf.Tensor], arrays: Tensors) -> list[tf.Tensor]:
        """A gradient per array."""
        given = (grad, *saved, *arrays)
        if _known(given):
            return [_tensor(array) for array in self._backward(*(array.numpy() for array in given))]
        results = tf.numpy_function(self._backward, given, [array.dtype for array in arrays], stateful=False)
        return [tf.ensure_shape(result, array.shape) for result, array in zip(results, arrays, strict=True)]

    def reference(self, *arrays: tf.Tensor) -> tf.Tensor:
        return self.operation.reference(namespace, *arrays, **self.options)

    def _forward(self, *values: np.ndarray) -> list[np.ndarray]:
        return kernels.forward(self.kernels, list(values), self.options, self.threads)

    def _backward(self, grad: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
        count = len(values) - len(self.operation.arrays)
        saved, arrays = list(values[:count]), list(values[count:])
        return kernels.backward(self.kernels, grad, saved, arrays, self.options, self.threads)


def _refuse_to_be_saved() -> None:
    if tf.inside_function():
        tf.identity(_NOT_SAVED)


def _tensor(array: np.ndarray) -> tf.Tensor:
    """A tensor of an array that nobody else holds: a large one is taken over, where TensorFlow would copy it twice."""
    if is_large_and_aligned(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.convert_to_tensor(array)


def _known(arrays: Any) -> bool:
    return tf.executing_eagerly() and all(isinstance(array, _EAGER) for array in arrays)


def _forward(calls: _Calls, arrays: Tensors) -> tf.Tensor:
    @tf.custom_gradient
    def forward(*arrays: tf.Tensor) -> Any:
        out, *saved = calls.forward(arrays)
        return out, lambda grad: _backward(calls, grad, saved, arrays)

    return forward(*arrays)


def _backward(calls: _Calls, grad: tf.Tensor, saved: list[tf.Tensor], arrays: Tensors) -> list[tf.Tensor]:
    """A gradient per array, itself differentiable."""

    @tf.custom_gradient
    def backward(grad: tf.Tensor, *arrays: tf.Tensor) -> Any:
        return calls.backward(grad, saved, arrays), lambda *grads: _backward_again(calls, grads, grad, arrays)

    return backward(grad, *arrays)


def _backward_again(calls: _Calls, grads: Any, grad: tf.Tensor, arrays: Tensors) -> list[tf.Tensor]:
    """The derivative of the gradients, by the reference."""
    given = [tf.identity(array) for array in (grad, *arrays)]
    zero = tf.UnconnectedGradients.ZERO
    with tf.GradientTape() as second:
        second.watch(given)
        with tf.GradientTape() as first:
            first.watch(given[1:])
            out = calls.reference(*given[1:])
        inner = first.gradient(out, given[1:], output_gradients=given[0], unconnected_gradients=zero)
    return second.gradient(inner, given, output_gradients=list(grads), unconnected_gradients=zero)
