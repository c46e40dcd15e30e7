"""Layers: stored options plus one call, one module per framework. `gaussgrad.layers.torch` is the one for PyTorch."""
