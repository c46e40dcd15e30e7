"""PyTorch layers that draw: `nn.Module`s without parameters that end any `nn.Sequential`."""

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.drawing import draw_gaussians, draw_impulses
from gaussgrad.layers.options import (
    FRAME,
    NARROWEST,
    DrawingOptions,
    GaussianOptions,
    ImpulseOptions,
    gaussian_options,
    impulse_options,
)


class _Drawing(nn.Module, ABC):
    """What both layers share: tensors only, and the axes of the image. Abstract."""

    def __init__(self, options: DrawingOptions, channel: bool, batched: bool | None) -> None:
        super().__init__()
        self.options = options
        self.channel = checks.option("channel", channel, (True, False))
        self.batched = checks.option("batched", batched, (None, True, False))
        self._has_warned = False
        layout = options.layout
        if layout.channels > 1 and not channel:
            wanted = f"True for the {layout.channels} channels of row={layout.text!r}"
            raise ValueError(complain("channel", wanted, "False"))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The image (b, c, *size) of rows (b, n, r) or (b, n * r), or (c, *size) of rows (n, r)."""
        if not isinstance(rows, torch.Tensor):
            raise TypeError(complain("rows", "a torch tensor", f"a {type(rows).__name__}", "Use torch.as_tensor."))
        if not rows.dtype.is_floating_point:
            raise TypeError(complain("rows", "of a floating-point dtype", str(rows.dtype), "Use rows.float()."))
        self._warn_of_guess(rows.shape)
        image = self._draw(rows)
        axis = -1 - len(self.options.size)
        if not self.options.draws_channels:
            return image.unsqueeze(axis) if self.channel else image
        return image if self.channel else image.squeeze(axis)

    def _warn_of_guess(self, shape: torch.Size) -> None:
        """Say once, in training mode, how rows of shape (n, r) are read; a tracer could not follow."""
        layout = self.options.layout
        if self.batched is not None or not self.training or self._has_warned:
            return
        if len(shape) != 2 or shape[1] != layout.length:
            return
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return
        self._has_warned = True
        warnings.warn(
            f"{type(self).__name__} reads rows of shape {tuple(shape)} as one image of {shape[0]} rows, since "
            f"row={layout.text!r} holds {layout.length} numbers. If they are {shape[0]} images of one row each, pass "
            "batched=True. If not, batched=False says so and ends this warning.",
            stacklevel=5,  # past forward and torch's two frames
        )

    @abstractmethod
    def _draw(self, rows: torch.Tensor) -> torch.Tensor:
        """The image, with a channel axis where rows have weights."""

    def _common_repr(self) -> list[str]:
        options = self.options
        parts = [f"size={options.size}", f"row={options.layout.text!r}", f"coordinates={options.coordinates!r}"]
        parts += ["channel=False"] if not self.channel else []
        parts += [f"batched={self.batched}"] if self.batched is not None else []
        return parts + ([f"backend={options.backend!r}"] if options.backend is not None else [])


class RenderGaussians(_Drawing):
    """Layer that draws each row of its input as a Gaussian: `gaussgrad.render` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (height, width); (width,) or an int for signals; (depth, height, width) for volumes. Pixels.
    row : str, optional
        The numbers of one Gaussian. In 2-D "x y", "x y variance" or "x y xx xy yy"; in 1-D "x", "x variance" or "x xx";
        in 3-D "x y z", "x y z variance" or "x y z xx xy xz yy yz zz". Each also with " weight", or " weight*3" for
        three channels (red, green, blue, or any other number of channels). By default the coordinates alone.
    variance, stddev : float, optional
        The fixed width of all Gaussians, for rows without a width: one of the two, in pixels squared or pixels. With
        normalised coordinates too.
    parametrization : {"covariance", "cholesky"}
        What the width in a row means. "covariance": a variance, or a packed covariance; one that is not positive
        definite is refused. "cholesky": for raw outputs of a network, since any finite numbers can be drawn (Notes).
        "variance" is then the logarithm of the standard deviation, and a covariance is the lower Cholesky factor: xx,
        yy and zz are the logarithms of its diagonal, xy, xz and yz the entries below.
    narrowest : float
    widest : float, "frame" or None
        Smooth bounds of the widths of "cholesky" (Notes), in pixels, also with normalised coordinates. "frame" is twice
        the longest side. `narrowest=0` and `widest=None` switch them off.
    coordinates : {"pixel", "normalized"}
        The units of the coordinates and widths in the rows. "normalized": [-1, 1] between the outer edges of the frame
        along each axis, widths too (`gaussgrad.to_pixels`).
    amplitude, compose, pixel, tolerance
        As in `gaussgrad.render`.
    maps : {"sum", "each"}
        "each" draws every Gaussian into its own channel, as for heatmaps of keypoints: the image is (b, n, *size). A
        weight is then the visibility of the keypoint: if it is 0, the map is empty, and the rest of the row has
        gradient 0. Rows may have one weight at most.
    channel : bool
        Whether the image has a channel axis. False needs a row with at most one weight, and `maps="sum"`.
    batched : bool, optional
        Whether the input has a batch axis. None: an input with two axes is (n, r) if it has r columns, and else flat,
        (b, n * r); in the first case the layer warns, once and in training mode. A network that ends in a single row,
        (b, r), needs True; (n * r,) needs False.
    backend : {None, "reference", "cpu", "triton"}
        As in `gaussgrad.render`. "reference" is for exported models (docs/deployment.md).

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`, values that are not finite, covariances that are not
        positive definite.

    Notes
    -----
    Input rows (b, n, r), r the numbers of one row, unbatched (n, r), or flat (b, n * r), as `nn.Linear` gives it.
    Output (b, c, *size), c = 1 without " weight*c" and n for `maps="each"`; without b for unbatched rows, without c for
    `channel=False`.
    Differentiable in the rows. No parameters, an empty `state_dict`. Half precision is computed in float32.

    A fixed width stays in pixels because it belongs to the picture, like `size`: spots stay round in any frame.
    "cholesky" bounds each entry v of the factor to v / sqrt(1 + (v / widest)^2), then adds narrowest^2 to the variance
    along every axis (docs/maths.md, equations 56 and 57): a stddev of 2 pixels becomes 2.015 in a frame of 64. Then no
    finite row is refused, and none gives an image or gradient that is not finite, unless its weights do. If one of the
    bounds is off, logarithms beyond 44 are refused in float32. The covariance is never formed, so rounding cannot make
    it indefinite.

    Under `torch.autocast` float32 coordinates stay float32; the layer before must not round them to half precision
    (docs/conventions.md, "Half precision").

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

    options: GaussianOptions

    def __init__(
        self,
        size: tuple[int, ...] | int,
        row: str | None = None,
        *,
        variance: float | None = None,
        stddev: float | None = None,
        parametrization: str = "covariance",
        narrowest: float = NARROWEST,
        widest: float | str | None = FRAME,
        coordinates: str = "pixel",
        amplitude: str = "density",
        compose: str = "sum",
        pixel: str = "point",
        tolerance: float = 1e-4,
        maps: str = "sum",
        channel: bool = True,
        batched: bool | None = None,
        backend: str | None = None,
    ) -> None:
        options = gaussian_options(
            size,
            row,
            variance=variance,
            stddev=stddev,
            parametrization=parametrization,
            narrowest=narrowest,
            widest=widest,
            coordinates=coordinates,
            amplitude=amplitude,
            compose=compose,
            pixel=pixel,
            tolerance=tolerance,
            maps=maps,
            backend=backend,
        )
        super().__init__(options, channel, batched)
        if options.each and not channel:
            raise ValueError(complain("channel", "True for maps='each', whose channels are the Gaussians", "False"))

    def _draw(self, rows: torch.Tensor) -> torch.Tensor:
        return draw_gaussians(rows, self.options, self.batched)

    def extra_repr(self) -> str:
        options = self.options
        if options.variance is not None:
            width = f"stddev={math.sqrt(options.variance):.6g}"
        else:
            width = f"parametrization={options.parametrization!r}"
        shown = {**options.bounds(), **options.drawing()} if options.raw else options.drawing()
        maps = ["maps='each'"] if options.each else []
        return ", ".join([*self._common_repr(), width, *(f"{k}={v!r}" for k, v in shown.items()), *maps])


class RenderImpulses(_Drawing):
    """Layer that draws the kernel at each row of its input: `gaussgrad.render_impulses` with stored options.

    Parameters
    ----------
    size : tuple of int, or int
        (width,) or an int for signals; (height, width); (depth, height, width). Pixels.
    kernel : array (k,), (k_y, k_x) or (k_z, k_y, k_x)
        What one impulse draws. It is fixed; to learn a kernel, call `gaussgrad.render_impulses`.
    row : str, optional
        The numbers of one impulse, "x", "x y" or "x y z"; each also with " weight", or " weight*3" for three channels.
        By default the coordinates alone.
    coordinates : {"pixel", "normalized"}
        The units of the coordinates. "normalized": [-1, 1] between the outer edges of the frame. The kernel is always
        in pixels.
    channel : bool
        Whether the image has a channel axis. False needs a row with at most one weight.
    batched : bool, optional
        Whether the input has a batch axis. None: an input with two axes is (n, r) if it has r columns, and else flat,
        (b, n * r); in the first case the layer warns, once and in training mode. A network that ends in a single row,
        (b, r), needs True; (n * r,) needs False.
    backend : {None, "reference", "cpu"}
        As in `gaussgrad.render_impulses`. "reference" is for exported models (docs/deployment.md).

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that does not fit `row`, values that are not finite.

    Notes
    -----
    Input, output and what is stored as in `RenderGaussians`. Differentiable in the rows; a point feels only the
    pixels under its kernel, see docs/maths.md.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import RenderImpulses
    >>> layer = RenderImpulses(10, [0.28, 0.44, 0.28], row="x")
    >>> layer(torch.tensor([[3.0, 7.0]], dtype=torch.float64)).tolist()
    [[[0.0, 0.0, 0.28, 0.44, 0.28, 0.0, 0.28, 0.44, 0.28, 0.0]]]
    """

    options: ImpulseOptions

    def __init__(
        self,
        size: tuple[int, ...] | int,
        kernel: Any,
        row: str | None = None,
        *,
        coordinates: str = "pixel",
        channel: bool = True,
        batched: bool | None = None,
        backend: str | None = None,
    ) -> None:
        kernel = torch.as_tensor(kernel, dtype=torch.float64).detach().tolist()
        options = impulse_options(size, kernel, row, coordinates=coordinates, backend=backend)
        super().__init__(options, channel, batched)

    def _draw(self, rows: torch.Tensor) -> torch.Tensor:
        return draw_impulses(rows, self.options, self.batched)

    def extra_repr(self) -> str:
        kernel = np.asarray(self.options.kernel)
        shown = f"kernel={self.options.kernel}" if kernel.size <= 9 else f"kernel of shape {kernel.shape}"
        return ", ".join([*self._common_repr(), shown])
