"""What is timed of each state of the code: calls of public functions only, for both states must have them.

gaussgrad and torch are imported where a call is prepared: who compares reads the names only.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.speed import scenes
from benchmarks.speed.against.probe import PROBES
from benchmarks.speed.scenes import DEFAULT, THREE_SIGMA, Scene

Call = Callable[[], Mapping[str, Any]]

MIXTURE_COMPONENTS = 20
IMPULSES, IMPULSE_SIDE, IMPULSE_KERNEL = 1_000, 256, 9
REFINED_IMAGES, REFINED_SIDE, REFINED_GAUSSIANS, REFINED_STEPS = 64, 28, 10, 10


def draw(build: Callable[[], Scene], tolerance: float) -> Call:
    """Forward on NumPy arrays."""
    import gaussgrad

    scene = build()
    options = {"size": scene.size, "amplitude": scene.amplitude, "tolerance": tolerance}
    return lambda: {"image": gaussgrad.render(**scene.inputs, **options)}


def draw_and_learn(build: Callable[[], Scene], tolerance: float) -> Call:
    """Forward and backward through torch's autograd."""
    import gaussgrad

    scene = build()
    options = {"size": scene.size, "amplitude": scene.amplitude, "tolerance": tolerance}
    return _step(lambda *leaves: gaussgrad.render(*leaves, **options), list(scene.inputs.values()), scene.upstream)


def learn(build: Callable[[], Scene], tolerance: float) -> Call:
    """Backward alone, through torch's autograd, of one image."""
    import torch

    import gaussgrad

    scene = build()
    leaves = [torch.tensor(array, requires_grad=True) for array in scene.inputs.values()]
    upstream = torch.from_numpy(scene.upstream)
    image = gaussgrad.render(*leaves, size=scene.size, amplitude=scene.amplitude, tolerance=tolerance)

    def backward() -> dict[str, Any]:
        gradients = torch.autograd.grad(image, leaves, upstream, retain_graph=True)
        return dict(zip(scene.inputs, gradients, strict=True))

    return backward


def mixture(points: int) -> Call:
    """Forward and backward of a mixture of its own for every point."""
    import gaussgrad

    rng = np.random.default_rng(0)
    shape = (points, MIXTURE_COMPONENTS)
    sizes = ((points, 2), shape, (*shape, 2), (*shape, 2), shape)
    arrays = [rng.standard_normal(size, dtype=np.float32) for size in sizes]
    return _step(gaussgrad.mixture_log_density, arrays, np.ones(points, np.float32))


def impulses() -> Call:
    """Forward and backward to points, kernel and weights."""
    import gaussgrad

    rng = np.random.default_rng(0)
    size = (IMPULSE_SIDE, IMPULSE_SIDE)
    means = rng.uniform(0, IMPULSE_SIDE - 1, (IMPULSES, 2)).astype(np.float32)
    kernel = rng.standard_normal((IMPULSE_KERNEL, IMPULSE_KERNEL), dtype=np.float32)
    weights = rng.standard_normal(IMPULSES, dtype=np.float32)
    upstream = rng.standard_normal(size, dtype=np.float32)
    return _step(lambda *leaves: gaussgrad.render_impulses(*leaves, size=size), [means, kernel, weights], upstream)


def refining() -> Call:
    """A batch of small images, each with Gaussians of its own, by least squares."""
    import torch

    refine, gaussians_of = _refinement()
    side, n = REFINED_SIDE, REFINED_GAUSSIANS
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((REFINED_IMAGES, 1, side, side), generator=generator)
    means = torch.rand((REFINED_IMAGES, n, 2), generator=generator) * (side - 1)
    covariances = torch.tensor([4.0, 0.0, 4.0]).expand(REFINED_IMAGES, n, 3)
    start = gaussians_of(means=means, covariances=covariances, weights=torch.full((REFINED_IMAGES, n), 0.5))
    return lambda: {"means": refine(images, start, REFINED_STEPS).means}


def _refinement() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`refine` and the record of Gaussians; states older than the room `fitting` have both, unchanged, in `models`."""
    try:
        from gaussgrad.fitting import refine
        from gaussgrad.gaussians import Gaussians
    except ModuleNotFoundError:
        from gaussgrad.models.heads import Gaussians
        from gaussgrad.models.refine import refine
    return refine, Gaussians


def _step(function: Callable[..., Any], arrays: list[np.ndarray], upstream: np.ndarray) -> Call:
    import torch

    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    gradient = torch.from_numpy(upstream)

    def step() -> dict[str, Any]:
        value = function(*leaves)
        slopes = torch.autograd.grad(value, leaves, gradient)
        return {"value": value.detach(), **{str(position): slope for position, slope in enumerate(slopes)}}

    return step


_10K, _100K = "10,000 Gaussians, stddev 1.5–6, 768×512 RGB", "100,000 Gaussians, stddev 0.7–2, 768×512 RGB"
CALLS: dict[str, Callable[[], Call]] = {
    "ten Gaussians, 64×64, forward, arrays": lambda: draw(scenes.one_call, DEFAULT),
    "ten Gaussians, 64×64, forward + backward, torch": lambda: draw_and_learn(scenes.one_call, DEFAULT),
    f"{_10K}, forward, arrays": lambda: draw(scenes.ten_thousand, THREE_SIGMA),
    "10,000 Gaussians, stddev 1.5–6, 1024×512 RGB, forward, arrays": lambda: draw(scenes.page_wide, THREE_SIGMA),
    f"{_10K}, backward, torch": lambda: learn(scenes.ten_thousand, THREE_SIGMA),
    f"{_100K}, forward + backward, torch": lambda: draw_and_learn(scenes.hundred_thousand, THREE_SIGMA),
    "64 images 64×64 of ten Gaussians, forward + backward, torch": lambda: draw_and_learn(scenes.decoder_step, DEFAULT),
    "mixture of 20, 3,000 points, forward + backward, torch": lambda: mixture(3_000),
    "mixture of 20, 200,000 points, forward + backward, torch": lambda: mixture(200_000),
    "1,000 impulses of 9×9, 256×256, forward + backward, torch": impulses,
    "refine 64 images 28×28 of ten Gaussians, 10 steps": refining,
}
NAMES = (*CALLS, *PROBES)
