"""Gaussians as SVG: a radial gradient each, which the browser adds up."""

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.files.folders import fresh_file

STOPS = 12  # with them the straight pieces of the profile are lost in the rounding of 8 bits per Gaussian
FARTHEST = 4.0  # standard deviations; what lies beyond adds 0.0003 of the peak
_EVEN = 0.05  # how much the stops follow the range, beside the curvature


def write_svg(
    path: str | os.PathLike[str],
    means: np.ndarray,
    cholesky: np.ndarray,
    peaks: np.ndarray,
    *,
    size: tuple[int, int],
    background: Sequence[float],
    tolerance: float,
    overwrite: bool = False,
) -> None:
    """Write Gaussians as an SVG that a browser draws as `gaussgrad.render` does, but for 8 bits per Gaussian.

    Parameters
    ----------
    path : path
        The file to write.
    means, cholesky : array (n, 2) and (n, 3)
        Pixels.
    peaks : array (n, 1) or (n, 3)
        Values at the means, 0 or more: a browser adds light and takes none away. sRGB, white is 1.
    size : tuple of int
        (height, width) in pixels.
    background : sequence of 1 or 3 floats
        In [0, 1].
    tolerance : float
        As of `gaussgrad.render`.

    Raises
    ------
    ValueError
        For weights below 0, a background beyond [0, 1], or channels that are neither grey nor RGB.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "spot.svg"
    >>> spot = np.array([[4.0, 3.0]]), np.array([[2.0, 0.0, 1.0]]), np.array([[0.5]])
    >>> write_svg(path, *spot, size=(8, 10), background=[0.0], tolerance=0.01)
    >>> path.read_text().splitlines()[0]
    '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="8" viewBox="0 0 10 8">'
    """
    _refuse(peaks, background)
    with fresh_file(path, overwrite) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in _lines(means, cholesky, peaks, size, background, tolerance))


def _refuse(peaks: np.ndarray, background: Sequence[float]) -> None:
    if peaks.shape[1] not in (1, 3):
        raise ValueError(checks.complain("an SVG", "of grey or RGB Gaussians", f"{peaks.shape[1]} channels"))
    if peaks.size and peaks.min() < 0:
        cure = "Fit with --non-negative (non_negative=True)."
        got = f"{int((peaks < 0).any(axis=1).sum())} Gaussians with one below"
        raise ValueError(checks.complain("weights", "0 or more for an SVG, which adds light", got, cure))
    if not all(0 <= number <= 1 for number in background):
        got = ", ".join(f"{number:.4g}" for number in background)
        raise ValueError(checks.complain("background", "between 0 and 1 for an SVG", got, "Fit with another."))


def _lines(means: Any, cholesky: Any, peaks: Any, size: Any, background: Any, tolerance: float) -> Iterator[str]:
    """The file; classes, since a page that the SVG stands in has circles and stops of its own."""
    height, width = size
    radii, profile = _profile(tolerance)
    opacities = "".join(f".gaussian stop:nth-child({k}){{stop-opacity:{v:.4f}}}" for k, v in enumerate(profile, 1))
    stops = "".join(f'<stop offset="{radius / radii[-1]:.4f}"/>' for radius in radii)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    yield "<style>.gaussians{isolation:isolate}.gaussians circle{mix-blend-mode:plus-lighter}"
    yield f".gaussian stop{{stop-color:currentColor}}{opacities}</style>"
    yield f'<g class="gaussians"><rect width="{width}" height="{height}" fill="{_colour(np.asarray(background))}"/>'
    for i, (mean, factor, peak) in enumerate(zip(means, cholesky, peaks, strict=True)):
        brightest = float(peak.max())
        if brightest > 0:
            colour = _colour(peak / brightest)
            yield f'<radialGradient id="gaussian{i}" class="gaussian" color="{colour}">{stops}</radialGradient>'
            yield from _circles(i, mean, factor, brightest, radii[-1])
    yield "</g></svg>"


def _circles(i: int, mean: Any, factor: Any, brightest: float, radius: float) -> Iterator[str]:
    """A circle of unit standard deviation under the factor; several where one would have to be more than opaque."""
    xx, yx, yy = factor
    numbers = " ".join(f"{number:.6g}" for number in (xx, yx, 0, yy, mean[0] + 0.5, mean[1] + 0.5))
    count = math.ceil(brightest)
    opacity = f"{brightest / count:.5f}"
    circle = (
        f'<circle r="{radius:.4f}" transform="matrix({numbers})" fill="url(#gaussian{i})" fill-opacity="{opacity}"/>'
    )
    yield from [circle] * count


def _profile(tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Radii in standard deviations, closer where the Gaussian bends, and its shape max(g - tolerance, 0) there."""
    last = min(math.sqrt(-2 * math.log(tolerance)), FARTHEST) if tolerance else FARTHEST
    radii = np.linspace(0, last, 1001)
    bend = np.sqrt(np.abs((radii**2 - 1) * np.exp(-(radii**2) / 2)) + _EVEN)
    share = np.cumsum(bend) - bend[0]
    chosen = np.interp(np.linspace(0, share[-1], STOPS), share, radii)
    return chosen, np.maximum(np.exp(-(chosen**2) / 2) - tolerance, 0)


def _colour(numbers: np.ndarray) -> str:
    """Grey or RGB in [0, 1] as #rrggbb."""
    return "#" + "".join(f"{round(255 * float(number)):02x}" for number in np.broadcast_to(numbers, 3))
