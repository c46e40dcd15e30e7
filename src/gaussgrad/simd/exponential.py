"""Exponentials of vectors."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from gaussgrad.simd.compilation import INLINE
from gaussgrad.simd.vector import fused, llvm_type, splat, zero


def _shift_exponent(emit: str):
    """An intrinsic that adds an integer k to the exponent of a number, or takes it away.

    `shifted` is k + magic (see `_reduced`), whose low bits are k.
    """

    @intrinsic
    def shift(typing_context, value, shifted):
        bits, mantissa = (32, 23) if value.scalar == types.float32 else (64, 52)
        whole = ir.VectorType(ir.IntType(bits), value.lanes)

        def generate(context, builder, signature, arguments):
            integers = [builder.bitcast(argument, whole) for argument in arguments]
            exponent = builder.shl(integers[1], ir.Constant(whole, [mantissa] * value.lanes))
            return builder.bitcast(getattr(builder, emit)(integers[0], exponent), llvm_type(value))

        return value(value, shifted), generate

    return shift


_times_power, _over_power = _shift_exponent("add"), _shift_exponent("sub")


def economized(terms: list[Fraction], half_width: Fraction, degree: int) -> list[Fraction]:
    """The power series cut to a degree such that the error spreads evenly over [-half_width, half_width].

    From the highest power down, a multiple of the Chebyshev polynomial of that degree is taken off (Lanczos 1938,
    "Trigonometric interpolation of empirical and analytical functions").
    """
    terms = list(terms)
    polynomials = [[Fraction(1)], [Fraction(0), Fraction(1)]]
    while len(polynomials) < len(terms):
        doubled, before = [Fraction(0), *(2 * c for c in polynomials[-1])], polynomials[-2]
        polynomials.append([c - (before[i] if i < len(before) else 0) for i, c in enumerate(doubled)])
    while len(terms) > degree + 1:
        top = len(terms) - 1
        share = terms.pop() * half_width**top / polynomials[top][top]
        for i in range(top):
            terms[i] -= share * polynomials[top][i] / half_width**i
    return terms


# exp(r) on |r| <= log(2)/2, to less than a tenth of a unit in the last place
_SERIES = [Fraction(1, math.factorial(n)) for n in range(18)]
_HALF_WIDTH = Fraction(math.log(2)) / 2
_TERMS = {
    types.float32: tuple(np.float32(term) for term in economized(_SERIES, _HALF_WIDTH, 6)),
    types.float64: tuple(float(term) for term in economized(_SERIES, _HALF_WIDTH, 11)),
}
# log(2) in two parts (the first with trailing zeros, so that k * high is exact), and 1.5 * 2**mantissa, which rounds
_CONSTANTS = {
    types.float32: tuple(np.float32(c) for c in (1.4426950408889634, 0.693359375, -2.12194440e-4, 12582912.0)),
    types.float64: (1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10, 6755399441055744.0),
}
# below it the result is not a normal number: e^x counts as 0
LOWEST: dict[Any, Any] = {np.dtype("float32"): np.float32(-87.3), np.dtype("float64"): np.float64(-708.3)}


def _reduced(x):
    raise NotImplementedError


@overload(_reduced, jit_options=INLINE)
def _reduced_implementation(x):
    log2e, high, low, magic = _CONSTANTS[x.scalar]

    def implementation(x):
        shifted = fused(x, splat(log2e, x), splat(magic, x))
        k = shifted - splat(magic, x)
        return shifted, fused(k, splat(-low, x), fused(k, splat(-high, x), x))

    return implementation


def exp(x):
    """e**x for x between LOWEST and -LOWEST (kernels only); relative error below 1.5 units in the last place."""
    raise NotImplementedError("simd.exp is for compiled kernels")


@overload(exp, jit_options=INLINE)
def _exp(x):
    *lower_terms, top = _TERMS[x.scalar]
    reversed_terms = tuple(reversed(lower_terms))

    def implementation(x):
        shifted, r = _reduced(x)
        value = splat(top, x)
        for term in reversed_terms:
            value = fused(value, r, splat(term, x))
        return _times_power(value, shifted)

    return implementation


def exp_both(x):
    """e**x and e**-x, for hardly more than one of them (kernels only); within 2.5 units in the last place."""
    raise NotImplementedError("simd.exp_both is for compiled kernels")


@overload(exp_both, jit_options=INLINE)
def _exp_both(x):
    terms = _TERMS[x.scalar]
    *lower_evens, top_even = terms[0::2]
    *lower_odds, top_odd = terms[1::2]
    even_terms, odd_terms = tuple(reversed(lower_evens)), tuple(reversed(lower_odds))

    def implementation(x):
        shifted, r = _reduced(x)
        square = r * r
        even, odd = splat(top_even, x), splat(top_odd, x)
        for term in even_terms:
            even = fused(even, square, splat(term, x))
        for term in odd_terms:
            odd = fused(odd, square, splat(term, x))
        return _times_power(fused(odd, r, even), shifted), _over_power(fused(odd, zero(x) - r, even), shifted)

    return implementation
