"""Histograms of samples that are Gaussians, and what two images tell of one another."""

from gaussgrad.ops.histogram.counts import histogram
from gaussgrad.ops.histogram.information import mutual_information

__all__ = ["histogram", "mutual_information"]
