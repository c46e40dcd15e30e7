"""Exponentials of vectors."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from gaussgrad.simd.compilation import INLINE
from gaussgrad.simd.vector import LANES, Vector, fused, llvm_type, splat, splat_value, zero


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


# 2**r on |r| <= 1/2, of even degree: what rounds, and the coefficients from the highest power down
_DEGREES = {types.float32: 6, types.float64: 12}


def _binary(scalar: types.Type) -> tuple[float, ...]:
    terms = economized(_SERIES, _HALF_WIDTH, _DEGREES[scalar])
    powers = [float(term) * math.log(2) ** n for n, term in enumerate(terms)]
    return float(_CONSTANTS[scalar][3]), *reversed(powers)


_BINARY = {scalar: _binary(scalar) for scalar in _DEGREES}
EXP2_TERMS = max(map(len, _BINARY.values()))


def put_exp2_terms(array):
    """Fill an array of EXP2_TERMS floats with the constants of `exp2` (kernels only)."""
    raise NotImplementedError("simd.put_exp2_terms is for compiled kernels")


@overload(put_exp2_terms, jit_options=INLINE)
def _put_exp2_terms(array):
    terms = _BINARY[array.dtype]

    def implementation(array):
        for k, term in enumerate(terms):
            array[k] = term

    return implementation


@intrinsic
def exp2_terms(typing_context, pointer):
    """The constants of `exp2`, a vector each, from where `put_exp2_terms` wrote them.

    From memory, because constants that the compiler knows it fetches anew for each vector of a loop.
    """
    vector, count = Vector(pointer.dtype, LANES[pointer.dtype]), len(_BINARY[pointer.dtype])
    pair = types.UniTuple(vector, 2)
    kind = types.Tuple((vector, vector, types.UniTuple(pair, count // 2 - 1)))

    def generate(context, builder, signature, arguments):
        places = [builder.gep(arguments[0], [ir.Constant(ir.IntType(64), k)]) for k in range(count)]
        magic, top, *others = (splat_value(builder, builder.load(place), vector.lanes) for place in places)
        pairs = [context.make_tuple(builder, pair, two) for two in zip(others[::2], others[1::2], strict=True)]
        return context.make_tuple(builder, kind, [magic, top, context.make_tuple(builder, kind[2], pairs)])

    return kind(pointer), generate


def exp2(x, terms):
    """2**x where that is a normal number, and anything elsewhere (kernels only).

    The relative error is below 1.5 units in the last place.
    """
    raise NotImplementedError("simd.exp2 is for compiled kernels")


@overload(exp2, jit_options=INLINE)
def _exp2(x, terms):
    def implementation(x, terms):
        magic, value, pairs = terms
        shifted = x + magic
        r = x - (shifted - magic)
        square = r * r
        for odd, even in pairs:  # two powers at a time: a vector waits for its exponential more than it works
            value = fused(value, square, fused(odd, r, even))
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
