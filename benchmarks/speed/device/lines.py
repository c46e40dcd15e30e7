"""What is timed on a device: ours, what others write for the same, and the least work that it is."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

import gaussgrad
from benchmarks.peers import dense_torch
from benchmarks.speed import scenes
from benchmarks.speed.device.clock import Step
from benchmarks.speed.mixtures import forms
from benchmarks.speed.scenes import DEFAULT, THREE_SIGMA, Scene

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Line:
    """Forward and backward of one thing: ours and others', made ready for a device, and its least work."""

    name: str
    ours: Callable[[torch.device], Step]
    others: Mapping[str, Callable[[torch.device], Step]] = field(default_factory=dict)
    moved: float = 0.0  # bytes, each input, output and gradient once
    fused: float = 0.0  # multiply-adds


def lines() -> list[Line]:
    """All that is timed."""
    return [
        drawing("10,000 Gaussians, stddev 1.5–6, 768×512 RGB", scenes.ten_thousand(), THREE_SIGMA),
        drawing(
            "1,000,000 Gaussians, stddev 0.7–2, 4096×4096 RGB",
            scenes.rotated(1_000_000, 4096, 4096, 0.7, 2.0),
            THREE_SIGMA,
        ),
        drawing("1,000 Gaussians, stddev 1.5–6, 256×256 RGB", scenes.thousand(), DEFAULT, DENSE | KEOPS),
        drawing(
            "4,096 images 28×28 of ten Gaussians",
            scenes.rotated(10, 28, 28, 1.5, 4.0, channels=1, batch=(4096,)),
            DEFAULT,
            DENSE,
        ),
        scoring("mixture of 20, 1,000,000 points", 1_000_000, 20),
    ]


def drawing(name: str, scene: Scene, tolerance: float, others: Mapping[str, str] | None = None) -> Line:
    """A scene drawn, and the gradients of all its inputs."""
    options = {"size": scene.size, "amplitude": scene.amplitude, "tolerance": tolerance}

    def ours(device: torch.device) -> Step:
        return step_of(lambda *leaves: gaussgrad.render(*leaves, **options), list(scene.inputs.values()), device, scene)

    def other(source: str) -> Callable[[torch.device], Step]:
        return lambda device: step_of(
            _form(source, scene.size, scene.amplitude), list(scene.inputs.values()), device, scene
        )

    channels = scene.weights.shape[-1]
    pairs = scenes.work(scene, tolerance).pairs
    numbers = 2 * sum(array.size for array in scene.inputs.values()) + 2 * scene.upstream.size
    made_ready = {title: other(source) for title, source in (others or {}).items()}
    return Line(name, ours, made_ready, FLOAT * numbers, pairs * (9 + 3 * channels))


DENSE = {"dense, eager": "eager", "dense, `torch.compile`": "compiled"}
KEOPS = {"KeOps": "keops"}


def _form(source: str, size: tuple[int, int], amplitude: str) -> Callable[..., torch.Tensor]:
    """The function that others write."""
    function = dense_torch.draw
    if source == "compiled":
        torch._dynamo.reset()
        function = torch.compile(dense_torch.draw, dynamic=False)
    if source == "keops":
        function = importlib.import_module("benchmarks.peers.keops").draw
    return lambda *leaves: function(*leaves, size, amplitude)


def scoring(name: str, points: int, components: int) -> Line:
    """Log densities under mixtures, a mixture for each point, and the gradients of all inputs."""
    arrays = [array.numpy() for array in forms.heads(points, components)]

    def timed(form: Callable[..., torch.Tensor]) -> Callable[[torch.device], Step]:
        return lambda device: step_of(form, arrays, device)

    numbers = 2 * sum(array.size for array in arrays) + 2 * points
    others = {"`torch.distributions`": timed(forms.distributions)}
    return Line(name, timed(gaussgrad.mixture_log_density), others, FLOAT * numbers)


def step_of(
    form: Callable[..., torch.Tensor], arrays: list[Any], device: torch.device, scene: Scene | None = None
) -> Step:
    """Forward and backward by autograd: the output and the gradients."""
    leaves = [torch.tensor(array, device=device, requires_grad=True) for array in arrays]
    upstream = None if scene is None else torch.tensor(scene.upstream, device=device)

    def step() -> tuple[torch.Tensor, ...]:
        out = form(*leaves)
        above = torch.ones_like(out) if upstream is None else upstream
        return out.detach(), *torch.autograd.grad(out, leaves, above)

    return step
