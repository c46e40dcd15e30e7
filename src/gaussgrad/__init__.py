"""gaussgrad: differentiable Gaussians for deep models."""

from gaussgrad import covariance
from gaussgrad.coordinates import to_normalized, to_pixels
from gaussgrad.ops.impulse import render_impulses
from gaussgrad.ops.render import render
from gaussgrad.rows import from_rows

__all__ = ["covariance", "from_rows", "render", "render_impulses", "to_normalized", "to_pixels"]
