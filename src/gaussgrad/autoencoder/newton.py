"""A Gauss-Newton step for all Gaussians of an image at once, from products over the plane in closed form."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from gaussgrad.gaussians import Gaussians

DAMPING = 0.1  # of the diagonal of the shapes
FLOOR = 0.002  # as if each Gaussian had so much more squared weight: holds the shape of one without weight
RIDGE, FAINT = 0.03, 0.1  # of the diagonal of the weights; and pixels squared, for Gaussians narrower than a pixel
SHAPE = 5  # moves of a shape: u, v of the mean, p, q, r of the Cholesky factor
PAIRS = ((0, 0), (0, 1), (1, 1))  # the axes along which p, q and r curve a Gaussian
MOST_NUMBERS = 1 << 20  # of the equations that are held at once: they stay in the cache, and memory is bounded
Axes = tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]  # the columns of a factor: (x, y), and y of the second


class Step(NamedTuple):
    """A change in the coordinates of each Gaussian: the mean by L (u, v), the factor by L E, and the weights.

    E is lower triangular with the diagonal exp(p), exp(r), and q below. The weights are those after the change of the
    shape at equal integrals, w exp(-p - r): a Gaussian that grows gets fainter by itself.
    """

    shapes: torch.Tensor  # (b, n, 5)
    weights: torch.Tensor  # (b, n, c)


class Gradients(NamedTuple):
    """Of half the sum of squared errors, to the numbers of Gaussians."""

    means: torch.Tensor  # (b, n, 2)
    factors: torch.Tensor  # (b, n, 3)
    weights: torch.Tensor  # (b, n) or (b, n, c)


@torch.no_grad()
def newton_step(gaussians: Gaussians, gradients: Gradients) -> Step:
    """The damped Gauss-Newton step of each image, down the squared error of drawing by sums.

    The matrix holds products of derivatives over the whole plane, which have a closed form, where the drawing has
    pixels and a frame; the gradients are those of the drawing. The plane holds more than the frame, so that steps near
    the border are too short, never too long.

    Parameters
    ----------
    gaussians : Gaussians
        Means (b, n, 2), Cholesky factors (b, n, 3) in pixels, and weights (b, n) or (b, n, c), values at the means.
    gradients : Gradients
        Of half the sum of squared errors.

    Returns
    -------
    step : Step
        Without gradients.

    Notes
    -----
    docs/maths.md, equations 62 to 65. The weights are eliminated: Golub and Pereyra (1973), "The differentiation of
    pseudo-inverses and nonlinear least squares problems whose variables separate".

    Examples
    --------
    >>> import torch
    >>> round_one = torch.tensor([[[2.0, 0.0, 2.0]]])
    >>> one = Gaussians(torch.full((1, 1, 2), 9.0), weights=torch.ones(1, 1), cholesky=round_one)
    >>> too_far_right = Gradients(torch.tensor([[[1.0, 0.0]]]), torch.zeros(1, 1, 3), torch.zeros(1, 1))
    >>> step = newton_step(one, too_far_right)
    >>> step.shapes.shape, bool(step.shapes[0, 0, 0] < 0)
    (torch.Size([1, 1, 5]), True)
    """
    count = gaussians.means.shape[1]
    most = max(1, MOST_NUMBERS // (SHAPE * count) ** 2)
    weights = gaussians.weights if gaussians.weights.ndim == 3 else gaussians.weights[..., None]
    pulls = gradients.weights.reshape(weights.shape)
    arrays = (gaussians.means, gaussians.factors(), weights, gradients.means, gradients.factors, pulls)
    steps = [_step(*part) for part in zip(*(array.split(most) for array in arrays), strict=True)]
    return Step(*(torch.cat(parts) for parts in zip(*steps, strict=True)))


def _step(
    means: torch.Tensor,
    factors: torch.Tensor,
    weights: torch.Tensor,
    to_means: torch.Tensor,
    to_factors: torch.Tensor,
    to_weights: torch.Tensor,
) -> Step:
    b, n = means.shape[:2]
    shapes, mixed, peaks = _products(means, factors)
    alike = weights @ weights.transpose(1, 2)  # (b, n, n)
    diagonal = torch.diagonal(peaks, dim1=1, dim2=2)
    squares = diagonal.clone()  # what a Gaussian of weight 1 has in all: its area
    diagonal += RIDGE * diagonal + FAINT
    lower = torch.linalg.cholesky_ex(peaks)[0]
    seen = torch.linalg.solve_triangular(lower, mixed.flatten(1, 2).transpose(1, 2), upper=False)  # (b, n, 5 n)
    wanted = torch.linalg.solve_triangular(lower, -to_weights, upper=False)  # (b, n, c)
    shapes = (shapes - (seen.transpose(1, 2) @ seen).view_as(shapes)).mul_(alike[:, None, :, None, :])
    matrix = shapes.view(b, SHAPE * n, SHAPE * n)
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    diagonal += DAMPING * diagonal + FLOOR * squares.repeat(1, SHAPE)
    seen = seen.view(b, n, SHAPE, n)
    right = _pulls(factors, weights, to_means, to_factors, to_weights)  # (b, 5, n)
    right = right - (seen * (wanted @ weights.transpose(1, 2))[:, :, None]).sum(dim=1)
    solved = torch.cholesky_solve(right.reshape(b, -1, 1), torch.linalg.cholesky_ex(matrix)[0]).view(b, SHAPE, n)
    left = wanted - (seen * solved[:, None]).sum(dim=2) @ weights
    return Step(solved.transpose(1, 2), torch.linalg.solve_triangular(lower.transpose(1, 2), left, upper=True))


def _pulls(
    factors: torch.Tensor,
    weights: torch.Tensor,
    to_means: torch.Tensor,
    to_factors: torch.Tensor,
    to_weights: torch.Tensor,
) -> torch.Tensor:
    """The negative gradient (b, 5, n) in the coordinates of `Step`."""
    a, s, c = factors.unbind(-1)
    (x, y), (to_a, to_s, to_c) = to_means.unbind(-1), to_factors.unbind(-1)
    fainter = (weights * to_weights).sum(-1)
    return -torch.stack((a * x + s * y, c * y, a * to_a + s * to_s - fainter, c * to_s, c * to_c - fainter), dim=1)


def _products(means: torch.Tensor, factors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Over the plane, for weights of 1: shapes (b, 5, n, 5, n), shapes with peaks (b, 5, n, n), peaks (b, n, n)."""
    a, s, c = factors.unbind(-1)
    xx, xy, yy = ((v[:, :, None] + v[:, None]) for v in (a * a, a * s, s * s + c * c))
    inverse = 1 / (xx * yy - xy * xy)
    precision = (yy * inverse, -xy * inverse, xx * inverse)  # of the sum of both covariances
    dx, dy = (means[:, :, None] - means[:, None]).unbind(-1)
    x, y = precision[0] * dx + precision[1] * dy, precision[1] * dx + precision[2] * dy
    size = math.sqrt(2 * math.pi) * a * c
    peaks = size[:, :, None] * size[:, None] * inverse.sqrt() * torch.exp(-0.5 * (x * dx + y * dy))
    ours, theirs = ((a[:, :, None], s[:, :, None]), c[:, :, None]), ((a[:, None], s[:, None]), c[:, None])
    (first, own), (second, other) = (_along(x, y, precision, axes) for axes in (ours, theirs))
    across = _across(precision, ours, theirs)
    b, n = means.shape[:2]
    shapes, mixed = peaks.new_empty(b, SHAPE, n, SHAPE, n), peaks.new_empty(b, SHAPE, n, n)
    for i in range(2):
        mixed[:, i] = -first[i] * peaks
        for j in range(2):
            shapes[:, i, :, j] = (across[i][j] - first[i] * second[j]) * peaks
        for k, (e, f) in enumerate(PAIRS):
            bent = second[e] * across[i][f] + second[f] * across[i][e]
            shapes[:, i, :, 2 + k] = (bent - first[i] * other[k]) * peaks
            bent = first[e] * across[f][i] + first[f] * across[e][i]
            shapes[:, 2 + k, :, i] = (second[i] * own[k] - bent) * peaks
    for k, (e, f) in enumerate(PAIRS):
        mixed[:, 2 + k] = own[k] * peaks
        for m, (g, h) in enumerate(PAIRS):
            turned = first[e] * (second[g] * across[f][h] + second[h] * across[f][g])
            turned = turned + first[f] * (second[g] * across[e][h] + second[h] * across[e][g])
            crossed = across[e][g] * across[f][h] + across[e][h] * across[f][g]
            shapes[:, 2 + k, :, 2 + m] = (own[k] * other[m] - turned + crossed) * peaks
    return shapes, mixed, peaks


def _along(
    x: torch.Tensor, y: torch.Tensor, precision: Sequence[torch.Tensor], axes: Axes
) -> tuple[tuple[torch.Tensor, torch.Tensor], list[torch.Tensor]]:
    """The difference of two Gaussians along the axes of one, and its second Hermite polynomials."""
    (a, s), c = axes
    along = (x * a + y * s, y * c)
    sx, sy = precision[0] * a + precision[1] * s, precision[1] * a + precision[2] * s
    own = (sx * a + sy * s, sy * c, precision[2] * c * c)
    return along, [along[e] * along[f] - own[k] for k, (e, f) in enumerate(PAIRS)]


def _across(
    precision: Sequence[torch.Tensor], ours: Axes, theirs: Axes
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """The precision between the axes of one Gaussian and those of the other."""
    ((a, s), c), ((d, t), f) = ours, theirs
    sx, sy = precision[0] * a + precision[1] * s, precision[1] * a + precision[2] * s
    tx, ty = precision[1] * d + precision[2] * t, precision[2] * f
    return ((sx * d + sy * t, sy * f), (c * tx, c * ty))
