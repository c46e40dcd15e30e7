"""Digits and speed of mixture densities, beside the forms that people write: two tables, in one run.

    python -m benchmarks.mixtures
    python -m benchmarks.mixtures --docs     # writes them into docs/mixtures.md

Nothing is measured unless the contract tests of the operation pass.
"""

import argparse
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks import contract, machine, timing
from benchmarks.mixture_forms import FORMS, Arrays, draws, heads, truth
from benchmarks.partners import ROOT

PAGE = ROOT / "docs" / "mixtures.md"
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
            low, middle, high = np.quantile(timing.ratios(theirs, mine), (0.25, 0.5, 0.75))
            cells = [f"{points:,}", name, f"{1e3 * np.median(mine):.3g} ms", f"{1e3 * np.median(theirs):.3g} ms"]
            rows.append([*cells, f"{middle:.3g}× ({low:.3g}–{high:.3g})"])
    return table(["points", "beside", "gaussgrad", "the other", "ratio, middle half"], rows)


def table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(name: str, text: str) -> None:
    """Put a table between its marks in the page."""
    page = PAGE.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not marked.search(page):
        raise ValueError(f"{PAGE.name} has no marks for {name!r}")
    PAGE.write_text(marked.sub(lambda match: f"{match[1]}{text}\n{match[2]}", page), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Digits and speed of mixture densities.")
    parser.add_argument("--seconds", type=float, default=5.0, help="per comparison")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/mixtures.md")
    arguments = parser.parse_args()
    print(contract.check((*contract.COMMAND, "-k", "mixture_log_density")))
    facts = machine.describe()
    where = f"{facts['processor']}; {facts['versions']}; {facts['date']}; {torch.get_num_threads()} threads."
    speed = f"{COMPONENTS} components, float32, forward and backward. {where}\n\n{speed_table(arguments.seconds)}"
    for name, text in {"digits": accuracy_table(), "bias": bias_table(), "speed": speed}.items():
        print(f"\n{text}")
        if arguments.docs:
            write(name, f"\n{text}\n")


if __name__ == "__main__":
    main()
