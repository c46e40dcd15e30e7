"""Tails of the normal distribution, for vectors (docs/maths.md, equation 67)."""

import math
from fractions import Fraction

import numpy as np
from numba import types
from numba.extending import overload

from gaussgrad import simd
from gaussgrad.simd.exponential import economized

FARTHEST = {4: 12.9, 8: 37.5}  # bytes of the dtype: stddevs from which on the tail, hardly a normal number, counts as 0
INVERSE_ROOT = 1 / math.sqrt(2 * math.pi)
CENTRE = 5.0
TERMS = (
    0.769193049750063,
    0.6653825028900576,
    0.4953056159699805,
    0.3135331566712172,
    0.16502036617019517,
    0.06911863870874183,
    0.02079506680323404,
    0.0029933767389359726,
    -0.0007978694277475297,
    -0.0005448988347568596,
    -5.937558833377767e-05,
    4.976178374018789e-05,
    1.6680852719925394e-05,
    -3.977938262343427e-06,
    -2.7688787836720915e-06,
    3.311028544331811e-07,
    4.3347664285137567e-07,
    -3.5844546560871596e-08,
    -6.741689051823604e-08,
    5.027231930966982e-09,
    9.275082241537343e-09,
    -5.059297487966696e-10,
    -7.854458583247658e-10,
)
"""(z + 5) e^(z^2/2) Q(z) in powers of u = (5 - z) / (5 + z), for z >= 0: its Chebyshev series cut where 5e-17 is left.

The form is that of Schonfelder (1978), "Chebyshev expansions for the error and related functions".
"""
_ROUGHLY = economized([Fraction(term) for term in TERMS], Fraction(1), 11)  # to 1e-8
_SERIES = {types.float64: TERMS, types.float32: tuple(np.float32(term) for term in _ROUGHLY)}


def density_and_tail(z):
    """The density of the standard normal at z >= 0, and the probability of what lies beyond; z is at most `FARTHEST`.

    For vectors of both dtypes (kernels only); within 1e-15 and 4e-7 of the tail, relatively, but for the rounding of
    z squared.
    """
    raise NotImplementedError


@overload(density_and_tail, jit_options=simd.INLINE)
def _density_and_tail(z):
    number = z.scalar
    terms = _SERIES[number]
    top_even, *lower_evens = reversed(terms[0::2])
    top_odd, *lower_odds = reversed(terms[1::2])
    evens, odds = tuple(lower_evens), tuple(lower_odds)

    def implementation(z):
        inverse = simd.one(z) / (z + number(CENTRE))
        u = inverse * number(2 * CENTRE) - simd.one(z)
        square = u * u
        even, odd = simd.splat(top_even, z), simd.splat(top_odd, z)
        for term in evens:
            even = simd.fused(even, square, simd.splat(term, z))
        for term in odds:
            odd = simd.fused(odd, square, simd.splat(term, z))
        shape = simd.exp(z * z * number(-0.5))
        return shape * number(INVERSE_ROOT), shape * inverse * simd.fused(odd, u, even)

    return implementation
