"""PyTorch layers that draw: `nn.Module`s without parameters that end any `nn.Sequential`."""

import math
from typing import Any

import torch
from torch import nn

from gaussgrad import checks, covariance
from gaussgrad.checks import complain
from gaussgrad.coordinates import to_pixels
from gaussgrad.frameworks.torch import concrete
from gaussgrad.layers.row_layout import (
    COORDINATES,
    PARAMETRIZATIONS,
    Row,
    cut_shape,
    fixed_variance,
    layer_size,
    parse_row,
)
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.render import AMPLITUDES, COMPOSES, PIXELS, render

DRAWING_OPTIONS = ("amplitude", "compose", "pixel", "tolerance")


class _Drawing(nn.Module):
    """What both layers share: rows cut from the input, and the axes of the image. Abstract."""

    def __init__(self, size: tuple[int, ...], row: Row, coordinates: str, channel: bool, batched: bool | None) -> None:
        super().__init__()
        self.size = size
        self.row = row
        self.coordinates = checks.option("coordinates", coordinates, COORDINATES)
        self.channel = checks.option("channel", channel, (True, False))
        self.batched = checks.option("batched", batched, (None, True, False))
        if row.channels > 1 and not channel:
            raise ValueError(complain("channel", f"True for the {row.channels} channels of row={row.text!r}", "False"))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The image (b, c, *size) of rows (b, n, r) or (b, n * r), or (c, *size) of rows (n, r)."""
        if not isinstance(rows, torch.Tensor):
            raise TypeError(complain("rows", "a torch tensor", f"a {type(rows).__name__}", "Use torch.as_tensor."))
        dtype = rows.dtype
        if not dtype.is_floating_point:
            raise TypeError(complain("rows", "of a floating-point dtype", str(dtype), "Use rows.float()."))
        rows = rows.reshape(cut_shape(tuple(rows.shape), self.row, self.batched))
        if dtype in (torch.float16, torch.bfloat16):
            rows = rows.float()  # once for all steps: rounding between them would cost more than the dtype's digits
        first_weight = self.row.length - self.row.weights
        weights = rows[..., first_weight:] if self.row.weights else None
        image = self._draw(rows[..., : self.row.d], rows[..., self.row.d : first_weight], weights).to(dtype)
        axis = -1 - len(self.size)
        if weights is None:
            return image.unsqueeze(axis) if self.channel else image
        return image if self.channel else image.squeeze(axis)

    def _draw(self, means: torch.Tensor, widths: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        raise NotImplementedError

    def _common_repr(self) -> list[str]:
        parts = [f"size={self.size}", f"row={self.row.text!r}", f"coordinates={self.coordinates!r}"]
        parts += ["channel=False"] if not self.channel else []
        return parts + ([f"batched={self.batched}"] if self.batched is not None else [])


class RenderGaussians(_Drawing):
    """Layer that draws each row of its input as a Gaussian: `gaussgrad.render` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (height, width); (width,) or an int for signals; (depth, height, width) for volumes. Pixels.
    row : str, optional
        The numbers of one Gaussian, in 2-D "x y", "x y variance" or "x y xx xy yy"; in 1-D "x", "x variance" or "x xx";
        in 3-D "x y z", "x y z variance" or "x y z xx xy xz yy yz zz". Each also with " weight", or " weight*3" for
        three channels (red, green, blue, or any number of channels c). By default the coordinates alone.
    variance, stddev : float, optional
        The fixed width of all Gaussians, one of the two, for rows without a width. In pixels squared, and pixels,
        whatever `coordinates`.
    parametrization : {"covariance", "cholesky"}
        What the width in a row means. "covariance": a variance, or a packed covariance, refused where it is not
        positive definite. "cholesky": any real numbers are valid, so that raw outputs of a network train; "variance"
        holds the logarithm of the standard deviation, and a covariance the lower Cholesky factor, its entries in the
        places of the same name: xx, yy, zz the logarithms of the diagonal, xy, xz, yz what stands below it.
    coordinates : {"pixel", "normalized"}
        The units of the coordinates and widths in the rows. "normalized": [-1, 1] between the outer edges of the frame
        along each axis, widths too (`gaussgrad.to_pixels`).
    amplitude, compose, pixel, tolerance
        As in `gaussgrad.render`.
    channel : bool
        Whether the image has a channel axis. False needs a row with at most one weight.
    batched : bool, optional
        Whether the input has a batch axis. None: one of two axes is (n, r) if it has r columns, else flat, (b, n * r).
        A network that ends in a single row, (b, r), needs True; (n * r,) needs False.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`, values that are not finite, covariances that are not
        positive definite.

    Notes
    -----
    Input rows (b, n, r), r the numbers of one row, unbatched (n, r), or flat (b, n * r), as `nn.Linear` gives it.
    Output (b, c, *size), c = 1 without " weight*c"; without b for unbatched rows, without c for `channel=False`.
    Differentiable to the rows. No parameters, an empty `state_dict`. Half precision is computed in float32.

    A fixed width stays in pixels because it belongs to the picture, like `size`: spots stay round in any frame.
    "cholesky" spans what float32 can hold: logarithms within about 40, off-diagonal entries up to about a thousand
    times the diagonal ones; beyond, the covariance is no longer positive definite after rounding and is refused.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import RenderGaussians
    >>> decoder = torch.nn.Sequential(torch.nn.Linear(16, 10 * 2), RenderGaussians((28, 28), row="x y", stddev=2.0))
    >>> decoder(torch.randn(4, 16)).shape
    torch.Size([4, 1, 28, 28])
    >>> ellipses = RenderGaussians((28, 28), row="x y xx xy yy weight*3", parametrization="cholesky")
    >>> ellipses(torch.randn(4, 10, 8)).shape
    torch.Size([4, 3, 28, 28])
    """

    def __init__(
        self,
        size: tuple[int, ...] | int,
        row: str | None = None,
        *,
        variance: float | None = None,
        stddev: float | None = None,
        parametrization: str = "covariance",
        coordinates: str = "pixel",
        amplitude: str = "density",
        compose: str = "sum",
        pixel: str = "point",
        tolerance: float = 1e-4,
        channel: bool = True,
        batched: bool | None = None,
    ) -> None:
        axes = layer_size(size)
        super().__init__(axes, parse_row(row, len(axes), with_widths=True), coordinates, channel, batched)
        self.variance = fixed_variance(self.row, variance, stddev)
        self.parametrization = checks.option("parametrization", parametrization, PARAMETRIZATIONS)
        if self.variance is not None and parametrization != "covariance":
            cure = "Leave it out: the width is fixed."
            raise ValueError(
                complain("parametrization", f"'covariance' for row={self.row.text!r}", repr(parametrization), cure)
            )
        self.amplitude = checks.option("amplitude", amplitude, AMPLITUDES)
        self.compose = checks.option("compose", compose, COMPOSES)
        self.pixel = checks.option("pixel", pixel, PIXELS)
        self.tolerance = checks.number("tolerance", tolerance, "a number in [0, 1)", 0.0, 1.0)

    def _draw(self, means: torch.Tensor, widths: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        means, covariances = self._in_pixels(means, widths)
        options = {name: getattr(self, name) for name in DRAWING_OPTIONS}
        return render(means, covariances, weights, size=self.size, **options)

    def _in_pixels(self, means: torch.Tensor, widths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and packed covariances in pixels."""
        normalized = self.coordinates == "normalized"
        if self.variance is not None:
            covariances = covariance.isotropic(means.new_full((), self.variance), self.row.d)
            return to_pixels(means, size=self.size) if normalized else means, covariances
        covariances = self._covariances(widths)
        return to_pixels(means, covariances, size=self.size) if normalized else (means, covariances)

    def _covariances(self, widths: torch.Tensor) -> torch.Tensor:
        """Packed covariances (..., n, d(d+1)/2) of the widths in the rows, in the units of the rows."""
        d = self.row.d
        log_scale = self.parametrization == "cholesky"
        if not log_scale:
            _refuse_indefinite(widths, self.row)
        if self.row.widths == ("variance",):
            width = widths[..., 0]
            return covariance.isotropic(torch.exp(2 * width) if log_scale else width, d)
        if not log_scale:
            return widths
        by_rows = widths[..., [0, 1, 3, 2, 4, 5]] if d == 3 else widths  # xx, yx, yy, zx, zy, zz
        return covariance.from_cholesky(by_rows, log_diagonal=True)

    def extra_repr(self) -> str:
        parts = self._common_repr()
        if self.variance is not None:
            parts.append(f"stddev={math.sqrt(self.variance):.6g}")
        else:
            parts.append(f"parametrization={self.parametrization!r}")
        parts += [f"{name}={getattr(self, name)!r}" for name in DRAWING_OPTIONS]
        return ", ".join(parts)


class RenderImpulses(_Drawing):
    """Layer that draws the kernel at each row of its input: `gaussgrad.render_impulses` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (width,) or an int for signals; (height, width); (depth, height, width). Pixels.
    kernel : array (k,), (k_y, k_x) or (k_z, k_y, k_x)
        What one impulse draws; fixed. For a kernel that is learned, call `gaussgrad.render_impulses`.
    row : str, optional
        The numbers of one impulse, "x", "x y" or "x y z"; each also with " weight", or " weight*3" for three channels.
        By default the coordinates alone.
    coordinates : {"pixel", "normalized"}
        The units of the coordinates. "normalized": [-1, 1] between the outer edges of the frame. The kernel is in
        pixels always.
    channel : bool
        Whether the image has a channel axis. False needs a row with at most one weight.
    batched : bool, optional
        Whether the input has a batch axis. None: one of two axes is (n, r) if it has r columns, else flat, (b, n * r).
        A network that ends in a single row, (b, r), needs True; (n * r,) needs False.

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`, values that are not finite.

    Notes
    -----
    Input, output and what is stored as in `RenderGaussians`. Differentiable to the rows; a point feels only the
    pixels under its kernel, see docs/maths.md.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import RenderImpulses
    >>> layer = RenderImpulses(10, [0.28, 0.44, 0.28], row="x")
    >>> layer(torch.tensor([[3.0, 7.0]], dtype=torch.float64)).tolist()
    [[[0.0, 0.0, 0.28, 0.44, 0.28, 0.0, 0.28, 0.44, 0.28, 0.0]]]
    """

    def __init__(
        self,
        size: tuple[int, ...] | int,
        kernel: Any,
        row: str | None = None,
        *,
        coordinates: str = "pixel",
        channel: bool = True,
        batched: bool | None = None,
    ) -> None:
        axes = layer_size(size)
        super().__init__(axes, parse_row(row, len(axes), with_widths=False), coordinates, channel, batched)
        self.kernel = torch.as_tensor(kernel, dtype=torch.float64).detach().tolist()
        render_impulses(torch.zeros(0, len(axes)), self.kernel, size=axes)  # refuses what is no kernel, now

    def _draw(self, means: torch.Tensor, widths: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        means = to_pixels(means, size=self.size) if self.coordinates == "normalized" else means
        return render_impulses(means, means.new_tensor(self.kernel), weights, size=self.size)

    def extra_repr(self) -> str:
        kernel = torch.tensor(self.kernel)
        shown = f"kernel={self.kernel}" if kernel.numel() <= 9 else f"kernel of shape {tuple(kernel.shape)}"
        return ", ".join([*self._common_repr(), shown])


def _refuse_indefinite(widths: torch.Tensor, row: Row) -> None:
    """Refuse variances and covariances that are not positive definite, where they are known, and name the way out."""
    values = concrete(widths)
    if values is None:
        return
    try:
        if row.widths == ("variance",):
            checks.positive("variance", values[..., 0])
        else:
            checks.positive_definite("covariances", values)
    except ValueError as error:
        cure = 'In this layer, parametrization="cholesky" takes any real numbers, such as raw outputs of a network.'
        raise ValueError(f"{error} {cure}") from None
