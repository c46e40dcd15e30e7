"""What the JavaScript of the page must give: scenes, images and gradients of the dense reference in float64.

`python tests/support/play_golden.py` writes them to tests/play/golden.json; a test says when that is due.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gaussgrad
from gaussgrad import covariance
from gaussgrad.fitting import blur_gaussians, energy_distance

FILE = Path(__file__).parents[1] / "play" / "golden.json"
HEIGHT, WIDTH = 7, 9
SCENES: tuple[dict[str, Any], ...] = (  # each option meets each other one
    {"form": "covariances", "amplitude": "density", "compose": "sum", "tolerance": 1e-4, "channels": 1},
    {"form": "cholesky", "amplitude": "peak", "compose": "sum", "tolerance": 0.0111, "channels": 3},
    {"form": "covariances", "amplitude": "peak", "compose": "sum", "tolerance": 0.0, "channels": 2},
    {"form": "cholesky", "amplitude": "density", "compose": "max", "tolerance": 1e-4, "channels": 1},
    {"form": "covariances", "amplitude": "peak", "compose": "max", "tolerance": 0.2, "channels": 2},
    {"form": "covariances", "amplitude": "peak", "compose": "union", "tolerance": 0.0111, "channels": 3},
    {"form": "cholesky", "amplitude": "density", "compose": "union", "tolerance": 0.0, "channels": 1},
)


def golden() -> dict[str, Any]:
    """Everything, as lists that JSON holds."""
    return {"scenes": [scene(k, **options) for k, options in enumerate(SCENES)], "energy": energy(), "blur": blur()}


def scene(seed: int, form: str, channels: int, **options: Any) -> dict[str, Any]:
    """A scene, its image, and the gradients of the image times `upstream`.

    Of the six Gaussians one lies mostly outside, one is narrow and slanted, and two are equal: ties of the maximum.
    With weight 1 on a pixel centre a factor of the union is 0.
    """
    rng = np.random.default_rng(seed)
    means = rng.uniform(0, [WIDTH - 1, HEIGHT - 1], (6, 2))
    means[0], means[2], means[5] = [-1.5, 2.5], [4, 3], means[4]
    stddevs, correlations = rng.uniform(0.5, 2.5, (6, 2)), rng.uniform(-0.8, 0.8, (6, 1))
    correlations[1], stddevs[5], correlations[5] = 0.995, stddevs[4], correlations[4]
    widths = covariance.from_correlation(stddevs, correlations[:, 0])
    weights = rng.uniform(-0.3, 0.9, (6, channels))
    weights[2], weights[5] = 1.0, weights[4]
    if form == "cholesky":
        widths = covariance.to_cholesky(widths)
    upstream = rng.normal(size=(channels, HEIGHT, WIDTH))
    means, widths, weights, upstream = map(kept_by_float32, (means, widths, weights, upstream))
    leaves = [torch.from_numpy(array).requires_grad_() for array in (means, widths, weights)]
    given = {form: leaves[1], "weights": leaves[2], "size": (HEIGHT, WIDTH), "backend": "reference"}
    image = gaussgrad.render(leaves[0], **given, **options)
    slopes = torch.autograd.grad((image * torch.from_numpy(upstream)).sum(), leaves)
    arrays = {"means": means, "widths": widths, "weights": weights, "upstream": upstream, "image": image.detach()}
    names = ("to_means", "to_widths", "to_weights")
    arrays |= dict(zip(names, slopes, strict=True))
    settings = {"form": form, "channels": channels, "width": WIDTH, "height": HEIGHT, **options}
    return {"options": settings, **{name: flat(array) for name, array in arrays.items()}}


def energy() -> dict[str, Any]:
    """Points and light: the energy distance without the spread of the light, and its gradient."""
    rng = np.random.default_rng(7)
    light = np.maximum(rng.normal(size=(1, HEIGHT, WIDTH)), 0)
    means = torch.from_numpy(rng.uniform(0, 6, (1, 4, 2))).requires_grad_()
    loss = energy_distance(means, torch.from_numpy(light))
    (slope,) = torch.autograd.grad(loss.sum(), means)
    masses = light.ravel() / light.sum()
    pixels = np.stack(np.divmod(np.arange(HEIGHT * WIDTH), WIDTH)[::-1], axis=-1)
    spread = masses @ np.hypot(*np.moveaxis(pixels[:, None] - pixels[None], -1, 0)) @ masses
    kept = {"width": WIDTH, "light": flat(light), "means": flat(means.detach()), "to_means": flat(slope)}
    return kept | {"loss": float(loss.item() + spread)}


def blur() -> dict[str, Any]:
    """Covariances and weights before and after a blur of 1.5 pixels."""
    before = gaussgrad.Gaussians(torch.zeros(2, 2).double(), [[3.0, 1.0, 2.0], [0.5, 0.0, 4.0]], [0.7, -0.2])
    held = gaussgrad.Gaussians(before.means, *(torch.tensor(x).double() for x in (before.covariances, before.weights)))
    after = blur_gaussians(held, 1.5)
    arrays = {"covariances": held.covariances, "weights": held.weights}
    arrays |= {"wider": after.covariances, "lower": after.weights}
    return {"stddev": 1.5, **{name: flat(array) for name, array in arrays.items()}}


def kept_by_float32(array: np.ndarray) -> np.ndarray:
    """Numbers that float32 holds: it shall differ by its arithmetic, and not by other inputs."""
    return array.astype(np.float32).astype(np.float64)


def flat(array: Any) -> list[float]:
    return np.asarray(array, np.float64).ravel().tolist()


if __name__ == "__main__":
    FILE.write_text(json.dumps(golden(), indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
