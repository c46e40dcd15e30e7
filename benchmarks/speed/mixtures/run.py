"""Digits and speed of mixture densities, beside the forms that people write: three tables, in one run."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks import pages
from benchmarks.speed import machine, timing
from benchmarks.speed.mixtures.forms import FORMS, Arrays, draws, heads, truth
from benchmarks.speed.spread import Spread
from benchmarks.speed.tables import number, table

PAGE = pages.DOCS / "mixtures.md"
NUMBERS = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0)  # atanh of the correlation
DRAWS = 200
POINTS, COMPONENTS = (3_000, 200_000), 20
OURS = "gaussgrad"


def errors(form: Callable[..., torch.Tensor], arrays: Arrays, expected: list[tuple[float, float]]) -> list[str]:
    """Median relative errors of the log density and its derivative to a; how many are not finite, if any are."""
    leaves = [array.clone().requires_grad_() for array in arrays]
    value = form(*leaves)
    (slope,) = torch.autograd.grad(value.sum(), leaves[-1])
    cells = []
    for found, wanted in zip((value.detach(), slope[:, 0]), zip(*expected, strict=True), strict=True):
        values, exact = found.double().numpy(), np.array(wanted)
        lost = int((~np.isfinite(values)).sum())
        median = np.median(np.abs(values - exact) / np.abs(exact))
        cells.append(f"{lost} of {DRAWS} not finite" if lost else f"{median:.0e}".replace("e-0", "e-"))
    return cells


def accuracy_table() -> str:
    """Markdown: a row per form, a column per correlation."""
    rows = {name: [] for name in FORMS}
    for a in NUMBERS:
        arrays = draws(a, DRAWS)
        points, _, means, log_stddevs, numbers = (array.numpy() for array in arrays)
        expected = [truth(*row) for row in zip(points, means[:, 0], log_stddevs[:, 0], numbers[:, 0], strict=True)]
        for name, form in FORMS.items():
            rows[name].append(" · ".join(errors(form, arrays, expected)))
    titles = [f"a = {a:g} (1 − ρ = {2 / (1 + math.exp(2 * a)):.0e})".replace("e-0", "e-") for a in NUMBERS]
    return table(["float32", *titles], [[name, *cells] for name, cells in rows.items()])


def bias_table() -> str:
    """Markdown: how far the log density at the mean is off in float64, by the width of an uncorrelated Gaussian."""
    widths = (1e-3, 1e-4, 1e-5, 1e-6)
    rows = []
    for name, form in FORMS.items():
        cells = []
        for width in widths:
            zeros = torch.zeros(1, 1, dtype=torch.float64)
            means, log_stddevs = zeros[..., None].expand(1, 1, 2), torch.full((1, 1, 2), math.log(width)).double()
            exact = -math.log(2 * math.pi) - 2 * log_stddevs[0, 0, 0].item()
            off = form(means[:, 0], zeros, means, log_stddevs, zeros).item() - exact
            cells.append("0" if abs(off) < 1e-9 else f"{off:.2g}")
        rows.append([name, *cells])
    return table(["nats off at the mean", *(f"σ = {width:g}" for width in widths)], rows)


def step_of(form: Callable[..., torch.Tensor], arrays: Arrays) -> Callable[[], dict[str, Any]]:
    """Forward and backward through torch's autograd, as a training step has it."""
    leaves = [array.clone().requires_grad_() for array in arrays]

    def step() -> dict[str, Any]:
        value = form(*leaves)
        return {"value": value.detach().numpy(), "grad": torch.autograd.grad(value.sum(), leaves)[1].numpy()}

    return step


def speed_table(seconds: float) -> str:
    """Markdown: times of forward and backward, and how many times longer others take, call beside call."""
    rows = []
    for points in POINTS:
        arrays = heads(points, COMPONENTS)
        ours = timing.Here(step_of(FORMS[OURS], arrays))
        for name in ("closed form in logarithms", "torch.distributions"):
            other = timing.Here(step_of(FORMS[name], arrays))
            for key, array in other.results().items():
                np.testing.assert_allclose(ours.results()[key], array, rtol=1e-3, atol=1e-4)
            theirs, mine = timing.in_turn(other, ours, seconds)
            ratio = Spread.of(timing.ratios(theirs, mine))
            cells = [f"{points:,}", name, f"{1e3 * np.median(mine):.3g} ms", f"{1e3 * np.median(theirs):.3g} ms"]
            rows.append([*cells, f"{number(ratio.median)}× ({number(ratio.lower)}–{number(ratio.upper)})"])
    return table(["points", "beside", "gaussgrad", "the other", "ratio, middle half"], rows)


def report_on(seconds: float, into_docs: bool) -> None:
    """Measure and print the tables, and write them into the page where asked for."""
    facts = machine.describe()
    where = f"{facts['processor']}; {facts['versions']}; {facts['date']}; {torch.get_num_threads()} threads."
    speed = f"{COMPONENTS} components, float32, forward and backward. {where}\n\n{speed_table(seconds)}"
    for name, text in {"digits": accuracy_table(), "bias": bias_table(), "speed": speed}.items():
        print(f"\n{text}")
        if into_docs:
            pages.write(PAGE, name, text)
