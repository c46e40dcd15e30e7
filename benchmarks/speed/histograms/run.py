"""Speed of histograms with a gradient: one table, in one run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_sample_images

import gaussgrad
from benchmarks import pages
from benchmarks.speed import machine, timing
from benchmarks.speed.spread import Spread
from benchmarks.speed.tables import duration, number, table

PAGE = pages.DOCS / "histograms.md"
SAMPLES, DENSE_SAMPLES, BINS = 1_000_000, 20_000, 256  # the dense form has no memory for a million
JOINT_BINS = 64
SAME = {"rtol": 1e-3, "atol": 1e-3}  # of two float32 programs; counts are some thousands


def masses(samples: torch.Tensor, bins: int) -> torch.Tensor:
    """The mass (n, bins) of every sample in every bin of [0, 1], for a stddev of half a bin."""
    edges = torch.linspace(0, 1, bins + 1)
    below = torch.erf((edges - samples[:, None]) * (2**0.5 * bins)) / 2
    return below[:, 1:] - below[:, :-1]


def dense(samples: torch.Tensor) -> torch.Tensor:
    return masses(samples, BINS).sum(0)


def dense_joint(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return masses(a, JOINT_BINS).T @ masses(b, JOINT_BINS)


def ours(samples: torch.Tensor) -> torch.Tensor:
    return gaussgrad.histogram(samples, BINS, (0, 1), stddev=0.5 / BINS)


def ours_joint(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return gaussgrad.histogram(torch.stack([a, b], -1), JOINT_BINS, [(0, 1), (0, 1)], stddev=0.5 / JOINT_BINS)


def step_of(form: Callable[..., torch.Tensor], arrays: list[torch.Tensor]) -> timing.Here:
    """Forward and backward by torch's autograd."""
    leaves = [array.clone().requires_grad_() for array in arrays]

    def step() -> dict[str, Any]:
        counts = form(*leaves)
        upstream = torch.linspace(0, 1, counts.numel()).reshape(counts.shape)
        grads = torch.autograd.grad(counts, leaves, upstream)
        return {"counts": counts.detach().numpy(), **{f"grad {i}": grad.numpy() for i, grad in enumerate(grads)}}

    return timing.Here(step)


def photographs() -> list[torch.Tensor]:
    """The green channels of the two of scikit-learn, of 640 x 427 pixels, in [0, 1]."""
    return [
        torch.tensor(image[..., 1].reshape(-1) / 255.0, dtype=torch.float32) for image in load_sample_images().images
    ]


def compare(first: timing.Here, second: timing.Here) -> None:
    """Raise where two forms give something else, relative to the largest number."""
    theirs = second.results()
    for name, array in first.results().items():
        scale = np.abs(array).max()
        np.testing.assert_allclose(theirs[name] / scale, array / scale, **SAME)


def row(name: str, other: str, mine: timing.Here, theirs: timing.Here, seconds: float, times: int = 1) -> list[str]:
    """Times of ours and of the other, measured on so many times fewer samples, and how often ours fits in it."""
    their_times, our_times = timing.in_turn(theirs, mine, seconds)
    their_times = [times * value for value in their_times]
    ratio = Spread.of(timing.ratios(their_times, our_times))
    return [
        name,
        other,
        duration(Spread.of(our_times)),
        duration(Spread.of(their_times)),
        f"{number(ratio.median)}× ({number(ratio.lower)}–{number(ratio.upper)})",
    ]


def speed_table(seconds: float) -> str:
    """Markdown: a row per comparison."""
    samples = torch.rand(SAMPLES, generator=torch.Generator().manual_seed(0))
    some, images, values = [samples[:DENSE_SAMPLES]], photographs(), samples.numpy()
    compare(step_of(ours, some), step_of(dense, some))
    compare(step_of(ours_joint, images), step_of(dense_joint, images))
    forward = timing.Here(lambda: {"counts": ours(samples).numpy()})
    by_numpy = timing.Here(lambda: {"counts": np.histogram(values, BINS, (0, 1))[0]})
    one, joint = f"{SAMPLES:,} samples, {BINS} bins", f"two photographs, {JOINT_BINS}×{JOINT_BINS} bins"
    scaled = f"dense PyTorch, from {DENSE_SAMPLES:,} samples"
    rows = [
        row(f"{one}: forward", "`numpy.histogram`", forward, by_numpy, seconds),
        row(
            f"{one}: forward and backward",
            scaled,
            step_of(ours, [samples]),
            step_of(dense, some),
            seconds,
            SAMPLES // DENSE_SAMPLES,
        ),
        row(
            f"{joint}: forward and backward",
            "dense PyTorch",
            step_of(ours_joint, images),
            step_of(dense_joint, images),
            seconds,
        ),
    ]
    return table(["what", "beside", "gaussgrad", "the other", "the other's time in ours, middle half"], rows)


def report_on(seconds: float, into_docs: bool) -> None:
    """Measure and print the table, and write it into the page where asked for."""
    facts = machine.describe()
    where = f"{facts['processor']}; {facts['versions']}; {facts['date']}; {torch.get_num_threads()} threads."
    text = f"float32, a stddev of half a bin. {where}\n\n{speed_table(seconds)}"
    print(f"\n{text}")
    if into_docs:
        pages.write(PAGE, "histograms", text)
