"""Mutual information of two images, by their joint histogram."""

from typing import Any

from gaussgrad import checks, dispatch
from gaussgrad.ops.histogram.axes import axes_of_both
from gaussgrad.ops.histogram.counts import histogram


def mutual_information(
    a: Any,
    b: Any,
    bins: Any,
    range: Any = None,
    *,
    stddev: Any,
    backend: str | None = None,
    threads: int | None = None,
) -> Any:
    """Mutual information of paired values, in nats, differentiable in both and in the stddev.

    It says how much the values of one image tell about those of the other, for any relation between them. Registration
    of images from different cameras maximises it. The pairs fill a joint histogram; mass outside the range goes to the
    outermost bins.

    Parameters
    ----------
    a, b : array (..., n)
        The values of the same n places in two images. Give images as `image.reshape(-1)`.
    bins, range : int or edges, (low, high)
        As for `histogram`: one for both, or a list with one for `a` and one for `b`.
    stddev : number, or array that broadcasts to (..., n, 2)
        The standard deviation of the values; (2,) is one for `a` and one for `b`. Take half a bin or more, so
        that the gradient is smooth.
    backend : {None, "reference", "cpu"}
        None takes the kernels where they run, else the dense reference.
    threads : int, optional
        Threads of this call; by default those of torch, or every core.

    Returns
    -------
    information : array (...)
        At least 0 but for rounding; 0 where the histogram is the product of its marginals.

    Raises
    ------
    ValueError
        For different or empty shapes, and what `histogram` refuses.
    TypeError
        For integer tensors, mixed dtypes or frameworks.

    Notes
    -----
    docs/maths.md, equation 72. The density estimate is that of Viola and Wells (1997), "Alignment by maximization of
    mutual information", with every pair and exact masses instead of samples.

    Examples
    --------
    >>> import gaussgrad
    >>> values = [0.1, 0.4, 0.6, 0.9]
    >>> negative = [0.9, 0.6, 0.4, 0.1]
    >>> round(float(gaussgrad.mutual_information(values, negative, 4, (0, 1), stddev=0.01)), 4)  # log 4
    1.3863
    """
    unified = dispatch.unify(a=a, b=b, stddev=stddev)
    xp = unified.namespace
    a, b, stddev = unified.arrays
    if a.ndim < 1 or a.shape[-1] == 0 or tuple(a.shape) != tuple(b.shape):
        wanted = f"of the shape of a, {tuple(a.shape)}, and (..., n) with n at least 1"
        raise ValueError(checks.complain("b", wanted, f"shape {tuple(b.shape)}"))
    bins, range = axes_of_both(bins, range)
    pairs = xp.stack([a, b], axis=-1)
    counts = histogram(pairs, bins, range, stddev=stddev, edge="keep", backend=backend, threads=threads)
    return unified.restore(_divergence_from_product(xp, counts / xp.sum(counts, axis=(-2, -1), keepdims=True)))


def _divergence_from_product(xp: Any, joint: Any) -> Any:
    """The Kullback-Leibler divergence of shares (..., i, j) from the product of their sums, where 0 log 0 is 0."""
    of_a, of_b = xp.sum(joint, axis=-1, keepdims=True), xp.sum(joint, axis=-2, keepdims=True)
    found, one = joint > 0, xp.ones_like(joint)
    logarithm = xp.log(xp.where(found, joint, one)) - xp.log(xp.where(found, of_a * one, one))
    logarithm = logarithm - xp.log(xp.where(found, of_b * one, one))
    return xp.sum(joint * logarithm, axis=(-2, -1))
