"""The logarithm of a vector, by the series of the inverse hyperbolic tangent."""

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
# 2 atanh(z) = z (2 + 2/3 z^2 + 2/5 z^4 + ...) on |z| <= 3 - sqrt(8); what is left out is below a tenth of a unit in the
# last place
_SERIES = {
    types.float32: tuple(np.float32(2 / (2 * n + 1)) for n in reversed(range(6))),
    types.float64: tuple(2 / (2 * n + 1) for n in reversed(range(12))),
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


def log(x):
    """The natural logarithm of positive normal numbers (kernels only)."""
    raise NotImplementedError("simd.log is for compiled kernels")


@overload(log, jit_options=INLINE)
def _log(x):
    log2 = _LOG2[x.scalar]
    highest, *others = _SERIES[x.scalar]
    terms = tuple(others)

    def implementation(x):
        m = _mantissa(x)
        z = (m - one(x)) / (m + one(x))
        square = z * z
        value = splat(highest, x)
        for term in terms:
            value = fused(value, square, splat(term, x))
        return fused(_exponent(x), splat(log2, x), value * z)

    return implementation
