"""Scenes of spots as a microscope would see them: drawn by the renderer, counted by a camera."""

from gaussgrad.simulation.camera import Camera
from gaussgrad.simulation.scene import Scene, Simulation

__all__ = ["Camera", "Scene", "Simulation"]
