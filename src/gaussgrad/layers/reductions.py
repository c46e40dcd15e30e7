"""From divergences of single latent numbers to one loss: sums, free bits, and the factor beta with its annealing."""

from typing import Any

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.dispatch import unify

REDUCTIONS = ("none", "example", "batch")
FREE_BITS_OF = ("example", "batch mean")


def reduce_divergence(
    divergence: Any,
    reduction: str,
    *,
    free_bits: float = 0.0,
    free_bits_of: str = "example",
    beta: Any = 1.0,
) -> Any:
    """Divergences (b, ...) with free bits, reduced and multiplied by beta.

    Parameters
    ----------
    divergence : array (b, ...)
        Of any framework. In nats, one per latent number, as `gaussgrad.kl_divergence` gives it.
    reduction : {"none", "example", "batch"}
        "none" changes nothing; "example" sums over the latent of each example, (b,); "batch" is the mean of these sums
        over the examples, which is the term of the evidence lower bound.
    free_bits : float
        Nats, zero or more, that each latent number may use for free. A smaller divergence counts as this many nats, and
        has no gradient.
    free_bits_of : {"example", "batch mean"}
        Whether free bits count in each example, or in the mean over the examples, which needs reduction="batch".
    beta : float or array ()
        Factor of the result (Higgins et al. 2017, equation 4).

    Returns
    -------
    divergence : array (b, ...), (b,) or ()
        In nats. Differentiable in `divergence` and `beta`.

    Raises
    ------
    ValueError
        For an unknown option, negative free bits, free bits on the batch mean without reduction="batch".

    Notes
    -----
    docs/latent.md, equation 15. Kingma et al. (2016), "Improved variational inference with inverse autoregressive
    flow", appendix C.8, takes the mean over the batch.

    Examples
    --------
    >>> import torch
    >>> each = torch.tensor([[0.0, 2.0], [1.0, 3.0]])
    >>> reduce_divergence(each, "example").tolist(), reduce_divergence(each, "batch").item()
    ([2.0, 4.0], 3.0)
    >>> reduce_divergence(each, "batch", free_bits=0.75).item()
    3.375
    >>> reduce_divergence(each, "batch", free_bits=0.75, free_bits_of="batch mean").item()
    3.25
    """
    reduction = checks.option("reduction", reduction, REDUCTIONS)
    free_bits_of = checks.option("free_bits_of", free_bits_of, FREE_BITS_OF)
    floor = checks.number("free_bits", free_bits, "a number of nats, zero or more", 0.0)
    if free_bits_of == "batch mean" and reduction != "batch":
        raise ValueError(complain("reduction", "'batch' for free_bits_of='batch mean'", repr(reduction)))
    xp = unify(divergence=divergence).namespace
    if free_bits_of == "batch mean":
        return beta * xp.sum(_at_least(xp, xp.mean(divergence, axis=0), floor))
    each = _at_least(xp, divergence, floor)
    if reduction == "none":
        return beta * each
    examples = xp.sum(each, axis=tuple(range(1, each.ndim))) if each.ndim > 1 else each
    return beta * (examples if reduction == "example" else xp.mean(examples))


def sum_last(each: Any, axes: int) -> Any:
    """The sum over the last `axes` axes, those of one example's latent."""
    return unify(each=each).namespace.sum(each, axis=tuple(range(-axes, 0))) if axes else each


def _at_least(xp: Any, divergence: Any, floor: float) -> Any:
    return xp.where(divergence < floor, xp.full_like(divergence, floor), divergence) if floor else divergence


def annealed_beta(step: int, *, rise: int, start: float = 0.0, stop: float = 1.0, period: int | None = None) -> float:
    """The factor beta at a training step: a linear rise, once or repeated.

    Parameters
    ----------
    step : int
        Counted from 0.
    rise : int
        Steps from `start` to `stop`; 0 gives `stop` at once.
    start, stop : float
        Zero or more.
    period : int, optional
        Steps after which the rise begins anew, at least `rise` (Fu et al. 2019, "Cyclical annealing schedule").

    Returns
    -------
    beta : float

    Raises
    ------
    ValueError, TypeError
        For numbers out of range.

    Notes
    -----
    Bowman et al. (2016), "Generating sentences from a continuous space", section 3.1.

    Examples
    --------
    >>> [annealed_beta(step, rise=4) for step in (0, 1, 2, 4, 100)]
    [0.0, 0.25, 0.5, 1.0, 1.0]
    >>> [annealed_beta(step, rise=2, period=4) for step in range(6)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]
    """
    step, rise = (_steps(name, value) for name, value in (("step", step), ("rise", rise)))
    low, high = (
        checks.number(name, value, "a number of zero or more", 0.0)
        for name, value in (("start", start), ("stop", stop))
    )
    if period is not None:
        period = _steps("period", period)
        if period < max(rise, 1):
            raise ValueError(complain("period", f"at least rise, {rise} steps, and one", repr(period)))
        step = step % period
    return high if step >= rise else low + (high - low) * step / rise


def _steps(name: str, value: Any) -> int:
    wanted = "a number of steps, zero or more"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(complain(name, wanted, repr(value)))
    if value < 0:
        raise ValueError(complain(name, wanted, repr(value)))
    return value
