"""Logarithms of vectors, by the series of the inverse hyperbolic tangent."""

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from gaussgrad.simd.compilation import INLINE
from gaussgrad.simd.vector import fused, llvm_type, one, splat

_FORMATS = {  # bits, those of the mantissa, and the pattern of sqrt(1/2)
    types.float32: (32, 23, 0x3F3504F3),
    types.float64: (64, 52, 0x3FE6A09E667F3BCD),
}
# 2 atanh(z) = z (2 + 2/3 z^2 + 2/5 z^4 + ...) on |z| <= 1/3; the first term left out is below a unit in the last place
_SERIES = {
    types.float32: tuple(np.float32(2 / (2 * n + 1)) for n in reversed(range(8))),
    types.float64: tuple(2 / (2 * n + 1) for n in reversed(range(17))),
}
_LOG2 = {types.float32: np.float32(math.log(2)), types.float64: math.log(2)}


def _scaled(mantissa: bool):
    """The power of two that brings a positive normal number to [sqrt(1/2), sqrt(2)), or the number brought there."""

    @intrinsic
    def part(typing_context, value):
        bits, digits, start = _FORMATS[value.scalar]
        whole = ir.VectorType(ir.IntType(bits), value.lanes)

        def constant(number):
            return ir.Constant(whole, [number] * value.lanes)

        def generate(context, builder, signature, arguments):
            pattern = builder.bitcast(arguments[0], whole)
            exponent = builder.ashr(builder.sub(pattern, constant(start)), constant(digits))
            if not mantissa:
                return builder.sitofp(exponent, llvm_type(value))
            return builder.bitcast(builder.sub(pattern, builder.shl(exponent, constant(digits))), llvm_type(value))

        return value(value), generate

    return part


_exponent, _mantissa = _scaled(mantissa=False), _scaled(mantissa=True)


def twice_atanh(z):
    """2 atanh(z) for |z| <= 1/3 (kernels only)."""
    raise NotImplementedError("simd.twice_atanh is for compiled kernels")


@overload(twice_atanh, jit_options=INLINE)
def _twice_atanh(z):
    highest, *others = _SERIES[z.scalar]
    terms = tuple(others)

    def implementation(z):
        square = z * z
        value = splat(highest, z)
        for term in terms:
            value = fused(value, square, splat(term, z))
        return value * z

    return implementation


def log(x):
    """The natural logarithm of positive normal numbers (kernels only)."""
    raise NotImplementedError("simd.log is for compiled kernels")


@overload(log, jit_options=INLINE)
def _log(x):
    log2 = _LOG2[x.scalar]

    def implementation(x):
        m = _mantissa(x)
        return fused(_exponent(x), splat(log2, x), twice_atanh((m - one(x)) / (m + one(x))))

    return implementation


def log1p(x):
    """The natural logarithm of 1 + x, for x in [0, 1] (kernels only)."""
    raise NotImplementedError("simd.log1p is for compiled kernels")


@overload(log1p, jit_options=INLINE)
def _log1p(x):
    return lambda x: twice_atanh(x / (x + one(x) + one(x)))
