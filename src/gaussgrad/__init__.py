"""gaussgrad: differentiable Gaussians for deep models."""

from gaussgrad.ops.render import render

__all__ = ["render"]
