"""What kernels are told, in records: NamedTuples, which Numba takes apart where it compiles.

Entry kernels take plain tuples in their place and name their fields at once: in a call from Python, Numba takes a tenth
of a microsecond to know the type of a tuple, and seven times as long for a NamedTuple.
"""

from typing import Any, NamedTuple


class Frame(NamedTuple):
    """How many pixels there are along each axis."""

    depth: int
    height: int
    width: int


class Scene(NamedTuple):
    """The Gaussians, or the gradients of them."""

    means: Any  # (b, n, d)
    widths: Any  # (b, n, d(d+1)/2), covariances or Cholesky factors
    weights: Any  # (b, n, c)


class Static(NamedTuple):
    """What kernels are compiled for, as compile-time integers (`simd.static`).

    Functions that take it whole take loops over channels apart: a number alone would be known too late.
    """

    mode: Any
    channels: Any  # 0 where their number is not known then
    dimensions: Any


class Cut(NamedTuple):
    """Where a Gaussian ends."""

    squared: float  # the squared distance from its mean, in standard deviations
    pad: float  # how far a pixel reaches from its centre: 0, or 1/2 for areas
    tolerance: Any  # what is taken off the shape
    lowest: Any  # the exponent below which an exponential is no normal number


class Bands(NamedTuple):
    """Which Gaussians touch which band of an image; see bands.py."""

    count: int  # in each image; with one, all Gaussians are visited and the arrays are empty
    offsets: Any
    members: Any


class Canvas(NamedTuple):
    """What is drawn, flat: all images, channels and pixels end to end.

    For max `image` is the image and `marks` the winners (-1: none), for union the product of the factors that are not
    zero and the number of zeros. `out` gets the image of a union.
    """

    image: Any
    marks: Any
    out: Any


class Upstream(NamedTuple):
    """The gradient to the image, and what drawing it left on the canvas; flat."""

    grad: Any
    product: Any  # of a union
    marks: Any


class Levels(NamedTuple):
    """What the shape of a Gaussian is multiplied by in each channel: `count` values from the place `first` on."""

    values: Any
    first: int
    count: int


class Window(NamedTuple):
    """Rows [top, bottom) and columns [left, right) of a slice."""

    top: int
    bottom: int
    left: int
    right: int


class Slice(NamedTuple):
    """A slice of an image: its residual to a Gaussian, and where it lies in the memory."""

    residual: float
    place: int  # of its first pixel in the first channel
    width: int  # from row to row
    plane: int  # from channel to channel


class Scratch(NamedTuple):
    """Memory to work in."""

    olds: Any  # a vector for each channel
    places: Any  # what `place_rows` fills in
    nodes: tuple[int, int, int]  # rows of the tables of quadrature.py
    lines: Any  # what `through_row` fills in


class Sums(NamedTuple):
    """What a Gaussian collects from its pixels."""

    by_channel: Any  # the gradient to each level, a vector each
    moments: Any  # (CHUNK, MOMENTS + channels)
    row: int  # of `moments`, that of the Gaussian
