"""The component that a uniform number chooses, and its entries."""

from typing import Any

from gaussgrad.ops.mixture.reference import softmax


def choose(xp: Any, logits: Any, uniform: Any, leading: tuple[int, ...]) -> Any:
    """The index (..., 1) of the component in whose share of [0, 1) the uniform number falls; never one of weight 0."""
    cumulative = xp.cumulative_sum(softmax(xp, logits), axis=-1)
    everything = cumulative[..., -1:]
    passed = (cumulative <= uniform[..., None] * everything) & (cumulative < everything)
    chosen = xp.sum(xp.astype(passed, xp.int32), axis=-1)
    return xp.broadcast_to(chosen, leading)[..., None]


def of_chosen(xp: Any, values: Any, chosen: Any, leading: tuple[int, ...]) -> Any:
    """The entries (..., e) of the chosen components, of values (..., k, e)."""
    values = xp.broadcast_to(values, (*leading, *values.shape[-2:]))
    places = xp.broadcast_to(chosen[..., None], (*leading, 1, values.shape[-1]))
    return xp.take_along_axis(values, places, axis=-2)[..., 0, :]
