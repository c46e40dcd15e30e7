"""Where Gaussians start: more and narrower ones where an image has more structure."""

import math

import torch
import torch.nn.functional as functional

STRUCTURE = 0.7  # the share of the Gaussians that follows the structure; the others are spread evenly
WINDOW = 5  # pixels along a side, over which structure is averaged
REACH = 0.5  # the width of a Gaussian, as a share of the side of a square that holds one
NARROWEST = 1.0  # pixels
FAINTEST = 1e-6  # the steepness that even flat pixels have, so that an empty image is divided evenly


def structured_start(images: torch.Tensor, n: int, order: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Places (b, n, 2) in pixels and widths (b, n) of n Gaussians for images (b, c, h, w), without randomness.

    The steepness of an image is averaged over a few pixels and mixed with an even share. Along a curve that visits all
    pixels and stays near where it was, each Gaussian takes the middle of an equal part of the whole.

    Parameters
    ----------
    images : tensor (b, c, h, w)
        Of any range.
    n : int
        Number of Gaussians.
    order : tensor (h w,)
        What `curve` gives for (h, w).

    Notes
    -----
    Zhang et al. (2024), "Image-GS", section 3.2, places Gaussians by the gradient of the image too, but at random.
    Quantiles along a space-filling curve: Gerber and Chopin (2015), "Sequential quasi-Monte Carlo", section 3.

    Examples
    --------
    >>> import torch
    >>> image = torch.zeros(1, 1, 16, 16)
    >>> image[..., 8:] = 1.0
    >>> places, widths = structured_start(image, 20, curve(16, 16))
    >>> int(((places[0, :, 0] - 7.5).abs() < 5).sum())  # near the edge
    18
    """
    height, width = images.shape[2:]
    steep = _steepness(images).flatten(1)
    share = STRUCTURE * steep / steep.sum(dim=1, keepdim=True) + (1 - STRUCTURE) / steep.shape[1]
    passed = share[:, order].cumsum(dim=1)
    middles = (torch.arange(n, device=images.device, dtype=images.dtype) + 0.5) / n
    found = torch.searchsorted(passed, middles.expand(len(images), n).contiguous())
    pixels = order[found.clamp(max=height * width - 1)]
    places = torch.stack((pixels % width, pixels // width), dim=-1).to(images.dtype)
    widths = REACH / torch.sqrt(n * share.gather(1, pixels))
    return places, widths.clamp(NARROWEST, max(NARROWEST, 0.4 * max(height, width)))


def curve(height: int, width: int) -> torch.Tensor:
    """The positions (h w,) of pixels in the order in which Hilbert's curve visits them.

    Notes
    -----
    Skilling (2004), "Programming the Hilbert curve"; in two dimensions, by quadrants from the largest on.

    Examples
    --------
    >>> curve(2, 2).tolist()
    [0, 2, 3, 1]
    """
    side = 1 << max(1, math.ceil(math.log2(max(height, width))))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = x.flatten(), y.flatten()
    distance = torch.zeros_like(x)
    half = side // 2
    while half:
        right, lower = (x & half > 0).long(), (y & half > 0).long()
        distance += half * half * ((3 * right) ^ lower)
        mirrored, turned = (lower == 0) & (right == 1), lower == 0
        x, y = torch.where(mirrored, side - 1 - x, x), torch.where(mirrored, side - 1 - y, y)
        x, y = torch.where(turned, y, x), torch.where(turned, x, y)
        half //= 2
    return torch.argsort(distance)


def _steepness(images: torch.Tensor) -> torch.Tensor:
    """(b, h, w), averaged over some pixels."""
    grey = functional.pad(images.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across, down = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2], grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    steep = torch.sqrt(across.square() + down.square()) + FAINTEST
    margin = WINDOW // 2
    return functional.avg_pool2d(functional.pad(steep, (margin,) * 4, mode="replicate"), WINDOW, stride=1)[:, 0]
