"""Tails of the normal distribution, for vectors of float64 (docs/maths.md, equation 70)."""

import math

from numba import njit

from gaussgrad import simd

FARTHEST = {4: 13.0, 8: 37.6}  # bytes of the dtype: stddevs from which on the tail counts as 0; it is no normal number
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
EVENS, ODDS = TERMS[::-2], TERMS[-2::-2]


@njit(**simd.INLINE)
def density_and_tail(z):
    """The density of the standard normal at z >= 0, and the probability of what lies beyond; z is at most 37.6."""
    inverse = simd.one(z) / (z + CENTRE)
    u = inverse * (2 * CENTRE) - simd.one(z)
    square = u * u
    even, odd = simd.splat(EVENS[0], z), simd.splat(ODDS[0], z)
    for term in EVENS[1:]:
        even = simd.fused(even, square, simd.splat(term, z))
    for term in ODDS[1:]:
        odd = simd.fused(odd, square, simd.splat(term, z))
    shape = simd.exp(z * z * -0.5)
    return shape * INVERSE_ROOT, shape * inverse * simd.fused(odd, u, even)
