"""What is wrong with the Gaussians of images: they draw nothing, draw the same twice, or lie where no image is."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gaussgrad import checks
from gaussgrad.gaussians import Gaussians

FAINT = 0.02  # of the largest weight of all images: less is not seen beside it
NARROW = 0.25  # pixels: falls between the pixel centres
SAME = 0.95  # overlap of two Gaussians (the Bhattacharyya coefficient) from where on one would do
CLOSE = 1.0  # pixels from the edge of the frame
WIDE = 0.5  # of the shorter side: a Gaussian with such a smaller width is a background
COMMON = 0.1  # the share of Gaussians from which on something is worth a word
KINDS = ("dead", "duplicate", "off-frame", "border", "background")
CURES = {
    "dead": "draw nothing: they are too faint or too narrow. Use fewer (-n), or a larger first width (--stddev).",
    "duplicate": "lie on top of another one. Use fewer (-n), or add fitting.separation to the loss.",
    "off-frame": "have left the frame and draw nearly nothing. Use a larger first width (--stddev): a pixel loss pulls "
    "only as far as a Gaussian reaches.",
    "border": "stand on the edge of the frame. Give the images a dark margin, or use fewer (-n).",
    "background": "are as wide as the image and serve as its background. Subtract a bright background from the images, "
    "or use a smaller first width (--stddev).",
}


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """For each kind of KINDS, which Gaussians of which images are of it: (b, n), bool. One may be of several kinds.

    Examples
    --------
    >>> found = Diagnosis({kind: torch.tensor([[kind == "dead", False]]) for kind in KINDS})
    >>> found.shares()["dead"]
    0.5
    >>> list(found.warnings())
    ['dead']
    """

    found: dict[str, torch.Tensor]

    def shares(self) -> dict[str, float]:
        """The share of all Gaussians of each kind."""
        return {kind: float(mask.double().mean()) if mask.numel() else 0.0 for kind, mask in self.found.items()}

    def warnings(self, least: float = COMMON) -> dict[str, str]:
        """One sentence or two for each kind that at least this share of the Gaussians is of, with what to try."""
        shares = self.shares()
        return {kind: f"{shares[kind]:.0%} of the Gaussians {CURES[kind]}" for kind in KINDS if shares[kind] >= least}


def diagnose(gaussians: Gaussians, size: Sequence[int]) -> Diagnosis:
    """Which Gaussians are dead, duplicates, off the frame, on its border, or as wide as a background.

    Parameters
    ----------
    gaussians : Gaussians
        Of many images: means (b, n, 2), covariances or Cholesky factors (b, n, 3), weights (b, n) or (b, n, c). With
        presence, those that are absent are left out of all kinds.
    size : tuple of int
        (height, width) in pixels.

    Returns
    -------
    diagnosis : Diagnosis
        "dead": the weight is below 2 % of the largest of all images, or the smaller width below a quarter of a pixel.
        "duplicate": overlaps an earlier one of its image to 95 % (Bhattacharyya coefficient). "off-frame": the mean is
        outside the frame by more than its width there. "border": the mean is within a pixel of the frame's edge.
        "background": the smaller width is more than half the shorter side.

    Raises
    ------
    ValueError
        For a size that is not (height, width).

    Notes
    -----
    Bhattacharyya (1943), "On a measure of divergence between two statistical populations".

    Examples
    --------
    >>> import torch
    >>> round_one = torch.tensor([4.0, 0.0, 4.0]).expand(1, 2, 3)
    >>> twins = Gaussians(torch.full((1, 2, 2), 9.0), round_one, torch.ones(1, 2))
    >>> diagnose(twins, (20, 20)).shares()["duplicate"]
    0.5
    """
    frame = checks.image_size(size)
    if len(frame) != 2:
        raise ValueError(checks.complain("size", "(height, width)", repr(size)))
    means, covariances = gaussians.means.detach(), gaussians.packed_covariances().detach()
    areas = _areas(gaussians)
    strength = gaussians.weights.detach().abs()
    strength = strength.amax(-1) if strength.ndim == means.ndim else strength  # (b, n)
    absent = torch.zeros_like(strength, dtype=torch.bool) if gaussians.presence is None else strength == 0
    smaller = _smaller_width(covariances, areas)
    edge = torch.tensor((frame[1], frame[0]), dtype=means.dtype, device=means.device)
    inside = torch.minimum(means + 0.5, edge - 0.5 - means)  # from each edge, negative outside
    widths = covariances[..., [0, 2]].sqrt()
    off = (inside < -widths).any(-1)
    dead = (strength < FAINT * strength.amax()) | (smaller < NARROW) if strength.numel() else absent
    found = {
        "dead": dead,
        "duplicate": _repeats(means, covariances, areas, ~(absent | dead)),
        "off-frame": off,
        "border": (inside.amin(-1).abs() < CLOSE) & ~off,
        "background": smaller > WIDE * min(frame),
    }
    return Diagnosis({kind: found[kind] & ~absent for kind in KINDS})


def _areas(gaussians: Gaussians) -> torch.Tensor:
    """(b, n): the product of both principal standard deviations; that of a factor's diagonal loses no digits."""
    xx, _, yy = gaussians.factors().detach().unbind(-1)
    return xx * yy


def _smaller_width(covariances: torch.Tensor, areas: torch.Tensor) -> torch.Tensor:
    """(b, n): the standard deviation along the shorter principal axis."""
    xx, xy, yy = covariances.unbind(-1)
    spread = torch.sqrt(((xx - yy) / 2).square() + xy.square())
    return areas / torch.sqrt((xx + yy) / 2 + spread)


def _repeats(means: torch.Tensor, covariances: torch.Tensor, areas: torch.Tensor, alive: torch.Tensor) -> torch.Tensor:
    """(b, n): whether one overlaps an earlier one of its image."""
    apart = means[:, :, None] - means[:, None]  # (b, n, n, 2)
    xx, xy, yy = ((covariances[:, :, None] + covariances[:, None]) / 2).unbind(-1)  # (b, n, n)
    both = xx * yy - xy * xy
    x, y = apart.unbind(-1)
    squared = (yy * x * x - 2 * xy * x * y + xx * y * y) / both
    overlap = torch.exp(-squared / 8) * (areas[:, :, None] * areas[:, None] / both).sqrt()
    earlier = torch.ones_like(overlap[0], dtype=torch.bool).tril(-1)
    return ((overlap > SAME) & earlier & alive[:, :, None] & alive[:, None]).any(-1)
