"""Render Gaussians into images: the door, where every argument is checked once."""

import math
from typing import Any

import numpy as np

from gaussgrad import checks, dispatch
from gaussgrad.op import Operation, Output, register
from gaussgrad.ops import batching
from gaussgrad.ops.render import reference

AMPLITUDES = ("density", "peak")
COMPOSES = ("sum", "max", "union")
PIXELS = ("point", "area")


def render(
    means: Any,
    covariances: Any = None,
    weights: Any = None,
    *,
    cholesky: Any = None,
    size: tuple[int, ...],
    amplitude: str = "density",
    compose: str = "sum",
    pixel: str = "point",
    tolerance: float = 1e-4,
    backend: str | None = None,
    threads: int | None = None,
) -> Any:
    """Image of Gaussians, differentiable in their means, widths and weights.

    Pixel i has its centre at coordinate i; x runs right, y down, z deeper. Nothing is clamped or renormalised: a
    Gaussian outside the frame contributes what falls inside.

    Parameters
    ----------
    means : array (..., n, d)
        Centres (x,), (x, y) or (x, y, z) in pixels.
    covariances : array (..., n, d(d+1)/2), optional
        Packed upper triangles, [xx], [xx, xy, yy] or [xx, xy, xz, yy, yz, zz], in pixels squared, positive definite.
        May have fewer leading axes than `means`, and an n axis of 1. An off-diagonal entry is one parameter.
    weights : array (..., n) or (..., n, c), optional
        One number per Gaussian, or one per Gaussian and channel: the rank decides. Ones when absent.
    cholesky : array (..., n, d(d+1)/2), optional
        In place of `covariances`, what `log_density` takes: packed lower Cholesky factors by rows, [xx], [xx, yx, yy]
        or [xx, yx, yy, zx, zy, zz], in pixels, of positive diagonal. The covariance is never formed, since float32
        rounds that of a narrow Gaussian to an indefinite matrix.
    size : tuple of int
        (width,), (height, width) or (depth, height, width).
    amplitude : {"density", "peak"}
        "density": a Gaussian integrates to its weight. "peak": it has its weight at its mean.
    compose : {"sum", "max", "union"}
        "sum" adds. "max" takes max(0, the largest), ties going to the lowest index. "union" is the coverage
        1 - prod(1 - value), meant for peak amplitudes with weights in [0, 1].
    pixel : {"point", "area"}
        "point" samples at pixel centres. "area" is the mean over the pixel's square (in 1-D its interval, in 3-D its
        cube) of what "point" gives, as a camera's pixel integrates light; to 1e-8 of the peak along each axis for
        standard deviations from 0.066 pixels on (equation 48).
    tolerance : float in [0, 1)
        Each Gaussian's shape g = exp(-q/2) becomes max(g - tolerance, 0): an error of at most `tolerance` of its peak,
        and a cost in proportion to the pixels touched. 0 draws every representable pixel.
    backend : {None, "reference", "cpu", "triton"}
        None takes the kernels where they run, else the dense reference. "triton" are those for CUDA tensors.
    threads : int, optional
        Threads of this call; by default those of torch, or every core.

    Returns
    -------
    image : array (..., *size) or (..., c, *size)
        In the framework, dtype and device of the inputs.

    Raises
    ------
    ValueError
        For shapes that disagree, options out of range, values that are not finite, covariances that are not positive
        definite, factors whose diagonal is not positive.
    TypeError
        For none or both of `covariances` and `cholesky`, integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    Differentiable in `means`, `covariances` or `cholesky`, and `weights`. docs/maths.md, equations 1 to 9, 46 and 49 to
    54. The density is that of Bishop (2006), "Pattern recognition and machine learning", equation 2.43. Kernels draw
    factors whose conditional standard deviations are below 3e-19 pixels (float64: 1e-75) as that wide.

    Examples
    --------
    >>> import gaussgrad
    >>> image = gaussgrad.render([[1.0, 0.0]], [1.0, 0.0, 1.0], size=(1, 3), amplitude="peak", tolerance=0)
    >>> image.round(3).tolist()
    [[0.607, 1.0, 0.607]]
    >>> gaussgrad.render([[1.0, 0.0]], cholesky=[2.0, 0.0, 1.0], size=(1, 3), amplitude="peak").round(3).tolist()
    [[0.882, 1.0, 0.882]]
    """
    size = checks.image_size(size)
    amplitude = checks.option("amplitude", amplitude, AMPLITUDES)
    compose = checks.option("compose", compose, COMPOSES)
    pixel = checks.option("pixel", pixel, PIXELS)
    tolerance = checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0)
    form = checks.given_widths(covariances, cholesky)
    given = covariances if cholesky is None else cholesky
    unified = dispatch.unify(("weights",), **{"means": means, form: given, "weights": weights})
    xp = unified.namespace
    means, widths, weights = unified.arrays
    checks.points("means", means.shape, size)
    if form == "covariances":
        checks.packed_covariances(form, widths.shape, len(size))
    else:
        checks.dimensions_of_factors(widths.shape, len(size))
    weights, channels = batching.weights_with_channels(xp, means, weights)
    batch, arrays = batching.flatten(xp, **{"means": means, form: widths, "weights": weights})
    options = {"amplitude": amplitude, "compose": compose, "pixel": pixel, "tolerance": tolerance, "form": form}
    image = dispatch.run(OPERATION, arrays, unified, backend, threads, size=size, **options)
    tail = (weights.shape[-1], *size) if channels else size
    return unified.restore(batching.reshape(xp, image, (*batch, *tail)))


def _output(shapes: tuple[tuple[int, ...], ...], options: Any) -> Output:
    batch, _, channels = shapes[2]
    return Output((batch, channels, math.prod(options["size"])))


def _saved(shapes: tuple[tuple[int, ...], ...], options: Any) -> tuple[Output, ...]:
    image = _output(shapes, options)
    if options["compose"] == "max":  # the index of the winner, -1 for the background
        return (Output(image.shape, "int32"),)
    if options["compose"] == "union":  # the product of the factors that are not zero, and the number of zeros
        return (image, Output(image.shape, "int32"))
    return ()


def _elements(shapes: tuple[tuple[int, ...], ...], options: Any) -> int:
    batch, n, channels = shapes[2]
    nodes = reference.NODES[shapes[0][-1]] if options["pixel"] == "area" else 1
    return batch * n * max(channels, nodes)


def _check_values(means: np.ndarray, widths: np.ndarray, weights: np.ndarray, *, form: str, **options: Any) -> None:
    checks.finite("means", means, ("batch item", "Gaussian"))
    check = checks.positive_diagonal if form == "cholesky" else checks.positive_definite
    check(form, widths, ("batch item", "Gaussian"))
    checks.finite("weights", weights, ("batch item", "Gaussian"))


OPERATION = register(
    Operation(
        name="render",
        arrays=("means", "widths", "weights"),
        options={
            "size": "int[]",
            "amplitude": "str",
            "compose": "str",
            "pixel": "str",
            "tolerance": "float",
            "form": "str",  # of the widths: "covariances" or "cholesky"
        },
        reference=reference.render,
        kernels={"cpu": "gaussgrad.ops.render.cpu", "cuda": "gaussgrad.ops.render.triton"},
        output=_output,
        saved=_saved,
        elements=_elements,
        check_values=_check_values,
    )
)
