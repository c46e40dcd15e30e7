"""Render impulses, each convolved with one kernel, into images: the door, where every argument is checked once."""

import math
import operator
from typing import Any

import numpy as np

from gaussgrad import checks, dispatch
from gaussgrad.op import Operation, Output, register
from gaussgrad.ops import batching
from gaussgrad.ops.impulse import reference

_KERNEL_AXES = {1: "(k,)", 2: "(k_y, k_x)", 3: "(k_z, k_y, k_x)"}


def render_impulses(
    means: Any,
    kernel: Any,
    weights: Any = None,
    *,
    size: int | tuple[int, ...],
    backend: str | None = None,
    threads: int | None = None,
) -> Any:
    """Image of impulses convolved with a kernel, differentiable in their means, the kernel and their weights.

    An impulse on a pixel centre is a one there, convolved with `kernel`; between pixel centres it is the linear
    interpolation of that. Coinciding impulses add. Outside the frame everything is zero and nothing is renormalised:
    an impulse near or beyond the border contributes what falls inside.

    Parameters
    ----------
    means : array (..., n), or (..., n, d)
        Positions in pixels: (..., n) where `size` is an int, else (x,), (x, y) or (x, y, z) on a last axis.
    kernel : array (k,), (k_y, k_x) or (k_z, k_y, k_x)
        What one impulse draws, shared by all; of any length, even ones too. Its entry (k - 1) // 2 falls on the mean,
        as in `numpy.convolve(..., mode="same")`.
    weights : array (..., n) or (..., n, c), optional
        One number per impulse, or one per impulse and channel: the rank decides. Ones when absent.
    size : int or tuple of int
        Length of a 1-D signal, for means (..., n); or (width,), (height, width), (depth, height, width), for means
        (..., n, d).
    backend : {None, "reference", "cpu"}
        None takes the kernels where they run, else the dense reference.
    threads : int, optional
        Threads of this call; by default those of torch, or every core.

    Returns
    -------
    image : array (..., *size) or (..., c, *size)
        In the framework, dtype and device of the inputs.

    Raises
    ------
    ValueError
        For shapes that disagree, an empty kernel, options out of range, values that are not finite.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    Differentiable in `means`, `kernel` and `weights`. docs/maths.md, equations 40 to 45. The image is linear
    between pixel centres and has a kink on each: there the gradient to a coordinate is the mean of the one-sided ones,
    the central difference. The interpolation is that of Jaderberg et al. (2015), "Spatial transformer networks",
    equation 5, turned from reading into writing.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussgrad.render_impulses([3, 7], [0.28, 0.44, 0.28], size=10).tolist()
    [0.0, 0.0, 0.28, 0.44, 0.28, 0.0, 0.28, 0.44, 0.28, 0.0]
    """
    size, flat_points = _frame(size)
    unified = dispatch.unify(("weights",), means=means, kernel=kernel, weights=weights)
    xp = unified.namespace
    means, kernel, weights = unified.arrays
    means = _with_coordinates(means) if flat_points else means
    checks.points("means", means.shape, size)
    _check_kernel(kernel.shape, len(size))
    weights, channels = batching.weights_with_channels(xp, means, weights)
    batch, (means, weights) = batching.flatten(xp, means=means, weights=weights)
    if means.shape[0] is None:  # a size that a traced program does not know yet
        _, (kernels, _) = xp.stretch((kernel, means), (kernel.ndim, means.ndim - 1))
    else:
        kernels = xp.broadcast_to(kernel, (means.shape[0], *kernel.shape))  # (b, *k): autodiff sums over b
    image = dispatch.run(OPERATION, (means, kernels, weights), unified, backend, threads, size=size)
    tail = (weights.shape[-1], *size) if channels else size
    return unified.restore(batching.reshape(xp, image, (*batch, *tail)))


def _frame(size: Any) -> tuple[tuple[int, ...], bool]:
    """The size as a tuple, and whether the user gave an int: means then come without a coordinate axis."""
    if isinstance(size, (tuple, list)):
        return checks.image_size(size), False
    try:
        return checks.image_size((operator.index(size),)), True
    except TypeError:
        return checks.image_size(size), False


def _with_coordinates(means: Any) -> Any:
    """Means (..., n) as (..., n, 1)."""
    if means.ndim < 1:
        cure = "Write [mean] for a single impulse."
        raise ValueError(checks.complain("means", "of shape (..., n), for an integer size", "shape ()", cure))
    return means[..., None]


def _check_kernel(shape: tuple[int, ...], d: int) -> None:
    wanted = f"of shape {_KERNEL_AXES[d]}, no axis empty, for points in {d}-D"
    if len(shape) != d:
        cure = "Use numpy.outer(kernel, kernel) for a separable one." if (len(shape), d) == (1, 2) else ""
        raise ValueError(checks.complain("kernel", wanted, f"shape {tuple(shape)}", cure))
    if 0 in shape:
        raise ValueError(checks.complain("kernel", wanted, f"shape {tuple(shape)}", "[1.0] draws single pixels."))


def _output(shapes: tuple[tuple[int, ...], ...], options: Any) -> Output:
    batch, _, channels = shapes[2]
    return Output((batch, channels, math.prod(options["size"])))


def _saved(shapes: tuple[tuple[int, ...], ...], options: Any) -> tuple[Output, ...]:
    return ()


def _elements(shapes: tuple[tuple[int, ...], ...], options: Any) -> int:
    (batch, n, _), kernel, weights = shapes
    return batch * n * max(math.prod(kernel[1:]), weights[-1])


def _check_values(means: np.ndarray, kernel: np.ndarray, weights: np.ndarray, **options: Any) -> None:
    checks.finite("means", means)
    bad = checks.first_offender(~np.isfinite(kernel))
    if bad is not None:
        checks.finite("kernel", kernel[bad[0]])  # the batch axis is ours: the user gave none
    checks.finite("weights", weights)


OPERATION = register(
    Operation(
        name="render_impulses",
        arrays=("means", "kernel", "weights"),
        options={"size": "int[]"},
        reference=reference.render_impulses,
        kernels={"cpu": "gaussgrad.ops.impulse.cpu"},
        output=_output,
        saved=_saved,
        elements=_elements,
        check_values=_check_values,
    )
)
