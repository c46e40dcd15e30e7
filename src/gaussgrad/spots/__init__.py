"""Spots in frames: found, fitted, and how sure."""
