"""The default encoder: a small convolutional network with batch norm, for images of any size."""

import math

import torch
from torch import nn

from gaussgrad import checks

SMALLEST_MAP = 7  # the network halves height and width until both are at most this
WIDTHS = (32, 64, 64, 128)  # channels at a half, a quarter, an eighth, and from a sixteenth on


class ConvolutionalEncoder(nn.Sequential):
    """Features (b, features), or feature maps, of images (b, c, h, w).

    Strided convolutions with batch norm and SiLU halve the image until both sides are at most 7 pixels, one more looks
    at what is left; it is flattened, so that places are not lost, and goes through one dense layer. 0.86 million
    parameters for 28 x 28.

    Parameters
    ----------
    size : tuple of int
        (height, width) of the images.
    channels : int
        Channels of the images.
    features : int, optional
        Length of the feature vector; None leaves the dense layer out, for heatmaps.

    Attributes
    ----------
    shape : tuple of int
        The shape of one image's features: (features,) or (c, h, w).

    Examples
    --------
    >>> import torch
    >>> ConvolutionalEncoder((28, 28)).eval()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 256])
    """

    def __init__(self, size: tuple[int, int], channels: int = 1, features: int | None = 256) -> None:
        height, width = size
        stages: list[nn.Module] = []
        inputs = channels
        while max(height, width) > SMALLEST_MAP:
            outputs = WIDTHS[min(len(stages), len(WIDTHS) - 1)]
            stages.append(_stage(inputs, outputs, kernel=3 if stages else 5, stride=2))
            inputs, height, width = outputs, (height + 1) // 2, (width + 1) // 2
        outputs = max(inputs, WIDTHS[1])
        stages.append(_stage(inputs, outputs, kernel=3, stride=1))
        shape: tuple[int, ...] = (outputs, height, width)
        if features is not None:
            dense = nn.Linear(math.prod(shape), features, bias=False)
            stages += [nn.Flatten(), dense, nn.BatchNorm1d(features), nn.SiLU()]
            shape = (features,)
        super().__init__(*stages)
        self.shape = shape
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter faster on CPUs

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images.contiguous(memory_format=torch.channels_last))


def _stage(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())


def feature_shape(encoder: nn.Module, size: tuple[int, int], channels: int) -> tuple[int, ...]:
    """The shape of the features that an encoder gives of an image, found by a run on one black image."""
    for name, parameter in encoder.named_parameters():
        _check_dtype(f"its parameter {name} is", parameter)
    training = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        with torch.no_grad():
            features = encoder(torch.zeros(1, channels, *size))
    finally:
        for module, was_training in training.items():
            module.training = was_training
    if not isinstance(features, torch.Tensor) or features.ndim < 2 or len(features) != 1:
        got = f"shape {tuple(features.shape)}" if isinstance(features, torch.Tensor) else f"a {type(features).__name__}"
        wanted = f"a module that gives features (b, ...) of images (b, {channels}, h, w)"
        raise ValueError(checks.complain("encoder", wanted, f"{got} of one image"))
    _check_dtype("its features are", features)
    return tuple(features.shape[1:])


def _check_dtype(which: str, tensor: torch.Tensor) -> None:
    """Refuse what the head, made in the default dtype, could not be joined to."""
    dtype = torch.get_default_dtype()
    if tensor.is_floating_point() and tensor.dtype != dtype:
        cure = "Make the model first, then convert all of it: model.to(dtype)."
        raise ValueError(checks.complain("encoder", f"of {dtype}", f"{which} {tensor.dtype}", cure))
