"""Random cases of every public operation: one function from random numbers to a case each."""

from collections.abc import Callable

from benchmarks.endurance.cases import Case
from benchmarks.endurance.draws import Random
from benchmarks.endurance.kinds import counting, drawing, latents, mixtures, widths

KINDS: dict[str, tuple[int, Callable[[Random, bool], Case]]] = {
    **drawing.KINDS,
    **mixtures.KINDS,
    **latents.KINDS,
    **counting.KINDS,
    **widths.KINDS,
}
"""By name: how often it comes, and the function; its second argument says whether extremes may come."""


def case(rng: Random, wild: bool = True, only: tuple[str, ...] = ()) -> Case:
    """A random case, of the kinds named only, or of all."""
    names = only or tuple(KINDS)
    shares = [KINDS[name][0] for name in names]
    place = rng.integers(sum(shares))
    for name, share in zip(names, shares, strict=True):
        place -= share
        if place < 0:
            return KINDS[name][1](rng, wild)
    raise AssertionError
