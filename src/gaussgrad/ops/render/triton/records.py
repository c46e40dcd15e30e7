"""What kernels are told, in records: NamedTuples, which Triton takes apart where it compiles."""

from typing import Any, NamedTuple

NUMBERS = 16  # float64, of one Gaussian: ten are in use, and a Gaussian begins at a line of the cache
SPANS = 9  # int32, of one Gaussian: its box, and the rows of its nodes
MOMENTS = 10  # of r: its sum, three first and six second moments
NODES = 32  # at most along an axis


class Frame(NamedTuple):
    """How many pixels there are along each axis."""

    depth: Any
    height: Any
    width: Any


class Cut(NamedTuple):
    """Where a Gaussian ends."""

    squared: Any  # the squared distance from its mean, in standard deviations
    pad: Any  # how far a pixel reaches from its centre: 0, or 1/2 for areas
    tolerance: Any  # what is taken off the shape, in float32, as Triton takes numbers of Python
    rest: Any  # what float32 leaves off the tolerance
    lowest: Any  # the exponent below which an exponential is no normal number


class Scene(NamedTuple):
    """The Gaussians, or the gradients of them."""

    means: Any  # (b, n, d)
    widths: Any  # (b, n, d(d+1)/2), covariances or Cholesky factors
    weights: Any  # (b, n, c)


class Prepared(NamedTuple):
    """What `prepare` writes of each Gaussian, counted through all batch items."""

    numbers: Any  # (b * n, NUMBERS) float64: x, y, z, alpha, beta, gamma, 1/vx, 1/vy, 1/vz, and the scale of levels
    spans: Any  # (SPANS, b * n) int32: first and one past the last pixel along x, y and z, then the rows of nodes
    valid: Any  # (b * n,) int8, whether the Gaussian is; then (b,), whether all of a batch item are


class Bins(NamedTuple):
    """Which Gaussians touch which tile, counted through all batch items."""

    members: Any  # (b * tiles, capacity) int32, in their order
    counts: Any  # (b * tiles,) int32; beyond the capacity the members are not all there
    capacity: Any  # 0: no bins


class Nodes(NamedTuple):
    """The tables of ops/render/quadrature.py, float64."""

    narrowest: Any
    counts: Any  # int32
    places: Any
    shares: Any


class Canvas(NamedTuple):
    """What is drawn, or the gradient to it: (b, c, pixels).

    For max `image` is the image and `marks` the winners (-1: none), for union the product of the factors that are not
    zero and the number of zeros. `out` gets the image of a union, or is the gradient.
    """

    image: Any
    marks: Any
    out: Any


class Geometry(NamedTuple):
    """Slopes, precisions and the corner of a window, relative to the mean: the residuals of its first pixel."""

    ex: Any
    ey: Any
    ez: Any
    alpha: Any
    beta: Any
    gamma: Any
    ix: Any
    iy: Any
    iz: Any
