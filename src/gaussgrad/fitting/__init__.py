"""Find and improve the Gaussians of images: refinement, recovery from nothing, losses, schedules and matching."""

from gaussgrad.fitting.diagnostics import Diagnosis, diagnose
from gaussgrad.fitting.distillation import distillation_loss
from gaussgrad.fitting.losses import absolute_error, multi_scale, poisson_error, squared_error
from gaussgrad.fitting.matching import match, matched_distance
from gaussgrad.fitting.point_losses import chamfer_distance, energy_distance, separation
from gaussgrad.fitting.recovery import recover
from gaussgrad.fitting.refinement import refine
from gaussgrad.fitting.respawning import respawn
from gaussgrad.fitting.schedules import annealed, blur_gaussians, blur_images

__all__ = [
    "Diagnosis",
    "absolute_error",
    "annealed",
    "blur_gaussians",
    "blur_images",
    "chamfer_distance",
    "diagnose",
    "distillation_loss",
    "energy_distance",
    "match",
    "matched_distance",
    "multi_scale",
    "poisson_error",
    "recover",
    "refine",
    "respawn",
    "separation",
    "squared_error",
]
