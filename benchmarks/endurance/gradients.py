"""Gradients in torch against central differences of the oracle along a random direction, in float64."""

from typing import Any

import numpy as np

from benchmarks.endurance import draws
from benchmarks.endurance.cases import GRADIENTS, Case, Wrong, compare, expected, results

STEP = 1e-4


def check(case: Case, rng: draws.Random) -> int:
    """Values and gradients of a call with tensors; the case must be of float64 and have steps."""
    import torch

    tensors = {name: _tensor(torch, rng, array) for name, array in case.arrays.items()}
    out = results(case.function(**tensors, **case.options))
    compare(case, tuple(each.detach().numpy() for each in out), expected(case))
    upstream = [rng.normal(size=tuple(each.shape)) for each in out]
    if not any(each.requires_grad for each in out):
        raise Wrong("no result has a gradient")
    total = sum((each * torch.from_numpy(np.asarray(up))).sum() for each, up in zip(out, upstream, strict=True))
    names = [name for name in case.arrays if name in case.steps]
    grads = torch.autograd.grad(total, [tensors[name] for name in names], allow_unused=True)
    terms = 0.0
    slope = 0.0
    directions = {}
    for name, grad in zip(names, grads, strict=True):
        direction = rng.normal(size=case.arrays[name].shape) * case.steps[name]
        directions[name] = direction
        found = np.zeros_like(direction) if grad is None else grad.numpy()
        if found.shape != direction.shape:
            raise Wrong(f"the gradient of {name} is of shape {found.shape}")
        terms += float(np.sum(np.abs(found * direction)))
        slope += float(np.sum(found * direction))
    coarse, fine = (_difference(case, directions, upstream, STEP * part) for part in (1.0, 0.5))
    wanted, unsure = (4 * fine - coarse) / 3, abs(fine - coarse)
    sizes = sum(float(np.sum(np.abs(up * known.value))) for up, known in zip(upstream, expected(case), strict=True))
    if not abs(slope - wanted) <= unsure + GRADIENTS * (terms + abs(wanted)) + 1e-9 * (sizes + 0.1):
        raise Wrong(
            f"the slope along a direction is {slope!r}, not {wanted!r} +- {unsure:.2g}; terms sum to {terms:.3g}"
        )
    return 1


def _tensor(torch: Any, rng: draws.Random, array: np.ndarray) -> Any:
    tensor = torch.tensor(array)
    if array.ndim > 1 and draws.chance(rng, 0.3):
        tensor = tensor.mT.contiguous().mT
    return tensor.requires_grad_(True)


def _difference(case: Case, directions: dict[str, np.ndarray], upstream: list[np.ndarray], step: float) -> float:
    ends = []
    for sign in (1, -1):
        moved = {name: array + sign * step * directions.get(name, 0.0) for name, array in case.arrays.items()}
        with np.errstate(all="ignore"):
            known = case.oracle(**moved, **case.options)
        ends.append(sum(float(np.sum(up * each.value)) for up, each in zip(upstream, known, strict=True)))
    return (ends[0] - ends[1]) / (2 * step)
