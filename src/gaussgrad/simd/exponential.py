"""The exponential of a vector."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from gaussgrad.simd.compilation import INLINE
from gaussgrad.simd.vector import fused, llvm_type, splat


@intrinsic
def _shift_exponent(typing_context, value, shifted):
    """value * 2**k, where `shifted` is k + magic (see `exp`): its low bits, moved up, are added to the exponent."""
    bits, mantissa = (32, 23) if value.scalar == types.float32 else (64, 52)
    whole = ir.VectorType(ir.IntType(bits), value.lanes)

    def generate(context, builder, signature, arguments):
        integers = [builder.bitcast(argument, whole) for argument in arguments]
        move = ir.Constant(whole, [mantissa] * value.lanes)
        exponent = builder.shl(integers[1], move)
        return builder.bitcast(builder.add(integers[0], exponent), llvm_type(value))

    return value(value, shifted), generate


# exp(r) on |r| <= log(2)/2 by its Taylor series (the last term is below half a unit in the last place)
_TERMS = {
    types.float32: tuple(np.float32(1 / c) for c in (1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0, 5040.0)),
    types.float64: tuple(1 / float(c) for c in np.cumprod([1.0, *range(1, 14)])),
}
# log(2) in two parts (the first with trailing zeros, so that k * high is exact), and 1.5 * 2**mantissa, which rounds
_CONSTANTS = {
    types.float32: tuple(np.float32(c) for c in (1.4426950408889634, 0.693359375, -2.12194440e-4, 12582912.0)),
    types.float64: (1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10, 6755399441055744.0),
}
# below it the result is not a normal number: e^x counts as 0
LOWEST = {np.dtype("float32"): np.float32(-87.3), np.dtype("float64"): np.float64(-708.3)}


def exp(x):
    """e**x for x between LOWEST and -LOWEST (kernels only); relative error below 2 units in the last place."""
    raise NotImplementedError("simd.exp is for compiled kernels")


@overload(exp, jit_options=INLINE)
def _exp(x):
    log2e, high, low, magic = _CONSTANTS[x.scalar]
    terms = _TERMS[x.scalar]
    last = len(terms) - 1
    reversed_terms = tuple(reversed(terms[:last]))
    top = terms[last]

    def implementation(x):
        shifted = fused(x, splat(log2e, x), splat(magic, x))
        k = shifted - splat(magic, x)
        r = fused(k, splat(-low, x), fused(k, splat(-high, x), x))
        value = splat(top, x)
        for term in reversed_terms:
            value = fused(value, r, splat(term, x))
        return _shift_exponent(value, shifted)

    return implementation
