"""What the array API calls its functions, in TensorFlow, which has most of them under other names.

A size that is not known yet is None in a shape; where it can only be one, it may stand in a wanted shape too.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gaussgrad.frameworks import tensorflow_linalg as linalg

__all__ = ["linalg"]

abs = tf.abs
asinh = tf.asinh
astype = tf.cast
atan2 = tf.atan2
concat = tf.concat
cos = tf.cos
exp = tf.exp
expm1 = tf.math.expm1
int32 = tf.int32
log = tf.math.log
log1p = tf.math.log1p
max = tf.reduce_max
mean = tf.reduce_mean
min = tf.reduce_min
ones_like = tf.ones_like
prod = tf.reduce_prod
sin = tf.sin
sqrt = tf.sqrt
stack = tf.stack
sum = tf.reduce_sum
take = tf.gather
take_along_axis = tf.experimental.numpy.take_along_axis
tanh = tf.tanh
where = tf.where
zeros_like = tf.zeros_like


def arange(stop: int, *, device: Any = None) -> tf.Tensor:
    return tf.range(stop)


def asarray(values: Any, dtype: Any = None, device: Any = None) -> tf.Tensor:
    return tf.constant(values, dtype=dtype)


def ones(shape: Sequence[int], *, dtype: Any, device: Any = None) -> tf.Tensor:
    return tf.ones(shape, dtype)


def eye(count: int, *, dtype: Any, device: Any = None) -> tf.Tensor:
    return tf.eye(count, dtype=dtype)


def full_like(array: tf.Tensor, value: float) -> tf.Tensor:
    return tf.zeros_like(array) + value


def finfo(dtype: tf.DType) -> np.finfo:
    return np.finfo(dtype.as_numpy_dtype)


def cumulative_sum(array: tf.Tensor, *, axis: int) -> tf.Tensor:
    return tf.cumsum(array, axis=axis)


def hypot(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Not both are 0; the scale, which keeps squares within the dtype, does not change the value."""
    scale = tf.stop_gradient(tf.maximum(tf.abs(x), tf.abs(y)))
    return scale * tf.sqrt((x / scale) ** 2 + (y / scale) ** 2)


def logaddexp(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.reduce_logsumexp(tf.stack(broadcast_arrays(x, y)), axis=0)


def tril(array: tf.Tensor, *, k: int = 0) -> tf.Tensor:
    """For k of 0 and -1."""
    lower = tf.linalg.band_part(array, -1, 0)
    return lower if k == 0 else tf.linalg.set_diag(lower, tf.zeros_like(lower[..., 0]))


def reshape(array: tf.Tensor, shape: Sequence[int | None]) -> tf.Tensor:
    """One size may be unknown."""
    if all(isinstance(size, int) for size in shape):
        if tuple(shape) == tuple(array.shape):
            return array
        if tuple(shape) == (1, *array.shape):
            return tf.expand_dims(array, 0)
        if tf.executing_eagerly():
            return tf.reshape(array, _shape(tuple(shape)))
    return tf.reshape(array, [-1 if size is None else size for size in shape])


@functools.lru_cache(256)
def _shape(shape: tuple[int, ...]) -> tf.Tensor:
    """A shape as a tensor, whose making takes longer than reshaping; in plain calls only, graphs have their own."""
    with tf.device("CPU"):
        return tf.constant(shape, tf.int32)


def broadcast_to(array: tf.Tensor, shape: Sequence[int | None]) -> tf.Tensor:
    """Sizes that are unknown are those of the array."""
    if tuple(array.shape) == tuple(shape):
        return array
    own = tf.shape(array)
    missing = len(shape) - array.ndim
    if any(size is None and (axis < missing or array.shape[axis - missing]) for axis, size in enumerate(shape)):
        raise ValueError(f"an array of shape {tuple(array.shape)} cannot be stretched to the unknown sizes of {shape}")
    return tf.broadcast_to(array, [own[axis - missing] if size is None else size for axis, size in enumerate(shape)])


def stretch(arrays: Iterable[tf.Tensor], own_axes: Iterable[int]) -> tuple[tuple[Any, ...], list[tf.Tensor]]:
    """The leading axes that arrays broadcast to, each without its own last axes, and the arrays with these.

    A size that is not known yet is a number of the graph.
    """
    counted = [(array, array.ndim - own) for array, own in zip(arrays, own_axes, strict=True)]
    static = functools.reduce(tf.broadcast_static_shape, (array.shape[:count] for array, count in counted))
    later = functools.reduce(tf.broadcast_dynamic_shape, (tf.shape(array)[:count] for array, count in counted))
    leading = tuple(later[axis] if size is None else size for axis, size in enumerate(static))
    return leading, [tf.broadcast_to(array, [*leading, *array.shape[count:]]) for array, count in counted]


def broadcast_arrays(*arrays: tf.Tensor) -> list[tf.Tensor]:
    shapes = {tuple(array.shape) for array in arrays}
    if len(shapes) == 1 and None not in next(iter(shapes)):
        return list(arrays)
    shape = functools.reduce(tf.broadcast_dynamic_shape, (tf.shape(array) for array in arrays))
    static = functools.reduce(tf.broadcast_static_shape, (array.shape for array in arrays))
    return [tf.ensure_shape(tf.broadcast_to(array, shape), static) for array in arrays]
