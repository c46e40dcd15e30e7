"""From maps back to Gaussians: the door, where every argument is checked once."""

import math
from typing import Any

import numpy as np

from gaussgrad import checks, dispatch
from gaussgrad.dispatch import Unified
from gaussgrad.op import Operation, Output, register
from gaussgrad.ops import batching
from gaussgrad.ops.moments import reference

COORDINATES = ("pixel", "normalized")
COLDEST, HOTTEST = 1e-30, 1e30  # temperatures, whose inverse float32 holds
AXES = ("map", "row", "column")


def moments(
    images: Any,
    *,
    softmax: float | None = None,
    coordinates: str = "pixel",
    backend: str | None = None,
    threads: int | None = None,
) -> tuple[Any, Any, Any]:
    """Mass, mean and covariance of each map, differentiable in the images: from heatmaps back to Gaussians.

    It is the way back from `gaussgrad.render`. It finds the weight, mean and covariance of one Gaussian that is at
    least 0.7 pixels wide, far enough inside the frame, and drawn with `tolerance=0`. With `softmax` it is the
    soft-argmax, and gives its covariance too.

    Parameters
    ----------
    images : array (..., h, w), such as (b, c, h, w)
        Light, zero or more, some of it in every map; with `softmax` logits, any numbers below infinity, -infinity for
        pixels that are left out.
    softmax : float, optional
        A temperature from 1e-30 to 1e30: the light is then the softmax, over the pixels of each map, of logits divided
        by it. The mass is then 1.
    coordinates : {"pixel", "normalized"}
        The units of means and covariances. "normalized": [-1, 1] between the outer edges of the frame.
    backend : {None, "reference", "cpu"}
        None takes the kernels where they run, else the dense reference.
    threads : int, optional
        Threads of this call, each of which takes whole maps; by default those of torch, or every core.

    Returns
    -------
    mass : array (...)
        The sum of the light.
    means : array (..., 2)
        x, y of its centre.
    covariances : array (..., 3)
        Packed (xx, xy, yy), about that centre. Light in a single pixel or along one line has a singular one;
        `covariance.blur(covariances, 12**-0.5)` adds the width of a pixel.
        All three are in the framework, dtype and device of the images.

    Raises
    ------
    ValueError
        For too few axes, empty or unknown ones, options out of range, negative light, values that are not finite, or a
        map without light, where values are known. Elsewhere such a map gives NaN.
    TypeError
        For integer tensors, or what is no array.

    Notes
    -----
    docs/maths.md, equations 62 to 66. Half precision is computed in float32. Its results are rounded to its dtype: in
    float16 a mean beyond 32 is known to 1/32 of a pixel, and mass or variances beyond 65504 are infinite. Pass
    `images.float()` if that matters. A Gaussian across the border of the frame gives the moments of the part inside.

    The soft-argmax is that of Nibali et al. (2018), "Numerical coordinate regression with convolutional neural
    networks", section 3.

    Examples
    --------
    >>> import gaussgrad
    >>> image = gaussgrad.render([[9.0, 5.0]], [4.0, 1.0, 2.0], [3.0], size=(16, 20), tolerance=0)
    >>> mass, mean, covariance = gaussgrad.moments(image)
    >>> round(float(mass), 2), mean.round(2).tolist(), covariance.round(1).tolist()
    (3.0, [9.0, 5.0], [4.0, 1.0, 2.0])
    """
    temperature = check_temperature(softmax)
    coordinates = checks.option("coordinates", coordinates, COORDINATES)
    unified = dispatch.unify(images=images)
    (images,) = unified.arrays
    leading, maps = _flatten(unified.namespace, images)
    found = dispatch.run(OPERATION, (maps,), unified, backend, threads, softmax=temperature)
    if coordinates == "normalized":
        found = _normalized(unified, found, *maps.shape[1:])
    results = (found[:, 0, 0], found[:, 1:3, 0], found[:, 3:, 0])
    return tuple(
        unified.restore(batching.reshape(unified.namespace, result, (*leading, *own)))
        for result, own in zip(results, ((), (2,), (3,)), strict=True)
    )


def check_temperature(softmax: Any) -> float:
    """The temperature, 0 for None, or an error."""
    if softmax is None:
        return 0.0
    return checks.number("softmax", softmax, "a temperature from 1e-30 to 1e30, or None", COLDEST, HOTTEST)


def _flatten(xp: Any, images: Any) -> tuple[tuple[Any, ...], Any]:
    """The leading axes, and the maps (b, h, w)."""
    shape = tuple(images.shape)
    wanted = "of shape (..., h, w), h and w known and not 0"
    if len(shape) < 2 or None in shape[-2:] or 0 in shape[-2:]:
        raise ValueError(checks.complain("images", wanted, f"shape {shape}"))
    leading: tuple[Any, ...] = shape[:-2]
    if None in leading:  # a size that a traced program does not know yet
        leading, (images,) = xp.stretch((images,), (2,))
    if len(shape) == 3:
        return leading, images
    return leading, batching.reshape(xp, images, (math.prod(leading), *shape[-2:]))


def _normalized(unified: Unified, found: Any, height: int, width: int) -> Any:
    """Moments (b, 6, 1) in units of the frame; docs/maths.md, equations 37 and 38."""
    x, y = 2 / width, 2 / height
    scales = [[1.0], [x], [y], [x * x], [x * y], [y * y]]
    offsets = [[0.0], [x / 2 - 1], [y / 2 - 1], [0.0], [0.0], [0.0]]
    framework = unified.framework
    dtype = framework.dtype_name(found)
    return found * framework.from_list(scales, dtype, found) + framework.from_list(offsets, dtype, found)


def _output(shapes: tuple[tuple[int, ...], ...], options: Any) -> Output:
    return Output((shapes[0][0], 6, 1))


def _saved(shapes: tuple[tuple[int, ...], ...], options: Any) -> tuple[Output, ...]:
    """Nine numbers of each map."""
    return (Output((shapes[0][0], 9)),)


def _elements(shapes: tuple[tuple[int, ...], ...], options: Any) -> int:
    return math.prod(shapes[0])


def _check_values(images: np.ndarray, *, softmax: float) -> None:
    if softmax:
        _check_logits(images)
        return
    checks.finite("images", images, AXES)
    cure = "Pass softmax=1.0 for logits; remove a background, or clip noise, with maximum(images, 0)."
    _refuse(images < 0, images, "zero or more", cure)
    with np.errstate(over="ignore"):
        masses = images.sum(axis=(1, 2))
    limits = np.finfo(images.dtype)
    wanted = f"maps that each sum to a number from {limits.tiny:.1e} to {limits.max:.1e}"
    _refuse((masses < limits.tiny) | (masses > limits.max), masses, wanted, "Leave out maps without light.")


def _check_logits(logits: np.ndarray) -> None:
    """-infinity leaves a pixel out, but not all of a map."""
    _refuse(np.isnan(logits) | (logits == np.inf), logits, "below infinity and not NaN")
    tops = logits.max(axis=(1, 2))
    _refuse(np.isneginf(tops), tops, "above -infinity for at least one pixel of each map")


def _refuse(bad: np.ndarray, values: np.ndarray, wanted: str, cure: str = "") -> None:
    index = checks.first_offender(bad)
    if index is not None:
        place = ", ".join(f"{axis} {i}" for axis, i in zip(AXES, index, strict=False))
        raise ValueError(checks.complain("images", wanted, f"{values[index]} at {place}", cure))


OPERATION = register(
    Operation(
        name="moments",
        arrays=("images",),
        options={"softmax": "float"},
        reference=reference.moments,
        kernels={"cpu": "gaussgrad.ops.moments.cpu"},
        output=_output,
        saved=_saved,
        elements=_elements,
        check_values=_check_values,
    )
)
