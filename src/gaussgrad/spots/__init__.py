"""Spots in frames: found, fitted, and how sure."""

from gaussgrad.spots.comparison import Comparison, compare
from gaussgrad.spots.finder import find
from gaussgrad.spots.tables import SpotTable

__all__ = ["Comparison", "SpotTable", "compare", "find"]
