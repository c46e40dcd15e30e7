"""A vector type for Numba kernels: a register full of float32, float64 or int32 values, and the arithmetic on it.

Numba's loop vectoriser needs 64 elements before it starts; the rows of a Gaussian are 20 long. With explicit vectors a
kernel says itself what is done at once. All arithmetic is IEEE (no reassociation), so equal expressions give equal bits
wherever they stand. Vectors are values: they live in registers and are never stored in Python objects.
"""

from gaussgrad.simd.compilation import INLINE, INNER, kernel, static, value_of
from gaussgrad.simd.exponential import LOWEST, exp, exp_both
from gaussgrad.simd.lanes import evens, larger, largest, odds, zip_high, zip_low
from gaussgrad.simd.logarithm import log
from gaussgrad.simd.memory import (
    address,
    get,
    iota,
    keep,
    lanes_of,
    load,
    peek,
    prefetch,
    put,
    scalar_type,
    scratch,
    store,
)
from gaussgrad.simd.vector import (
    LANES,
    Vector,
    absolute,
    both,
    ceil,
    equal,
    floor,
    fused,
    greater,
    one,
    select,
    splat,
    sqrt,
    total,
    width_of,
    zero,
)

__all__ = [
    "INLINE",
    "INNER",
    "LANES",
    "LOWEST",
    "Vector",
    "absolute",
    "address",
    "both",
    "ceil",
    "equal",
    "evens",
    "exp",
    "exp_both",
    "floor",
    "fused",
    "get",
    "greater",
    "iota",
    "keep",
    "kernel",
    "lanes_of",
    "larger",
    "largest",
    "load",
    "log",
    "odds",
    "one",
    "peek",
    "prefetch",
    "put",
    "scalar_type",
    "scratch",
    "select",
    "splat",
    "sqrt",
    "static",
    "store",
    "total",
    "value_of",
    "width_of",
    "zero",
    "zip_high",
    "zip_low",
]
