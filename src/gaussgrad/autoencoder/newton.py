"""The damped Gauss-Newton step of all Gaussians of an image, as a guided look is told it."""

from typing import NamedTuple

import numpy as np
import torch

from gaussgrad.fitting.gauss_newton import SHAPE, damped_steps
from gaussgrad.gaussians import Gaussians

DAMPING = 0.1  # of the diagonal of the equations


class Step(NamedTuple):
    """A change in the coordinates of each Gaussian: the mean by L (u, v), the factor by L E, and the weights.

    E is lower triangular with the diagonal exp(p), exp(r), and q below. The weights are those after the change of the
    shape at equal integrals, w exp(-p - r): a Gaussian that grows gets fainter by itself.
    """

    shapes: torch.Tensor  # (b, n, 5): u, v, p, q, r
    weights: torch.Tensor  # (b, n, c)


class Gradients(NamedTuple):
    """Of half the sum of squared errors, to the numbers of Gaussians."""

    means: torch.Tensor  # (b, n, 2)
    factors: torch.Tensor  # (b, n, 3)
    weights: torch.Tensor  # (b, n) or (b, n, c)


@torch.no_grad()
def newton_step(gaussians: Gaussians, gradients: Gradients, size: tuple[int, int]) -> Step:
    """The damped Gauss-Newton step of each image, down the squared error of drawing by sums.

    It is solved on the CPU, wherever the tensors are, in their dtype; in float32 where they have fewer bits.

    Parameters
    ----------
    gaussians : Gaussians
        Means (b, n, 2), Cholesky factors (b, n, 3) in pixels, and weights (b, n) or (b, n, c), values at the means.
    gradients : Gradients
        Of half the sum of squared errors.
    size : tuple of int
        (height, width) of the images in pixels.

    Returns
    -------
    step : Step
        Without gradients.

    Notes
    -----
    `gaussgrad.fitting.gauss_newton`; docs/maths.md, equations 58 to 61.

    Examples
    --------
    >>> import torch
    >>> round_one = torch.tensor([[[2.0, 0.0, 2.0]]])
    >>> one = Gaussians(torch.full((1, 1, 2), 9.0), weights=torch.ones(1, 1), cholesky=round_one)
    >>> too_far_right = Gradients(torch.tensor([[[1.0, 0.0]]]), torch.zeros(1, 1, 3), torch.zeros(1, 1))
    >>> step = newton_step(one, too_far_right, (18, 18))
    >>> step.shapes.shape, bool(step.shapes[0, 0, 0] < 0)
    (torch.Size([1, 1, 5]), True)
    """
    means = gaussians.means
    weights = gaussians.weights if gaussians.weights.ndim == 3 else gaussians.weights[..., None]
    told = (means, gaussians.factors(), weights)
    pulls = (gradients.means, gradients.factors, gradients.weights.reshape(weights.shape))
    dampings = np.full(len(means), DAMPING)
    found = damped_steps(_arrays(told), _arrays(pulls), dampings, size=size, threads=torch.get_num_threads())
    steps = torch.from_numpy(found).to(means)
    shapes, change = steps.split((SHAPE, weights.shape[-1]), dim=-1)
    growth = shapes[..., 2] + shapes[..., 4]
    return Step(shapes, change + weights * growth[..., None])


def _arrays(tensors: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contiguous arrays of float32, or of float64 where the tensors have it."""
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    first, second, third = (tensor.detach().to("cpu", dtype).contiguous().numpy() for tensor in tensors)
    return first, second, third
