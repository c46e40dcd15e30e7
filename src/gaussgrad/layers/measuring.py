"""From maps to rows of numbers, written once for every framework."""

from typing import Any

from gaussgrad.dispatch import unify
from gaussgrad.layers.options import MomentsOptions
from gaussgrad.ops.moments import moments


def measure_rows(images: Any, options: MomentsOptions) -> Any:
    """The rows (..., c, r) of maps (..., c, h, w), in float32 where these are of half precision."""
    unified = unify(images=images)
    (images,) = unified.arrays
    mass, means, covariances = moments(
        images, softmax=options.softmax, coordinates=options.coordinates, backend=options.backend
    )
    parts = [means, covariances if options.layout.widths else None, mass[..., None] if options.layout.weights else None]
    return unified.namespace.concat([part for part in parts if part is not None], axis=-1)
