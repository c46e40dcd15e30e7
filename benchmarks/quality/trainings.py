"""Trainings by the command line: the options that are compared, and how one is run."""

import subprocess
import sys

ENCODERS = {
    "ten Gaussians": (),
    "ten Gaussians, first pass only": ("--looks", "0"),
    "ten points": ("--latent", "points"),
}
DECONVOLUTIONAL = "deconvolutional decoder"  # the rival, trained by deconvolutional.py
SEEDS = (0, 1, 2)

VARIANT_EPOCHS = 3
VARIANTS = {
    "5 looks": (),
    "no look": ("--looks", "0"),
    "1 look": ("--looks", "1"),
    "3 looks": ("--looks", "3"),
    "8 looks": ("--looks", "8"),
    "heatmaps": ("--head", "heatmap"),
    "presence cost 0.0003": ("--presence-cost", "0.0003"),
    "presence cost 0.001": ("--presence-cost", "0.001"),
    "points": ("--latent", "points"),
    "points, 1.2 pixels wide": ("--latent", "points", "--stddev", "1.2"),
    "points, 1.6 pixels wide": ("--latent", "points", "--stddev", "1.6"),
    "points, maximum": ("--latent", "points", "--compose", "max"),
    "points, union": ("--latent", "points", "--compose", "union"),
}


def folder_name(name: str) -> str:
    return name.replace(",", "").replace(" ", "-")


def train(*arguments: object) -> None:
    """`gaussgrad train` of this Python."""
    subprocess.run([sys.executable, "-m", "gaussgrad", "train", *map(str, arguments)], check=True)
