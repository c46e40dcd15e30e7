"""Speed of moments beside the form that people write: one table, in one run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks import pages
from benchmarks.speed import machine, timing
from benchmarks.speed.moments.forms import FORMS, OURS, Moments
from benchmarks.speed.spread import Spread
from benchmarks.speed.tables import number, table

PAGE = pages.DOCS / "keypoints.md"
SHAPES = ((16, 17, 64, 48), (64, 17, 64, 48), (8, 4, 256, 256))


def logits_of(shape: tuple[int, ...]) -> torch.Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))


def step_of(form: Callable[[torch.Tensor], Moments], logits: torch.Tensor) -> Callable[[], dict[str, Any]]:
    """Forward and backward through torch's autograd, as a training step has it."""
    leaf = logits.clone().requires_grad_()

    def step() -> dict[str, Any]:
        means, covariances = form(leaf)
        (grad,) = torch.autograd.grad(means.sum() + covariances.sum(), leaf)
        return {"means": means.detach().numpy(), "covariances": covariances.detach().numpy(), "grad": grad.numpy()}

    return step


def speed_table(seconds: float, shapes: tuple[tuple[int, ...], ...] = SHAPES) -> str:
    """Markdown: times of forward and backward, and how many times longer the other form takes, call beside call."""
    rows = []
    for shape in shapes:
        logits = logits_of(shape)
        ours = timing.Here(step_of(FORMS[OURS], logits))
        for name in FORMS.keys() - {OURS}:
            other = timing.Here(step_of(FORMS[name], logits))
            for key, array in other.results().items():
                np.testing.assert_allclose(ours.results()[key], array, rtol=1e-3, atol=1e-3 * np.abs(array).max())
            theirs, mine = timing.in_turn(other, ours, seconds)
            ratio = Spread.of(timing.ratios(theirs, mine))
            maps = "{}×{} maps of {}×{}".format(*shape)
            cells = [maps, name, f"{1e3 * np.median(mine):.3g} ms", f"{1e3 * np.median(theirs):.3g} ms"]
            rows.append([*cells, f"{number(ratio.median)}× ({number(ratio.lower)}–{number(ratio.upper)})"])
    return table(["logits", "beside", "gaussgrad", "the other", "ratio, middle half"], rows)


def report_on(seconds: float, into_docs: bool) -> None:
    """Measure and print the table, and write it into the page where asked for."""
    facts = machine.describe()
    where = f"{facts['processor']}; {facts['versions']}; {facts['date']}; {torch.get_num_threads()} threads."
    text = f"float32, forward and backward. {where}\n\n{speed_table(seconds)}"
    print(f"\n{text}")
    if into_docs:
        pages.write(PAGE, "speed", text)
