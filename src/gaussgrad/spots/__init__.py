"""Spots in frames: found, fitted, and how sure."""

from gaussgrad.spots.comparison import Comparison, compare
from gaussgrad.spots.drawing import draw
from gaussgrad.spots.finder import find
from gaussgrad.spots.reading import SpotFile, read_spots
from gaussgrad.spots.tables import SpotTable

__all__ = ["Comparison", "SpotFile", "SpotTable", "compare", "draw", "find", "read_spots"]
