"""Find and improve the Gaussians of images with torch: least squares, losses, schedules and matching.

- `fit_image` draws a photograph by as many Gaussians as wanted, `fit_images` many small images at once.
- `refine` moves Gaussians down the squared error to their images; `recover` finds them from random places.
- `respawn` gives the Gaussian that matters least a second life where light is missing.
- `distillation_loss` teaches an encoder what `refine` made of its answer; `diagnose` tells which Gaussians are no use.
- `losses` compare images: `squared_error`, `absolute_error`, `poisson_error`, each also at scales by `multi_scale`.
- `heatmap_losses` compare maps with Gaussians, and points with what maps say of them: `kl_divergence_to_gaussian`,
  `js_divergence_to_gaussian`, `negative_log_likelihood`.
- `point_losses` compare points with images or with points: `energy_distance`, `chamfer_distance`, `separation`.
- `schedules` make things fade while training: `annealed`, `blur_images`, `blur_gaussians`.
- `matching` pairs found points with known ones: `match`, `matched_distance`.
- `gauss_newton` and `least_squares` take the steps of `refine`, by integrals over pairs of Gaussians and by all pixels.
"""

from gaussgrad.fitting import heatmap_losses, losses, matching, point_losses, schedules
from gaussgrad.fitting.diagnostics import Diagnosis, diagnose
from gaussgrad.fitting.distillation import distillation_loss
from gaussgrad.fitting.heatmap_losses import (
    js_divergence_to_gaussian,
    kl_divergence_to_gaussian,
    negative_log_likelihood,
)
from gaussgrad.fitting.losses import absolute_error, multi_scale, poisson_error, squared_error
from gaussgrad.fitting.matching import match, matched_distance
from gaussgrad.fitting.photographs import Fit, fit_image, fit_images
from gaussgrad.fitting.point_losses import chamfer_distance, energy_distance, separation
from gaussgrad.fitting.recovery import recover
from gaussgrad.fitting.refinement import refine
from gaussgrad.fitting.respawning import respawn
from gaussgrad.fitting.schedules import annealed, blur_gaussians, blur_images

__all__ = [
    "Diagnosis",
    "Fit",
    "absolute_error",
    "annealed",
    "blur_gaussians",
    "blur_images",
    "chamfer_distance",
    "diagnose",
    "distillation_loss",
    "energy_distance",
    "fit_image",
    "fit_images",
    "heatmap_losses",
    "js_divergence_to_gaussian",
    "kl_divergence_to_gaussian",
    "losses",
    "match",
    "matched_distance",
    "matching",
    "multi_scale",
    "negative_log_likelihood",
    "point_losses",
    "poisson_error",
    "recover",
    "refine",
    "respawn",
    "schedules",
    "separation",
    "squared_error",
]
