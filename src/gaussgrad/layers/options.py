"""The options of the layers, checked once for the doors of every framework. Knows no framework."""

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.row_layout import RowLayout, parse_row
from gaussgrad.op import OPERATIONS
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.moments import check_temperature
from gaussgrad.ops.render import AMPLITUDES, COMPOSES, PIXELS

MAPS = ("sum", "each")
MOMENTS_ROWS = ("x y", "x y weight", "x y xx xy yy", "x y xx xy yy weight")
PARAMETRIZATIONS = ("covariance", "cholesky")
COORDINATES = ("pixel", "normalized")
COVARIANCES = ("full", "diagonal")
NARROWEST = 0.25  # pixels: between the pixel centres it still draws 0.02 of its peak, and trains
LONGEST_SIDES = 2.0  # the default of `widest`: nearly even over the frame
FRAME = "frame"  # the name of that default
SMALLEST, LARGEST = 1e-6, 1e9  # pixels: of bounds, whose squares float32 holds


@dataclass(frozen=True)
class DrawingOptions:
    """What both layers that draw are told: the size of an image, and what a row of numbers means. Abstract."""

    size: tuple[int, ...]
    layout: RowLayout
    coordinates: str
    backend: str | None  # what computes the image, as of `gaussgrad.render`

    @property
    def normalized(self) -> bool:
        """Whether the rows are in units of the frame."""
        return self.coordinates == "normalized"

    @property
    def draws_channels(self) -> bool:
        """Whether what is drawn has an axis for channels by itself."""
        return self.layout.weights > 0

    def channels_of(self, count: int) -> int:
        """How many channels the image of so many rows has."""
        return self.layout.channels

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, in plain Python."""
        return {
            "size": list(self.size),
            "row": self.layout.text,
            "coordinates": self.coordinates,
            "backend": self.backend,
        }


@dataclass(frozen=True)
class GaussianOptions(DrawingOptions):
    """Of `RenderGaussians`."""

    variance: float | None  # of all Gaussians, in pixels squared; None where the rows hold widths
    parametrization: str
    narrowest: float  # pixels; 0 where there is no bound
    widest: float | None  # pixels; None where there is no bound
    amplitude: str
    compose: str
    pixel: str
    tolerance: float
    maps: str

    @property
    def each(self) -> bool:
        """Whether each Gaussian is drawn into a channel of its own."""
        return self.maps == "each"

    @property
    def draws_channels(self) -> bool:
        return self.each or self.layout.weights > 0  # torch.compile takes a property of super() for true

    def channels_of(self, count: int) -> int:
        return count if self.each else super().channels_of(count)

    def drawing(self) -> dict[str, Any]:
        """Those that `gaussgrad.render` takes by the same names."""
        return {
            "amplitude": self.amplitude,
            "compose": self.compose,
            "pixel": self.pixel,
            "tolerance": self.tolerance,
        }

    @property
    def raw(self) -> bool:
        """Whether the rows hold raw factors, which have bounds."""
        return self.parametrization == "cholesky"

    def config(self) -> dict[str, Any]:
        own = {"variance": self.variance, "parametrization": self.parametrization, "maps": self.maps}
        return {**super().config(), **own, **self.bounds(), **self.drawing()}

    def bounds(self) -> dict[str, float | None]:
        """Of the widths, by the names of the arguments."""
        return {"narrowest": self.narrowest, "widest": self.widest}


@dataclass(frozen=True)
class ImpulseOptions(DrawingOptions):
    """Of `RenderImpulses`."""

    kernel: list[Any]  # nested, a list per axis

    def config(self) -> dict[str, Any]:
        return {**super().config(), "kernel": self.kernel}


@dataclass(frozen=True)
class MomentsOptions:
    """Of `Moments`."""

    layout: RowLayout
    softmax: float | None
    coordinates: str
    backend: str | None  # what computes moments, as of `gaussgrad.moments`

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, in plain Python."""
        return {
            "row": self.layout.text,
            "softmax": self.softmax,
            "coordinates": self.coordinates,
            "backend": self.backend,
        }


@dataclass(frozen=True)
class MixtureOptions:
    """Of `MixtureDensity` and its loss."""

    components: int
    dimensions: int
    covariance: str
    variance_floor: float
    backend: str | None  # what computes log densities, as of `gaussgrad.mixture_log_density`

    @property
    def lengths(self) -> tuple[int, int, int, int]:
        """How many numbers tell the logits, means, log_stddevs and atanh_correlations of one mixture."""
        k, d = self.components, self.dimensions
        return k, k * d, k * d, k if self.correlated else 0

    @property
    def correlated(self) -> bool:
        """Whether each component has a correlation."""
        return self.covariance == "full"


def gaussian_options(
    size: Any,
    row: str | None,
    *,
    variance: float | None,
    stddev: float | None,
    parametrization: str,
    narrowest: float,
    widest: float | str | None,
    coordinates: str,
    amplitude: str,
    compose: str,
    pixel: str,
    tolerance: float,
    maps: str,
    backend: str | None,
) -> GaussianOptions:
    """The options that fit together, or an error."""
    size = _layer_size(size)
    layout = parse_row(row, len(size), with_widths=True)
    fixed = _fixed_variance(layout, variance, stddev)
    parametrization = checks.option("parametrization", parametrization, PARAMETRIZATIONS)
    if fixed is not None and parametrization != "covariance":
        wanted = f"'covariance' for row={layout.text!r}"
        cure = "Leave it out: the width is fixed."
        raise ValueError(complain("parametrization", wanted, repr(parametrization), cure))
    narrowest, widest = _bounds(narrowest, widest, parametrization, max(size))
    maps = checks.option("maps", maps, MAPS)
    if maps == "each" and layout.weights > 1:
        raise ValueError(complain("maps", f"'sum' for the {layout.weights} channels of row={layout.text!r}", "'each'"))
    return GaussianOptions(
        size=size,
        layout=layout,
        coordinates=checks.option("coordinates", coordinates, COORDINATES),
        backend=checks.option("backend", backend, OPERATIONS["render"].backends),
        variance=fixed,
        parametrization=parametrization,
        narrowest=narrowest,
        widest=widest,
        amplitude=checks.option("amplitude", amplitude, AMPLITUDES),
        compose=checks.option("compose", compose, COMPOSES),
        pixel=checks.option("pixel", pixel, PIXELS),
        tolerance=checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0),
        maps=maps,
    )


def impulse_options(
    size: Any, kernel: Any, row: str | None, *, coordinates: str, backend: str | None
) -> ImpulseOptions:
    """The options that fit together, or an error."""
    size = _layer_size(size)
    layout = parse_row(row, len(size), with_widths=False)
    coordinates = checks.option("coordinates", coordinates, COORDINATES)
    backend = checks.option("backend", backend, OPERATIONS["render_impulses"].backends)
    kernel = np.asarray(kernel, dtype=np.float64).tolist()
    render_impulses(np.zeros((0, len(size))), kernel, size=size)  # refuses what is no kernel
    return ImpulseOptions(size, layout, coordinates, backend, kernel)


def moments_options(row: str, *, softmax: float | None, coordinates: str, backend: str | None) -> MomentsOptions:
    """The options that fit together, or an error."""
    return MomentsOptions(
        layout=parse_row(checks.option("row", row, MOMENTS_ROWS), 2, with_widths=True),
        softmax=check_temperature(softmax) or None,
        coordinates=checks.option("coordinates", coordinates, COORDINATES),
        backend=checks.option("backend", backend, OPERATIONS["moments"].backends),
    )


def mixture_options(
    components: int,
    *,
    dimensions: int,
    covariance: str | None,
    variance_floor: float = 0.0,
    backend: str | None = None,
) -> MixtureOptions:
    """The options that fit together, or an error."""
    components, dimensions = checks.count("components", components), checks.count("dimensions", dimensions)
    usual = "full" if dimensions == 2 else "diagonal"
    covariance = checks.option("covariance", covariance or usual, COVARIANCES)
    if covariance == "full" and dimensions != 2:
        raise ValueError(complain("covariance", f"'diagonal' in {dimensions}-D", "'full'"))
    floor = checks.number("variance_floor", variance_floor, "a number >= 0", 0.0)
    backends = OPERATIONS["mixture_log_density"].backends if covariance == "full" else (None, "reference")
    backend = checks.option("backend", backend, backends)
    return MixtureOptions(components, dimensions, covariance, floor, backend)


def _layer_size(size: Any) -> tuple[int, ...]:
    """The size as a tuple; an int is the length of a 1-D signal."""
    try:
        axes = (operator.index(size),)
    except TypeError:
        axes = size
    return checks.image_size(axes)


def _bounds(narrowest: Any, widest: Any, parametrization: str, longest: int) -> tuple[float, float | None]:
    """The bounds in pixels, 0 and None where there is none, or an error; covariances have none."""
    pixels = "0, or a number of pixels from 1e-6 to 1e9"
    least = checks.number("narrowest", narrowest, pixels, 0.0, LARGEST)
    if 0 < least < SMALLEST:
        raise ValueError(complain("narrowest", pixels, repr(narrowest)))
    most = LONGEST_SIDES * longest if isinstance(widest, str) and widest == FRAME else widest
    if most is not None:
        wanted = f"{FRAME!r}, a number of pixels above narrowest={least:g} and below 1e9, or None"
        most = checks.number("widest", most, wanted, max(math.nextafter(least, math.inf), SMALLEST), LARGEST)
    if parametrization == "cholesky":
        return least, most
    cure = 'Bounds are of raw numbers: use parametrization="cholesky".'
    if least not in (0.0, NARROWEST):
        raise ValueError(complain("narrowest", "left out, or 0, for covariances", repr(narrowest), cure))
    if widest not in (FRAME, None):
        raise ValueError(complain("widest", "left out, or None, for covariances", repr(widest), cure))
    return 0.0, None


def _fixed_variance(layout: RowLayout, variance: float | None, stddev: float | None) -> float | None:
    """The variance of all Gaussians, or None where the row holds widths; exactly one source, or an error."""
    given = [name for name, value in (("variance", variance), ("stddev", stddev)) if value is not None]
    if layout.widths:
        if given:
            raise ValueError(complain(given[0], f"None: row={layout.text!r} holds the widths", "a number"))
        return None
    if len(given) != 1:
        wanted = f"given, one of the two, since row={layout.text!r} holds no width"
        raise ValueError(complain("variance or stddev", wanted, " and ".join(given) or "neither"))
    if stddev is not None:
        return checks.number("stddev", stddev, "a positive number of pixels", math.ulp(0.0)) ** 2
    return checks.number("variance", variance, "a positive number of pixels squared", math.ulp(0.0))
