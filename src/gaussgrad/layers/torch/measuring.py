"""The PyTorch layer that measures maps: the way back from the layers that draw."""

import torch
from torch import nn

from gaussgrad.checks import complain
from gaussgrad.layers.measuring import measure_rows
from gaussgrad.layers.options import moments_options


class Moments(nn.Module):
    """Layer that reads each channel of its input as a Gaussian: `gaussgrad.moments` with stored options, as rows.

    Parameters
    ----------
    row : str
        The numbers of one row: "x y", or "x y xx xy yy" with the covariance; each also with " weight", the mass.
    softmax : float, optional
        A temperature: the input is then logits, such as the raw output of a convolution, divided by it.
    coordinates : {"pixel", "normalized"}
        The units of the rows. "normalized": [-1, 1] between the outer edges of the frame.
    backend : {None, "reference", "cpu"}
        As in `gaussgrad.moments`. "reference" is for exported models (docs/deployment.md).

    Raises
    ------
    ValueError, TypeError
        For options out of range, an input that is no tensor, and as `gaussgrad.moments`.

    Notes
    -----
    Input (b, c, h, w), or without b; output (b, c, r), r the numbers of one row. `RenderGaussians` of the same `row`
    and `coordinates` draws these, each row into a channel of its own with `maps="each"`. Differentiable in the input.
    No parameters. Half precision, also that of `torch.autocast`, gives rows in float32, as coordinates need the digits.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import Moments
    >>> keypoints = torch.nn.Sequential(torch.nn.Conv2d(3, 17, 3, padding=1), Moments(softmax=1.0))
    >>> keypoints(torch.randn(4, 3, 32, 24)).shape
    torch.Size([4, 17, 5])
    """

    def __init__(
        self,
        row: str = "x y xx xy yy",
        *,
        softmax: float | None = None,
        coordinates: str = "pixel",
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.options = moments_options(row, softmax=softmax, coordinates=coordinates, backend=backend)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The rows (b, c, r) of maps (b, c, h, w)."""
        if not isinstance(images, torch.Tensor):
            raise TypeError(complain("images", "a torch tensor", f"a {type(images).__name__}", "Use torch.as_tensor."))
        return measure_rows(images, self.options)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.options.config().items() if value is not None)
