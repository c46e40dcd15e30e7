"""Layers: stored options plus one call, one room per framework: `gaussgrad.layers.torch`, `gaussgrad.layers.keras`."""
