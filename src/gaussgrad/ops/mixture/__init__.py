"""Score data under mixtures of Gaussians, and sample from them.

Here stands the door of the operation with kernels, mixtures of bivariate Gaussians; the other functions have files of
their own.
"""

from typing import Any

from gaussgrad import checks, dispatch
from gaussgrad.op import Operation, Output, register
from gaussgrad.ops import batching
from gaussgrad.ops.mixture import arguments, reference
from gaussgrad.ops.mixture.gaussian import gaussian_mixture_log_density, log_density
from gaussgrad.ops.mixture.sampling import mixture_moments, sample_mixture
from gaussgrad.ops.mixture.single import bivariate_density

__all__ = [
    "bivariate_density",
    "gaussian_mixture_log_density",
    "log_density",
    "mixture_log_density",
    "mixture_moments",
    "responsibilities",
    "sample_mixture",
]

OWN_AXES = {"points": 1, "logits": 1, "means": 2, "log_stddevs": 2, "atanh_correlations": 1}


def mixture_log_density(
    points: Any,
    logits: Any,
    means: Any,
    log_stddevs: Any,
    atanh_correlations: Any,
    *,
    backend: str | None = None,
    threads: int | None = None,
) -> Any:
    """Log density of points under mixtures of bivariate Gaussians, differentiable to all five arguments.

    The negative mean of it is the loss of a mixture density network whose outputs are these raw numbers: any values
    within range are valid, and no epsilon, clamp or mask is needed.

    Parameters
    ----------
    points : array (..., 2)
        Where the density is taken.
    logits : array (..., k)
        Weights of the components before the softmax. -infinity is weight 0, with gradient 0; not all of a point's.
    means : array (..., k, 2)
        In the unit of the points.
    log_stddevs : array (..., k, 2)
        Logarithms of the standard deviations along x and y; of magnitude below 87 in float32, 708 in float64.
    atanh_correlations : array (..., k)
        The correlations before tanh, any number below the same magnitudes. Leading axes of all five broadcast.
    backend : {None, "reference", "cpu", "triton"}
        None takes the kernels where they run, else the dense reference. "triton" are those for CUDA tensors.
    threads : int, optional
        Threads of this call; by default those of torch, or every core.

    Returns
    -------
    log_density : array (...)
        Natural logarithms, in the framework, dtype and device of the inputs; -infinity, with gradient 0 to the
        components, where the density leaves the dtype: beyond 1e19 standard deviations in float32.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite or out of range, a point all of whose logits are -infinity.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    docs/mixtures.md, equations M2 to M7. The density and its gradient are those of Graves (2013), "Generating sequences
    with recurrent neural networks", equations 24 and 25 and section 4.1, in a form that keeps its digits at any
    correlation. Shapes that broadcast are stretched in memory first.

    Examples
    --------
    >>> import gaussgrad
    >>> value = gaussgrad.mixture_log_density([0.0, 0.0], [0.0], [[0.0, 0.0]], [[0.0, 0.0]], [0.0])  # 1 / (2 pi)
    >>> round(float(value), 4)
    -1.8379
    """
    unified = dispatch.unify(
        points=points, logits=logits, means=means, log_stddevs=log_stddevs, atanh_correlations=atanh_correlations
    )
    arrays = dict(zip(OWN_AXES, unified.arrays, strict=True))
    _check_shapes(arrays)
    xp = unified.namespace
    leading, flat = arguments.flatten(xp, OWN_AXES, **arrays)
    result = dispatch.run(OPERATION, flat, unified, backend, threads)
    return unified.restore(batching.reshape(xp, result, leading))


def responsibilities(points: Any, logits: Any, means: Any, log_stddevs: Any, atanh_correlations: Any) -> Any:
    """Probability of each component given the point, differentiable to all five arguments.

    Parameters
    ----------
    points, logits, means, log_stddevs, atanh_correlations : arrays
        As for `mixture_log_density`.

    Returns
    -------
    responsibilities : array (..., k)
        They sum to 1 over the last axis; exactly 0 where the logit is -infinity.

    Raises
    ------
    ValueError, TypeError
        As `mixture_log_density`.

    Notes
    -----
    docs/mixtures.md, equation M7. Graves (2013), "Generating sequences with recurrent neural networks", equations 28
    and 29.

    Examples
    --------
    >>> import gaussgrad
    >>> means, zeros = [[-1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]
    >>> gaussgrad.responsibilities([0.0, 0.0], [0.0, 0.0], means, zeros, [0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    unified = dispatch.unify(
        points=points, logits=logits, means=means, log_stddevs=log_stddevs, atanh_correlations=atanh_correlations
    )
    arrays = dict(zip(OWN_AXES, unified.arrays, strict=True))
    _check_shapes(arrays)
    arguments.leading_axes(OWN_AXES, **arrays)
    arguments.where_known(unified, arguments.check_values, *unified.arrays)
    xp = unified.namespace
    joint = arrays["logits"] + reference.component_log_densities(
        xp, arrays["points"], arrays["means"], arrays["log_stddevs"], arrays["atanh_correlations"]
    )
    return unified.restore(reference.softmax(xp, joint))


def _check_shapes(arrays: dict[str, Any]) -> None:
    checks.last_axis("points", arrays["points"].shape, 2, "of shape (..., 2), the last axis (x, y)")
    arguments.check_components(*(arrays[name] for name in arguments.PARAMETERS))


def _output(shapes: tuple[tuple[int, ...], ...], options: Any) -> Output:
    return Output((shapes[1][0], 1))


def _saved(shapes: tuple[tuple[int, ...], ...], options: Any) -> tuple[Output, ...]:
    """The largest terms and the sums of each point."""
    return (Output((shapes[1][0], 4)),)


def _elements(shapes: tuple[tuple[int, ...], ...], options: Any) -> int:
    batch, k = shapes[1]
    return 2 * batch * k


OPERATION = register(
    Operation(
        name="mixture_log_density",
        arrays=tuple(OWN_AXES),
        options={},
        reference=reference.mixture_log_density,
        kernels={"cpu": "gaussgrad.ops.mixture.cpu", "cuda": "gaussgrad.ops.mixture.triton"},
        output=_output,
        saved=_saved,
        elements=_elements,
        check_values=arguments.check_values,
    )
)
