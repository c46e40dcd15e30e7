"""Spots in frames: found, fitted, and how sure."""

from gaussgrad.spots.comparison import Comparison, compare
from gaussgrad.spots.drawing import draw
from gaussgrad.spots.drifting import Drift, drift
from gaussgrad.spots.finder import find
from gaussgrad.spots.linking import Tracks, link
from gaussgrad.spots.reading import SpotFile, read_spots
from gaussgrad.spots.tables import SpotTable

__all__ = [
    "Comparison",
    "Drift",
    "SpotFile",
    "SpotTable",
    "Tracks",
    "compare",
    "draw",
    "drift",
    "find",
    "link",
    "read_spots",
]
