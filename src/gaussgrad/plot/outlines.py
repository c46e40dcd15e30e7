"""Gaussians as ellipses on axes of matplotlib, alone or on their image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba
from matplotlib.patheffects import Normal, Stroke

from gaussgrad import checks
from gaussgrad.gaussians import Gaussians
from gaussgrad.plot.style import DIMMED, INK, colours, draw_image

STDDEVS = 2.0  # the radius of an ellipse
TITLES = ("original", "reconstruction", "Gaussians")
_FAINTEST = 0.2  # opacity of a Gaussian without weight


def ellipses(
    axes: Axes,
    means: Any,
    covariances: Any = None,
    weights: Any = None,
    *,
    cholesky: Any = None,
    stddevs: float = STDDEVS,
    colour: Any = None,
) -> Axes:
    """Draw 2-D Gaussians as ellipses on axes, and give the axes back.

    Each ellipse has a dark rim, so that it shows on dark and on light images. A Gaussian of small weight is faint.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw, in pixels. The limits stay as they are: show an image first, or set them.
    means : array (n, 2)
        (x, y) in pixels; arrays of any framework.
    covariances : array (n, 3) or (3,), optional
        Packed [xx, xy, yy], in pixels squared.
    weights : array (n,) or (n, c), optional
        Their size sets the opacity, relative to the largest. All are opaque by default.
    cholesky : array (n, 3) or (3,), optional
        In place of `covariances`: packed lower Cholesky factors [xx, yx, yy], in pixels.
    stddevs : float
        The radius, in standard deviations.
    colour : color of matplotlib, optional
        One colour for all. By default each has its own.

    Returns
    -------
    axes : matplotlib.axes.Axes
        The axes that came.

    Raises
    ------
    TypeError
        For none or both of `covariances` and `cholesky`.
    ValueError
        For Gaussians that are not 2-D, or belong to more than one image.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().add_subplot(xlim=(0, 20), ylim=(16, 0), aspect="equal")
    >>> axes = ellipses(axes, [[5.0, 4.0], [12.0, 9.0]], [[2.0, 0.5, 1.0], [4.0, -1.5, 3.0]])
    >>> len(axes.collections[0].get_offsets())
    2
    """
    checks.given_widths(covariances, cholesky)
    place, packed, weight, factors = (_to_numpy(part) for part in (means, covariances, weights, cholesky))
    if place.ndim != 2 or place.shape[1] != 2:
        raise ValueError(f"means must have the shape (n, 2), Gaussians of one image; got {place.shape}.")
    given, widths = ("covariances", packed) if cholesky is None else ("cholesky", factors)
    if widths.shape not in ((len(place), 3), (1, 3), (3,)):
        raise ValueError(f"{given} must have the shape ({len(place)}, 3) or (3,); got {widths.shape}.")
    weight = np.ones(len(place)) if weight is None else weight
    if weight.ndim not in (1, 2) or len(weight) != len(place):
        raise ValueError(f"weights must have the shape ({len(place)},) or ({len(place)}, c); got {weight.shape}.")
    packed = Gaussians(place, packed, cholesky=factors).packed_covariances()
    draw_ellipses(axes, place, np.broadcast_to(packed, (len(place), 3)), weight, stddevs=stddevs, colour=colour)
    return axes


def overlay(
    axes: Axes,
    image: Any,
    means: Any,
    covariances: Any = None,
    weights: Any = None,
    *,
    cholesky: Any = None,
    stddevs: float = STDDEVS,
    colour: Any = None,
) -> Axes:
    """Show an image, darkened, with its Gaussians on top, and give the axes back.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw. Limits become those of the image, and ticks are removed.
    image : array (h, w), (1, h, w) or (3, h, w)
        Values from 0, black, to 1, white; what lies beyond is shown as these.
    means, covariances, weights, cholesky, stddevs, colour
        The Gaussians, as for `ellipses`.

    Returns
    -------
    axes : matplotlib.axes.Axes
        The axes that came.

    Raises
    ------
    TypeError, ValueError
        For an image or Gaussians of another form.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import gaussgrad
    >>> means, covariances = [[5.0, 4.0], [12.0, 9.0]], [[2.0, 0.5, 1.0], [4.0, -1.5, 3.0]]
    >>> image = gaussgrad.render(means, covariances, size=(16, 20), amplitude="peak")
    >>> axes = overlay(Figure().add_subplot(), image, means, covariances)
    >>> axes.images[0].get_array().shape, len(axes.collections[0].get_offsets())
    ((16, 20), 2)
    """
    draw_image(axes, DIMMED * np.clip(_picture("image", image), 0, 1))
    return ellipses(axes, means, covariances, weights, cholesky=cholesky, stddevs=stddevs, colour=colour)


def compare(
    axes: Sequence[Axes],
    original: Any,
    reconstruction: Any,
    means: Any = None,
    covariances: Any = None,
    weights: Any = None,
    *,
    cholesky: Any = None,
    stddevs: float = STDDEVS,
) -> Sequence[Axes]:
    """Show an image, its reconstruction and, on a third pane, its Gaussians, and give the axes back.

    Parameters
    ----------
    axes : sequence of matplotlib.axes.Axes
        Two axes, or three with Gaussians. Each gets a title.
    original, reconstruction : array (h, w), (1, h, w) or (3, h, w)
        Values from 0, black, to 1, white; what lies beyond is shown as these.
    means, covariances, weights, cholesky, stddevs
        The Gaussians, as for `ellipses`; leave them out for two panes.

    Returns
    -------
    axes : sequence of matplotlib.axes.Axes
        The axes that came.

    Raises
    ------
    TypeError, ValueError
        For images or Gaussians of another form, or another number of axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import gaussgrad
    >>> means, covariances = [[5.0, 4.0], [12.0, 9.0]], [[2.0, 0.5, 1.0], [4.0, -1.5, 3.0]]
    >>> image = gaussgrad.render(means, covariances, size=(16, 20), amplitude="peak")
    >>> panes = compare(Figure().subplots(1, 3), image, image, means, covariances)
    >>> [pane.get_title() for pane in panes]
    ['original', 'reconstruction', 'Gaussians']
    """
    wanted = 2 if means is None else 3
    panes = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(panes) != wanted:
        with_or_without = "without" if means is None else "with"
        raise ValueError(f"axes must be {wanted} axes {with_or_without} Gaussians; got {len(panes)}.")
    draw_image(panes[0], _picture("original", original))
    draw_image(panes[1], _picture("reconstruction", reconstruction))
    if means is not None:
        overlay(panes[2], original, means, covariances, weights, cholesky=cholesky, stddevs=stddevs)
    for pane, title in zip(panes, TITLES, strict=False):
        pane.set_title(title, size=10, color=INK)
    return axes


def draw_ellipses(
    axes: Axes,
    means: np.ndarray,
    covariances: np.ndarray,
    weights: np.ndarray,
    *,
    stddevs: float = STDDEVS,
    colour: Any = None,
    points: bool = False,
) -> None:
    """`ellipses` of NumPy arrays (n, 2), (n, 3) and (n,) or (n, c); as points where `points`."""
    edges = colours(len(means)) if colour is None else np.tile(to_rgba(colour), (len(means), 1))
    strength = np.abs(weights).max(axis=tuple(range(1, weights.ndim)))
    edges[:, 3] = _FAINTEST + (1 - _FAINTEST) * (strength / max(float(strength.max(initial=0)), 1e-12))
    if points:
        axes.scatter(means[:, 0], means[:, 1], s=40, c=edges, edgecolors="white", linewidths=0.7)
        return
    widths, heights, angles = diameters(covariances, stddevs)
    collection = EllipseCollection(
        widths,
        heights,
        angles,
        units="xy",
        offsets=means,
        offset_transform=axes.transData,
        linewidths=1.5,
        facecolors=edges * (1, 1, 1, 0.18),
        edgecolors=edges,
        path_effects=[Stroke(linewidth=2.3, foreground=(0, 0, 0, 0.45)), Normal()],
    )
    axes.add_collection(collection, autolim=False)
    axes.scatter(means[:, 0], means[:, 1], s=4, c=edges, linewidths=0)


def diameters(covariances: np.ndarray, stddevs: float = STDDEVS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Long and short diameters in pixels, and angles in degrees from x towards y, of covariances (n, 3)."""
    xx, xy, yy = np.asarray(covariances, dtype=np.float64).T
    values, vectors = np.linalg.eigh(np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2))
    lengths = 2 * stddevs * np.sqrt(values)  # ascending
    angles = np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]))
    return lengths[:, 1], lengths[:, 0], angles


def _to_numpy(array: Any) -> Any:
    """An array of any framework in NumPy; None stays None."""
    if array is None:
        return None
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array, dtype=np.float64)


def _picture(name: str, image: Any) -> np.ndarray:
    """An image (1, h, w) or (3, h, w)."""
    pixels = _to_numpy(image)
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or len(pixels) not in (1, 3):
        raise ValueError(f"{name} must have the shape (h, w), (1, h, w) or (3, h, w); got {pixels.shape}.")
    return pixels
