"""The share of blobs found from random places, by the recommended way and others."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gaussgrad import render
from gaussgrad.fitting import (
    annealed,
    blur_gaussians,
    blur_images,
    match,
    multi_scale,
    recover,
    refine,
    squared_error,
)
from gaussgrad.gaussians import Gaussians

SIDE = 64
COUNTS, STDDEVS = (1, 5, 10), (1.5, 3.0)
APART = 3  # widths, at least
FOUND = 1.0  # pixels
STEPS, RATE = 200, 2.0  # of the ways that are compared


def scenes(count: int, n: int, stddev: float, seed: int) -> torch.Tensor:
    """Places (count, n, 2) anywhere in the frame, at least three widths apart."""
    rng = np.random.default_rng((seed, n, int(10 * stddev)))
    places: list[np.ndarray] = []
    while len(places) < count:
        drawn = rng.uniform(0, SIDE - 1, (n, 2))
        apart = np.linalg.norm(drawn[:, None] - drawn, axis=-1) + 1e9 * np.eye(n)
        if apart.min() >= APART * stddev:
            places.append(drawn)
    return torch.tensor(np.array(places), dtype=torch.float32)


def draw(gaussians: Gaussians) -> torch.Tensor:
    """(b, 1, h, w)"""
    size, amplitude = (SIDE, SIDE), "peak"
    return render(gaussians.means, gaussians.covariances, gaussians.weights, size=size, amplitude=amplitude)[:, None]


def blobs(places: torch.Tensor, stddev: float) -> Gaussians:
    covariances = torch.tensor([stddev**2, 0.0, stddev**2]).expand(*places.shape[:2], 3)
    return Gaussians(places, covariances, torch.ones(places.shape[:2]))


def random_places(like: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.rand(like.shape, generator=torch.Generator().manual_seed(seed)) * SIDE - 0.5


def descend(images: torch.Tensor, start: torch.Tensor, stddev: float, loss, first_blur: float) -> torch.Tensor:
    """Means after Adam on an image loss, both sides blurred by a width that falls to zero over the first two thirds."""
    means = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([means], lr=RATE)
    for step in range(STEPS):
        width = annealed(step, 2 * STEPS // 3, first_blur) if first_blur else 0.0
        optimizer.param_groups[0]["lr"] = annealed(step, STEPS, RATE, 0.01)
        optimizer.zero_grad()
        drawn = draw(blur_gaussians(blobs(means, stddev), width))
        (len(images) * loss(drawn, blur_images(images, width))).backward()
        optimizer.step()
    return means.detach()


def _by_adam(loss, first_blur: float = 0.0):
    def way(images: torch.Tensor, places: torch.Tensor, stddev: float, seed: int) -> torch.Tensor:
        return descend(images, random_places(places, seed), stddev, loss, first_blur)

    return way


def _by_refining(images: torch.Tensor, places: torch.Tensor, stddev: float, seed: int) -> torch.Tensor:
    start = blobs(random_places(places, seed), stddev)
    return refine(images, start, 50, moves=("means",), method="levenberg-marquardt").means


def _recommended(images: torch.Tensor, places: torch.Tensor, stddev: float, seed: int) -> torch.Tensor:
    return recover(images, places.shape[1], stddev=stddev, seed=seed).means


WAYS = {
    "squared error": _by_adam(squared_error),
    "squared error, Levenberg-Marquardt": _by_refining,
    "multi-scale squared error": _by_adam(multi_scale(squared_error, 5)),
    "blur from 12 pixels": _by_adam(squared_error, 12.0),
    "blur from 32 pixels": _by_adam(squared_error, 32.0),
    "recover": _recommended,
}


def share_found(found: torch.Tensor, places: torch.Tensor) -> float:
    """The share of all blobs that are matched one to one within a pixel."""
    distances = torch.cdist(found, places)
    rows, columns = match(distances)
    batch = torch.arange(len(places))[:, None]
    return float((distances[batch, rows, columns] <= FOUND).double().mean())


def measure(way: str, n: int, stddev: float, count: int, seeds: Sequence[int]) -> list[float]:
    shares = []
    for seed in seeds:
        places = scenes(count, n, stddev, seed)
        shares.append(share_found(WAYS[way](draw(blobs(places, stddev)), places, stddev, seed), places))
    return shares


def report_on(scene_count: int, seeds: Sequence[int], only: Sequence[str]) -> None:
    """Print a row per way that is named, all without names."""
    cases = [(n, stddev) for n in COUNTS for stddev in STDDEVS]
    title = f"Blobs found within a pixel, {scene_count} scenes, seeds {list(seeds)}: mean and least"
    table = Table("way", *(f"{n}, {stddev:g} px" for n, stddev in cases), title=title, title_justify="left")
    for way in only or WAYS:
        shares = [measure(way, n, stddev, scene_count, seeds) for n, stddev in cases]
        table.add_row(way, *(f"{100 * math.fsum(each) / len(each):.1f} % ({100 * min(each):.1f})" for each in shares))
    Console(width=160).print(table)
